# SPDX-License-Identifier: GPL-3.0-or-later
r"""A script packed for `/bin/sh -s` and what it printed unpacked. Pure: bytes in, values out.

What goes over is: the variables as assignments, `prelude.sh`, the script's body wrapped in a function
(so that a transmission cut in the middle runs nothing) and the call of it. What comes back is, for
every step::

    <mark> begin <name>\n <bytes> \n<mark> end <name> <status>\n <error output> \n<mark> stderr\n

and `<mark> done` last. The mark is random and new for every run.
"""

from __future__ import annotations

import re
import secrets
import shlex

from ..errors import TransportError
from ..model import Reply, ReplySection, Script
from ..model.resources import read_beside

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BEGIN = re.compile(rb"begin (?P<name>[^\n]+)\n")  # a path may be in it
_END = re.compile(rb"end (?P<name>[^\n]+) (?P<status>[0-9]{1,3})\n")


def make_mark() -> str:
    """A mark that no output can contain but by knowing it: 128 random bits."""
    return f"@tunnelwright-{secrets.token_hex(16)}"


def pack(script: Script, mark: str) -> bytes:
    """The bytes to send on standard input of `/bin/sh -s`.

    Raises:
        ValueError: a variable's name is not one in the shell.
    """
    prelude = read_beside(__name__, "prelude.sh")
    variables = {"TW_MARK": mark, **script.variables, **script.secrets}
    if bad := [name for name in variables if not _NAME.fullmatch(name)]:
        raise ValueError(f"{bad[0]!r} cannot be the name of a shell variable")
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    body = f"tw_main() {{\n{assignments}{prelude}\n{script.source}\n}}\n"
    body += f"tw_main </dev/null\nprintf '\\n%s done\\n' {mark}\n"
    return body.encode("utf-8", "surrogateescape")


def unpack(output: bytes, mark: str) -> Reply:
    """The sections of what a script printed. What stands before the first one (a login banner) is left out.

    Read once from front to back: a gateway that knows the mark can make an answer wrong, and not slow.

    Raises:
        TransportError: the answer stops before its end, or is not made of sections.
    """
    token = b"\n" + mark.encode() + b" "
    if token + b"done\n" not in output:
        raise TransportError("the gateway's answer ended early", hint=_describe_last_words(output, mark))
    sections: dict[str, ReplySection] = {}
    parts = iter(output.split(token)[1:])
    for begin in parts:
        if begin.startswith(b"done\n"):
            return Reply(sections)
        name, section = _parse_section(begin, next(parts, b""), next(parts, b""))
        sections[name] = section
    raise _build_malformed_error("after its last section")


def _parse_section(begin: bytes, end: bytes, stderr: bytes) -> tuple[str, ReplySection]:
    """A section by the three parts that begin with its marks."""
    first, output = _BEGIN.match(begin), begin.partition(b"\n")[2]
    last, errors = _END.match(end), end.partition(b"\n")[2]
    if not first:
        raise _build_malformed_error("where a section was to begin")
    name = first["name"].decode("utf-8", "surrogateescape")
    if not last or last["name"] != first["name"] or not stderr.startswith(b"stderr\n"):
        raise _build_malformed_error(f"in section {name}")
    return name, ReplySection(int(last["status"]), output, errors.decode("utf-8", "replace").strip())


def _build_malformed_error(where: str) -> TransportError:
    return TransportError(
        f"the gateway's answer is not what its script prints, {where}", hint="see what else writes into the session"
    )


def _describe_last_words(output: bytes, mark: str) -> str:
    """The step that a broken answer broke off at, or else what stands at its end."""
    text = output.decode("utf-8", "replace")
    begun = re.findall(rf"\n{re.escape(mark)} begin ([^\n]+)\n", text)
    if begun:
        return f"the last step it began was {begun[-1]!r}"
    lines = text.strip().splitlines()
    return f"its last words: {lines[-1][:200]}" if lines else "it said nothing"
