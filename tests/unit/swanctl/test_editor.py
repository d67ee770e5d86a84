"""An edit changes one effective value and no other byte."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.editor import (
    apply_edits,
    check,
    diff_values,
    quote,
    set_value,
    unset,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import (
    Path,
    Settings,
    load,
    parse,
)
from hypothesis import given

from ..corpus import CORPUS, lines, needs_corpus
from ..examples import examples

NAMES = st.text(
    st.characters(exclude_characters='#{}:.,="\r\n\t %\0', exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda name: name != "include" and not name.endswith("{}"))
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def value_paths(tree: dict[str, object], path: Path = ()) -> list[Path]:
    found: list[Path] = []
    for name, value in tree.items():
        found += value_paths(value, (*path, name)) if isinstance(value, dict) else [(*path, name)]
    return found


def edited(text: bytes, path: Path, value: str) -> tuple[bytes, Settings, Settings]:
    before = parse(text)
    after = apply_edits({"<text>": text}, set_value(before, path, value))["<text>"]
    return after, before, parse(after)


@needs_corpus
def test_setting_one_value_in_any_file_of_the_corpus_changes_just_that() -> None:
    tried = 0
    for record in lines("swanctl/golden.jsonl"):
        text = (CORPUS / "swanctl" / record["file"]).read_bytes()
        for path in value_paths(parse(text).tree())[::3]:
            after, before, now = edited(text, path, "set # by test")
            assert list(diff_values(before, now).values()) == [(before.get(path).value, "set # by test")], (
                record["file"],
                path,
            )  # type: ignore[union-attr]
            assert len(after) - len(text) < 200
            tried += 1
    assert tried > 2000


@needs_corpus
def test_an_edit_of_any_readable_text_of_the_corpus_sets_just_that_or_is_refused() -> None:
    for record in lines("swanctl/syntax.jsonl"):
        if not record["settings"] or any(mark in record["text"] for mark in "%\ufeff"):
            continue
        text = record["text"].encode("utf-8", "surrogateescape")
        for path in value_paths(parse(text).tree())[:4]:
            files = {"<text>": text}
            edits = set_value(parse(text), path, "x y  z")
            check("<text>", files, edits, {path: "x y  z"})


@needs_corpus
def test_no_edit_leaves_every_file_as_it_is() -> None:
    for record in lines("swanctl/golden.jsonl"):
        text = (CORPUS / "swanctl" / record["file"]).read_bytes()
        assert apply_edits({"f": text}, ()) == {"f": text}
        settings = parse(text)
        for path in value_paths(settings.tree())[:5]:
            assert set_value(settings, path, settings.get(path).value) == ()  # type: ignore[union-attr]


@given(VALUES)
def test_any_value_reads_back_as_it_was_written(value: str) -> None:
    assert parse(f"a = {quote(value)}\n".encode()).tree() == {"a": value}


@given(
    st.recursive(
        st.dictionaries(NAMES, VALUES, max_size=4),
        lambda tree: st.dictionaries(NAMES, VALUES | tree, max_size=4),
        max_leaves=12,
    )
)
def test_written_trees_read_back(tree: dict[str, object]) -> None:
    def written(level: dict[str, object]) -> str:
        return "".join(
            f"{name} {{\n{written(value)}}}\n" if isinstance(value, dict) else f"{name} = {quote(str(value))}\n"
            for name, value in level.items()
        )

    assert parse(written(tree).encode()).tree() == tree


@examples(2)
@given(st.lists(NAMES, min_size=1, max_size=4), VALUES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_value_can_be_set_anywhere_and_twice_is_once(path: list[str], value: str, eol: str, end: bool) -> None:
    text = eol.join(
        ["# top", "connections {", "  hq { # one", "    version = 2", "  }", "}" + (eol if end else "")]
    ).encode()
    where = ("connections", "hq", *path)
    after, before, now = edited(text, where, value)
    assert now.get(where).value == value  # type: ignore[union-attr]
    assert set_value(now, where, value) == ()
    assert {p: v for p, v in diff_values(before, now).items() if not p[-1].endswith("{}")} == {
        (*(f"{name}{{}}" for name in where[:-1]), where[-1]): (
            before.get(where).value if before.get(where) else None,
            value,
        )  # type: ignore[union-attr]
    }
    assert (b"\r\n" in after) == (eol == "\r\n")
    assert after.count(b"\n") == after.count(eol.encode())


TEMPLATE = b"""tpl {
  encap = no
  children {
    net {
      start_action = trap
    }
  }
}
connections {
  a : tpl {
    version = 2
  }
  b : tpl {
  }
}
"""


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        (b"a {\n  x = 1 # why\n}\n", ("a", "x"), "2", b"a {\n  x = 2 # why\n}\n"),
        (b"a { x = 1 }", ("a", "y"), "2", b"a { x = 1\n    y = 2\n}"),
        (b"a { }\n", ("a", "y"), "2", b"a {\n    y = 2\n}\n"),
        (b"a {\n\tx = 1\n}\n", ("a", "s", "y"), "2", b"a {\n\tx = 1\n\ts {\n\t\ty = 2\n\t}\n}\n"),
        (b"x = 1\nx = 2\n", ("x",), "3", b"x = 1\nx = 3\n"),
        (b"x =\n", ("x",), "3", b"x = 3\n"),
        (b"x = a", ("y",), "3", b"x = a\ny = 3\n"),
        (b'x = "a" b "c"\n', ("x",), "d", b"x = d\n"),
    ],
)
def test_an_edit_keeps_the_files_own_hand(text: bytes, path: Path, value: str, expected: bytes) -> None:
    assert edited(text, path, value)[0] == expected


def test_an_inherited_value_is_overridden_where_it_applies_and_the_template_stays() -> None:
    after, before, now = edited(TEMPLATE, ("connections", "a", "children", "net", "start_action"), "start")
    assert b"start_action = trap" in after
    assert now.get(("connections", "b", "children", "net", "start_action")).value == "trap"  # type: ignore[union-attr]
    assert [value for path, value in diff_values(before, now).items() if not path[-1].endswith("{}")] == [
        ("trap", "start")
    ]


def test_unset_masks_what_would_be_inherited_and_removes_what_would_not() -> None:
    settings = parse(TEMPLATE)
    masked = apply_edits({"<text>": TEMPLATE}, unset(settings, ("connections", "a", "encap")))["<text>"]
    assert parse(masked).get(("connections", "a", "encap")) is None
    assert parse(masked).get(("connections", "b", "encap")) is not None
    removed = apply_edits({"<text>": TEMPLATE}, unset(settings, ("connections", "a", "version")))["<text>"]
    assert b"version" not in removed
    assert unset(parse(removed), ("connections", "a", "version")) == ()


def test_the_edit_goes_to_the_file_where_the_value_lives() -> None:
    files = {
        "/s/swanctl.conf": b"include c/*.conf\n",
        "/s/c/1.conf": b"connections { a { encap = no\n } }\n",
        "/s/c/2.conf": b"connections { a { encap = no\n } }\n",
    }
    edits = set_value(load("/s/swanctl.conf", files), ("connections", "a", "encap"), "yes")
    assert [edit.file for edit in edits] == ["/s/c/2.conf"]


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfa {\n x = 1\n}\n", b"a {\n x = 1\n y = 2\0\n}\n"])
def test_a_file_with_a_byte_order_mark_or_a_nul_is_never_edited(text: bytes) -> None:
    settings = parse(text)
    path = value_paths(settings.tree())[0]
    with pytest.raises(RefusedError, match="never edited"):
        set_value(settings, path, "2")


def test_a_name_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(RefusedError, match="cannot be a name"):
        set_value(parse(b""), ("a b", "c"), "1")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_place(text: bytes) -> None:
    where = "f"
    try:
        parse(text, name="f").tree()
    except ParseError as error:
        where = error.where
    assert where.startswith("f")
