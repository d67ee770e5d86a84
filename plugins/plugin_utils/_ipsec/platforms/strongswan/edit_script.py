# SPDX-License-Identifier: GPL-3.0-or-later
"""Named settings of one connection to edits of a gateway's own files, and to the script that applies them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...errors import NotRestoredError, RefusedError, RestoredError
from ...model import Connection, Reply, ReplySection, Script, Secret
from ...model.resources import read_beside
from ...swanctl import editor
from ...swanctl.editor import TextEdit
from ...swanctl.settings import Path, Settings
from ..charon.parallel_connection import ParallelConnection
from ..charon.redacted_files import TOKEN, GatewayFile, find_original_offset
from ..charon.sa import explain
from ..charon.scripts import build_digest_variables, read_script
from ..desired import DesiredConnection, validate_settings
from ..gather_options import GatherOptions
from . import psk

_TOLD = ("terminate-before", "creds", "twin-", "initiate-", "load")
_DIGEST = re.compile(f'"?{re.escape(TOKEN)}([0-9a-f]*)"?')  # a gateway shows each in quotes
IGNORED_ALONE = frozenset({"dpd_timeout", "dscp"})  # peer_cfg.c, ike_cfg.c: not compared when a connection is loaded


@dataclass(frozen=True, slots=True)
class EditSet:
    """The edits that make a wish true, and what they change. Texts are as shown: without secrets."""

    edits: tuple[TextEdit, ...]
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
                "before": _number_hidden_keys(self.before[path], keys),
                "after": _number_hidden_keys(self.after[path], keys),
            }
            for path in changed
        ]


def build_edit_set(  # noqa: PLR0913, PLR0917  what is wanted, then all that was read of the gateway
    wish: DesiredConnection,
    settings: Settings,
    shown: Mapping[str, GatewayFile],
    version: tuple[int, ...],
    key: str,
    secrets: Iterable[Secret],
    connection: Connection,
) -> EditSet:
    """The edits that make a wish true on a gateway.

    Raises:
        RefusedError: a name or value that strongSwan would not take, or a file that must not be edited.
    """
    asked = dict(validate_settings(wish, connection, version))
    before = {path: file.text for path, file in shown.items()}
    edits = editor.set_values(settings, asked)
    after = editor.check(settings.root, before, edits, asked)
    held = {path: found.value if (found := settings.get(path)) else None for path in asked}
    changes = {path: (held[path], value) for path, value in asked.items() if held[path] != value}
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
    named = psk.build_new_ids(connection, wish.settings)
    secret = () if wish.psk is None else psk.list_edits(wish.psk, wish.psk_use, settings, key, secrets, named)
    edits = (*edits, *secret)
    return EditSet(
        edits, changes, before, editor.apply_edits(before, edits), after.sections(("connections",)), bool(secret)
    )


def build_script(  # noqa: PLR0913  what was read, what is wanted, how to do it
    wish: DesiredConnection,
    plan: EditSet,
    shown: Mapping[str, GatewayFile],
    *,
    options: GatherOptions,
    timeout: float,
    terminate: bool,
    twin: ParallelConnection | None = None,
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
        pieces, grown = _build_pieces(file, [edit for edit in plan.edits if edit.file == path], wish.psk)
        variables |= {
            f"TW_PATH_{index}": path,
            f"TW_PRINT_{index}": file.fingerprint,
            f"TW_OPS_{index}": "\n".join(pieces),
            f"TW_SIZE_{index}": str(grown),
        }
    given = {"TW_PSK": editor.quote(wish.psk)} if wish.psk is not None else {}
    with_twin = ("sas.sh", "twin.sh") if twin else ()
    shared = map(read_script, ("digest.sh", "loading.sh", *with_twin))
    source = "\n".join((*shared, read_beside(__name__, "apply.sh")))
    return Script(
        source, variables | {"TW_COUNT": str(len(edited))}, build_digest_variables(options.digest_key) | given
    )


def check_applied(wish: DesiredConnection, reply: Reply) -> tuple[str, ...]:
    """What the daemon said to the change.

    Raises:
        RestoredError: it failed, and the gateway has what it had before.
        NotRestoredError: it failed, and a file could not be put back.
    """
    said = _list_output(reply.sections)
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
        hint = "; ".join(filter(None, (_find_reason(complained), "the gateway has what it had before")))
        raise RestoredError(failed.text.strip(), where=wish.name, hint=hint, log=said)
    if "applied" not in reply.sections:
        raise NotRestoredError("the change was cut off", where=wish.name, hint="read the gateway to see what it has")
    return said


def _list_output(sections: Mapping[str, ReplySection]) -> tuple[str, ...]:
    parts = [part for name, part in sections.items() if name.startswith(_TOLD)]
    printed = (line for part in parts for line in (part.text + ("\n" + part.err if part.status else "")).splitlines())
    return tuple(line for line in printed if line and not line.startswith("plugin '"))


def _find_reason(sections: Mapping[str, ReplySection]) -> str:
    said = _list_output(sections)
    if any(name.startswith("initiate-") for name in sections):
        return explain(said)
    complaint = [line for line in said if "failed" in line or "invalid" in line or "error" in line]
    return (complaint or list(said) or [""])[-1]


def _build_pieces(file: GatewayFile, edits: list[TextEdit], given: str | None) -> tuple[list[str], int]:
    """What to copy from the gateway's own file and what to write between, and by how many bytes it grows."""
    pieces, at, grown = [], 0, 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        start, end = find_original_offset(file, edit.start), find_original_offset(file, edit.end)
        pieces.append(f"copy {at} {start}")
        grown -= end - start
        for part in _split_at_token(edit.text):
            secret = part is None
            data = editor.quote(given or "").encode("utf-8", "surrogateescape") if part is None else part
            pieces.append("psk" if secret else f"text {_escape_octal(data)}")
            grown += len(data)
        at = end
    return [*pieces, f"copy {at} {_compute_original_size(file)}"], grown


def _split_at_token(data: bytes) -> Iterator[bytes | None]:
    """The text of an edit; None where the pre-shared key's token stands."""
    head, mark, tail = data.partition(TOKEN.encode())
    if not mark:
        yield data
        return
    digits = len(tail) - len(tail.lstrip(b"0123456789abcdef"))
    yield head.removesuffix(b'"')
    yield None
    yield tail[digits:].removeprefix(b'"')


def _escape_octal(data: bytes) -> str:
    return "".join(f"\\0{byte:03o}" for byte in data)


def _compute_original_size(file: GatewayFile) -> int:
    return find_original_offset(file, len(file.text))


def _number_hidden_keys(data: bytes, keys: dict[str, str]) -> str:
    """The text for people: keys are numbered, so that a changed one shows and every run shows the same."""
    return _DIGEST.sub(
        lambda found: keys.setdefault(found[1], f'"hidden key {len(keys) + 1}"'), data.decode("utf-8", "replace")
    )
