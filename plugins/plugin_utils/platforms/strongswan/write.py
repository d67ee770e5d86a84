"""Named settings of one connection to edits of a gateway's own files, and to the script that applies them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff

from ...errors import NotRestoredError, RefusedError, RestoredError
from ...model import Connection, PskUse, Reply, Script, Secret, Section
from ...swanctl import editor, keys
from ...swanctl.editor import Edit
from ...swanctl.settings import Path, Settings
from ..options import GatherOptions
from . import psk
from .files import TOKEN, GatewayFile, original_offset
from .gather import digest_variables, text
from .sa import why
from .twin import Twin

_TOLD = ("terminate-before", "creds", "twin-", "initiate-", "load")
_DIGEST = re.compile(re.escape(TOKEN) + "[0-9a-f]*")
IGNORED_ALONE = frozenset({"dpd_timeout", "dscp"})  # peer_cfg.c, ike_cfg.c: not compared when a connection is loaded
LIVE = frozenset({"start_action"})  # takes effect when it is loaded; everything else with the next SA


@dataclass(frozen=True, slots=True)
class Wish:
    """What one connection is to have; a setting that is not named is not touched."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    psk: str | None = field(default=None, repr=False)
    psk_use: PskUse = "only"


@dataclass(frozen=True, slots=True)
class Draft:
    """The edits that make a wish true, and what they change. Texts are as shown: without secrets."""

    edits: tuple[Edit, ...]
    changes: Mapping[Path, tuple[str | None, str | None]]
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    names: tuple[str, ...]  # connections that a load would bring
    psk_changed: bool = False

    @property
    def diff(self) -> list[dict[str, str]]:
        """For `--diff`: each changed file before and after, without secrets."""
        keys: dict[str, str] = {}
        changed = [path for path in self.before if self.before[path] != self.after[path]]
        return [
            {
                "before_header": path,
                "after_header": path,
                "before": _shown(self.before[path], keys),
                "after": _shown(self.after[path], keys),
            }
            for path in changed
        ]

    @property
    def lines(self) -> list[str]:
        """The changed lines of each file, as `diff -u0` shows them."""
        return [
            line
            for entry in self.diff
            for line in unified_diff(
                entry["before"].splitlines(),
                entry["after"].splitlines(),
                entry["before_header"],
                entry["after_header"],
                "",
                "",
                0,
                "",
            )
        ]


def draft(  # noqa: PLR0913, PLR0917  what is wanted, then all that was read of the gateway
    wish: Wish,
    settings: Settings,
    shown: Mapping[str, GatewayFile],
    version: tuple[int, ...],
    key: str,
    secrets: Iterable[Secret],
    connection: Connection,
) -> Draft:
    """The edits that make a wish true on a gateway.

    Raises:
        RefusedError: a name or value that strongSwan would not take, or a file that must not be edited.
    """
    wanted = dict(_wanted(wish, connection, version))
    before = {path: file.text for path, file in shown.items()}
    edits = editor.set_values(settings, wanted)
    after = editor.check(settings.root, before, edits, wanted)
    held = {path: found.value if (found := settings.get(path)) else None for path in wanted}
    changes = {path: (held[path], value) for path, value in wanted.items() if held[path] != value}
    if (
        changes
        and {path[-1] for path in changes} <= IGNORED_ALONE
        and all(len(path) == len(("connections", "name", "key")) for path in changes)
    ):
        raise RefusedError(
            f"strongSwan ignores a change of {' and '.join(sorted({path[-1] for path in changes}))} alone",
            where=wish.name,
            hint="change another setting of the connection with it, such as dpd_delay",
        )
    secret = () if wish.psk is None else psk.edits(wish.psk, wish.psk_use, settings, key, secrets, connection)
    edits = (*edits, *secret)
    return Draft(
        edits, changes, before, editor.apply_edits(before, edits), after.sections(("connections",)), bool(secret)
    )


def script(  # noqa: PLR0913  what was read, what is wanted, how to do it
    wish: Wish,
    plan: Draft,
    shown: Mapping[str, GatewayFile],
    *,
    options: GatherOptions,
    timeout: float,
    terminate: bool,
    twin: Twin | None = None,
) -> Script:
    """The program that applies a draft; with a twin, which carries the traffic meanwhile."""
    variables = {
        "TW_CONFIG": options.config,
        "TW_NAME": wish.name,
        "TW_EXPECT": "\n".join(plan.names),
        "TW_CREDS": "1" if plan.psk_changed else "0",
        "TW_TERMINATE": "1" if terminate else "0",
        "TW_TIMEOUT": f"{timeout:.0f}",
        "TW_TWIN": "",
        **(twin.variables if twin else {}),
    }
    edited = sorted({edit.file for edit in plan.edits})
    for index, path in enumerate(edited):
        file = shown[path]
        if file.fingerprint is None:
            raise RefusedError(
                "the gateway has no tool to make a digest, so the file cannot be guarded",
                where=path,
                hint="install coreutils or openssl",
            )
        pieces, grown = _pieces(file, [edit for edit in plan.edits if edit.file == path], wish.psk)
        variables |= {
            f"TW_PATH_{index}": path,
            f"TW_PRINT_{index}": file.fingerprint,
            f"TW_OPS_{index}": "\n".join(pieces),
            f"TW_SIZE_{index}": str(grown),
        }
    given = {"TW_PSK": editor.quoted(wish.psk)} if wish.psk is not None else {}
    with_twin = ("sas.sh", "twin.sh") if twin else ()
    source = "\n".join(text(name) for name in ("digest.sh", "guard.sh", *with_twin, "apply.sh"))
    return Script(source, variables | {"TW_COUNT": str(len(edited))}, digest_variables(options.digest_key) | given)


def applied(wish: Wish, reply: Reply) -> tuple[str, ...]:
    """What the daemon said to the change.

    Raises:
        RestoredError: it failed, and the gateway has what it had before.
        NotRestoredError: it failed, and a file could not be put back.
    """
    said = _said(reply.sections)
    lost = reply.sections.get("not-restored")
    failed = reply.sections.get("restored")
    if lost is not None:
        raise NotRestoredError(
            f"the change failed and {lost.text} could not be put back",
            where=wish.name,
            hint="put it back by hand and run swanctl --load-all",
        )
    if failed is not None:
        complained = {name: part for name, part in reply.sections.items() if part.status}
        hint = "; ".join(filter(None, (_reason(complained), "the gateway has what it had before")))
        raise RestoredError(failed.text.strip(), where=wish.name, hint=hint, log=said)
    if "applied" not in reply.sections:
        raise NotRestoredError("the change was cut off", where=wish.name, hint="read the gateway to see what it has")
    return said


def _said(sections: Mapping[str, Section]) -> tuple[str, ...]:
    parts = [part for name, part in sections.items() if name.startswith(_TOLD)]
    printed = (line for part in parts for line in (part.text + ("\n" + part.err if part.status else "")).splitlines())
    return tuple(line for line in printed if line and not line.startswith("plugin '"))


def _reason(sections: Mapping[str, Section]) -> str:
    said = _said(sections)
    if any(name.startswith("initiate-") for name in sections):
        return why(said)
    complaint = [line for line in said if "failed" in line or "invalid" in line or "error" in line]
    return (complaint or list(said) or [""])[-1]


def _wanted(wish: Wish, connection: Connection, version: tuple[int, ...]) -> Iterator[tuple[Path, str | None]]:
    """Each path with its value, checked as vici_config.c would."""
    sections = {auth.section for auth in (*connection.local, *connection.remote)} | {"local", "remote"}
    for name, value in wish.settings.items():
        section, dot, key = name.rpartition(".")
        if dot and section not in sections:
            raise RefusedError(
                f"{wish.name} has no section {section!r}",
                where=name,
                hint=f"its rounds are {', '.join(sorted(sections))}",
            )
        _check("auth" if dot else "connection", key, value, version, f"{wish.name}.{name}")
        yield ("connections", wish.name, *name.split(".")), _clear(value)
    known = {child.name for child in connection.children if child.configured}
    for child, settings in wish.children.items():
        if child not in known:
            raise RefusedError(
                f"connection {wish.name} has no child {child!r}",
                hint=f"its children are {', '.join(sorted(known)) or 'none'}",
            )
        for key, value in settings.items():
            _check("child", key, value, version, f"{wish.name}.children.{child}.{key}")
            yield ("connections", wish.name, "children", child, key), _clear(value)


def _clear(value: str) -> str | None:
    """An empty value clears a setting: strongSwan's default counts again."""
    return value or None


def _check(level: keys.Level, key: str, value: str, version: tuple[int, ...], where: str) -> None:
    if not keys.known(level, key):
        near = ", ".join(sorted(keys.KEYS[level]))
        raise RefusedError(f"strongSwan knows no setting {key!r} there", where=where, hint=f"known are {near}")
    since = keys.SINCE.get(key)
    if since and version and version < since:
        have, need = (".".join(map(str, v)) for v in (version, since))
        raise RefusedError(
            f"strongSwan {have} does not know {key}, which came with {need}",
            where=where,
            hint="it would discard the connection",
        )
    kind = keys.KEYS[level][key]
    parse = {"bool": keys.boolean, "time": keys.duration, "number": _number, "action": keys.action}.get(kind)
    if value and parse is not None and parse(value) is None:
        raise RefusedError(f"{value!r} is no value for {key}", where=where, hint=_HINTS[kind])
    if kind == "action" and "|" in value and version and version < (5, 9, 6):
        raise RefusedError(f"{value!r} needs strongSwan 5.9.6", where=where, hint="use start or trap")
    if any(not character.isprintable() for character in value):
        raise RefusedError(
            f"the value of {key} has a character that cannot be printed", where=where, hint="strongSwan refuses it"
        )


_HINTS = {
    "bool": "write yes or no",
    "time": "write a number and s, m, h or d, such as 30s",
    "number": "write a number",
    "action": "write none, trap, start or trap|start",
}


def _number(value: str) -> int | None:
    return 0 if value.startswith("%") else keys.whole(value)


def _pieces(file: GatewayFile, edits: list[Edit], given: str | None) -> tuple[list[str], int]:
    """What to copy from the gateway's own file and what to write between, and by how many bytes it grows."""
    pieces, at, grown = [], 0, 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        start, end = original_offset(file, edit.start), original_offset(file, edit.end)
        pieces.append(f"copy {at} {start}")
        grown -= end - start
        for part in _parts(edit.text):
            secret = part is None
            data = editor.quoted(given or "").encode("utf-8", "surrogateescape") if part is None else part
            pieces.append("psk" if secret else f"text {_octal(data)}")
            grown += len(data)
        at = end
    return [*pieces, f"copy {at} {_size(file)}"], grown


def _parts(data: bytes) -> Iterator[bytes | None]:
    """The text of an edit; None where the pre-shared key's token stands."""
    head, mark, tail = data.partition(TOKEN.encode())
    if not mark:
        yield data
        return
    digits = len(tail) - len(tail.lstrip(b"0123456789abcdef"))
    yield head.removesuffix(b'"')
    yield None
    yield tail[digits:].removeprefix(b'"')


def _octal(data: bytes) -> str:
    return "".join(f"\\0{byte:03o}" for byte in data)


def _size(file: GatewayFile) -> int:
    return original_offset(file, len(file.text))


def _shown(data: bytes, keys: dict[str, str]) -> str:
    """The text for people: keys are numbered, so that a changed one shows and every run shows the same."""
    return _DIGEST.sub(
        lambda found: keys.setdefault(found[0], f"hidden key {len(keys) + 1}"), data.decode("utf-8", "replace")
    )
