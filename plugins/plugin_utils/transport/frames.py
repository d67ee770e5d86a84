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
from importlib.resources import files

from ..errors import TransportError
from ..model import Reply, Script, Section

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def new_mark() -> str:
    """A mark that no output can contain but by knowing it: 128 random bits."""
    return f"@tunnelwright-{secrets.token_hex(16)}"


def pack(script: Script, mark: str) -> bytes:
    """The bytes to send on standard input of `/bin/sh -s`.

    Raises:
        ValueError: a variable's name is not one in the shell.
    """
    prelude = files(__name__.rpartition(".")[0]).joinpath("prelude.sh").read_text(encoding="utf-8")
    variables = {"TW_MARK": mark, **script.variables, **script.secrets}
    if bad := [name for name in variables if not _NAME.fullmatch(name)]:
        raise ValueError(f"{bad[0]!r} cannot be the name of a shell variable")
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    body = f"tw_main() {{\n{assignments}{prelude}\n{script.source}\n}}\n"
    body += f"tw_main </dev/null\nprintf '\\n%s done\\n' {mark}\n"
    return body.encode("utf-8", "surrogateescape")


def unpack(output: bytes, mark: str) -> Reply:
    """The sections of what a script printed. What stands before the first one (a login banner) is left out.

    Raises:
        TransportError: the answer stops before its end.
    """
    token = re.escape(mark.encode())
    pattern = re.compile(
        rb"\n" + token + rb" begin ([^\n]+)\n(.*?)\n" + token + rb" end \1 (\d+)\n(.*?)\n" + token + rb" stderr\n",
        re.DOTALL,
    )
    if not re.search(rb"\n" + token + rb" done\n", output):
        raise TransportError("the gateway's answer ended early", hint=_last_words(output, mark))
    sections = {
        found[1].decode(): Section(int(found[3]), found[2], found[4].decode("utf-8", "replace").strip())
        for found in pattern.finditer(output)
    }
    return Reply(sections)


def _last_words(output: bytes, mark: str) -> str:
    """The step that a broken answer broke off at, or else what stands at its end."""
    text = output.decode("utf-8", "replace")
    begun = re.findall(rf"\n{re.escape(mark)} begin ([^\n]+)\n", text)
    if begun:
        return f"the last step it began was {begun[-1]!r}"
    lines = text.strip().splitlines()
    return f"its last words: {lines[-1][:200]}" if lines else "it said nothing"
