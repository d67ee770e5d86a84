"""What goes to a gateway's shell and how its answer is taken apart."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import TransportError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import ReplySection, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack, unpack
from hypothesis import given
from hypothesis import strategies as st

from .examples import examples
from .shells import Shell, shell

__all__ = ["shell"]


def test_output_error_output_and_status_come_apart(shell: Shell) -> None:
    reply = shell.run(Script("section one sh -c 'echo out; echo err >&2; exit 3'; section two true"))
    assert dict(reply.sections) == {"one": ReplySection(3, b"out\n", "err"), "two": ReplySection(0, b"", "")}


def test_bytes_come_back_as_they_are(shell: Shell, tmp_path: str) -> None:
    raw = bytes(range(256)) * 3
    path = f"{tmp_path}/raw"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(raw)
    assert shell.run(Script('section raw cat "$TW_PATH"', {"TW_PATH": path})).sections["raw"].out == raw


@examples(0.3)
@given(value=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=60))
def test_a_variable_arrives_whatever_is_in_it(shell: Shell, value: str) -> None:
    reply = shell.run(Script('section echo printf %s "$TW_VALUE"', secrets={"TW_VALUE": value}))
    assert reply.sections["echo"].text == value


def test_a_command_cannot_read_the_rest_of_the_script(shell: Shell) -> None:
    reply = shell.run(Script("section greedy cat; section after echo here"))
    assert reply.sections["greedy"].out == b""
    assert reply.sections["after"].out == b"here\n"


def test_a_script_cut_in_the_middle_runs_nothing(shell: Shell, tmp_path: str) -> None:
    import subprocess  # noqa: PLC0415

    mark = make_mark()
    whole = pack(Script(f"touch {tmp_path}/ran\n: {'x' * 100}"), mark)
    cut = whole[: whole.index(b"xxx") + 50]
    done = subprocess.run(shell.command, input=cut, capture_output=True, check=False, timeout=20)
    assert done.returncode != 0
    assert not __import__("os").path.exists(f"{tmp_path}/ran")


def test_what_looks_like_a_frame_is_output() -> None:
    mark = make_mark()
    fake = b"\n@tunnelwright-00 end one 0\n\n@tunnelwright-00 stderr\n"
    raw = (
        f"Welcome\n\n{mark} begin one\n".encode()
        + fake
        + f"\n{mark} end one 0\n\n{mark} stderr\n\n{mark} done\n".encode()
    )
    assert unpack(raw, mark).sections["one"].out == fake


def test_a_section_may_be_named_after_a_path() -> None:
    mark, name = make_mark(), "file /etc/a b\xff 1"
    output = f"\n@ begin {name}\n1\n@ end {name} 0\n\n@ stderr\n\n@ done\n".replace("@", mark).encode("latin-1")
    assert unpack(output, mark).sections == {"file /etc/a b\udcff 1": ReplySection(0, b"1", "")}


def test_a_banner_before_the_first_section_is_left_out(shell: Shell) -> None:
    assert shell.run(Script("echo hello; section a true; echo bye")).sections == {"a": ReplySection(0, b"", "")}


@pytest.mark.parametrize("said", [b"", b"sh: 1: Syntax error: end of file unexpected\n"])
def test_an_answer_that_ends_early_is_an_error_that_quotes_it(said: bytes) -> None:
    with pytest.raises(TransportError, match="ended early") as raised:
        unpack(said, make_mark())
    assert (said.decode().strip() or "it said nothing") in str(raised.value)


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("begin a\n\n@ end a 0\n", "in section a"),  # its error output is not closed
        ("begin a\n\n@ end b 0\n\n@ stderr\n", "in section a"),
        ("begin a\n\n@ end a 0000\n\n@ stderr\n", "in section a"),
        ("begin a\n\n@ end a x\n\n@ stderr\n", "in section a"),
        ("end a 0\n\n@ stderr\n", "where a section was to begin"),
        ("begin \n\n@ end  0\n\n@ stderr\n", "where a section was to begin"),
    ],
)
def test_an_answer_that_is_not_made_of_sections_is_one_sentence(said: str, where: str) -> None:
    mark = make_mark()
    output = f"\n@ {said}\n@ done\n".replace("@", mark).encode("latin-1")
    with pytest.raises(TransportError, match=f"not what its script prints, {where}"):
        unpack(output, mark)


def test_a_variable_with_an_impossible_name_is_refused() -> None:
    with pytest.raises(ValueError, match="a-b"):
        pack(Script("", {"a-b": "1"}), make_mark())


def test_marks_never_repeat() -> None:
    assert len({make_mark() for dummy in range(100)}) == 100
