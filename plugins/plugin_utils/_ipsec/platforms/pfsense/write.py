# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of config.xml to the script that has pfSense make them, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...errors import IpsecError, NotRestoredError, RefusedError, RestoredError
from ...model import Gateway, Reply, Script
from ...swanctl.psk_digest import compute_pads, decode_secret
from ..charon.parallel_connection import ParallelConnection
from ..charon.sa import explain
from ..charon.scripts import read_script as of_charon
from ..desired import DesiredConnection
from ..gather_options import GatherOptions
from .configuration import GENERATED
from .edits import PSK, XmlEdit
from .gather import PATHS, program, read_script

_TOLD = ("twin-", "initiate-", "loading")
_TWIN = ("sas.sh", "twin.sh")
BACKUPS = "/cf/conf/backup"
_REFUSED: Mapping[str, tuple[str, str]] = {
    "busy": ("another change is being made there", "run it again when that is over"),
    "booting": ("it is booting", "run it again later"),
    "moved": ("its configuration was changed by someone else meanwhile", "run it again"),
    "pending": (
        "changes made in the web interface wait to be applied",
        "apply them, or take them back, or allow that with apply_pending",
    ),
    "gone": ("config.xml does not have {} exactly once", "look at it in the web interface"),
    "unwritable": (
        "this version of pfSense would write a config.xml that it cannot read ({})",
        "remove letters that are not ASCII from names and the like, or update pfSense",
    ),
    "unwritten": ("config.xml could not be written", "look whether its disk is full or mounted to be read only"),
}


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What write.php is to do."""

    edits: tuple[XmlEdit, ...]
    fingerprint: str  # of the file that the edits are for
    enabled: bool  # whether there is anything for charon to run for
    applied: bool = True  # whether it is to be applied: some elements take effect without, or are not for charon


def build_script(  # noqa: PLR0913  what is wanted, how to do it
    wish: DesiredConnection,
    order: WriteRequest,
    options: GatherOptions,
    *,
    timeout: float,
    terminate: bool,
    twin: ParallelConnection | None = None,
) -> Script:
    """The program that carries out the edits, and then reads the gateway again; with a twin it carries the traffic."""
    gather, ipad_opad = program(options), [block.hex() for block in compute_pads(options.digest_key)]
    asked = {
        "paths": {"config": PATHS["config"], "backups": BACKUPS},
        "ipad": ipad_opad[0],
        "opad": ipad_opad[1],
        "fingerprint": order.fingerprint,
        "edits": [_serialize_edit(edit, wish) for edit in order.edits],
        "from": "",
        "journal": "",
        "text": parse_revision(wish, order.edits),
        "pending": wish.pending or not order.edits,
        "apply": order.applied,
        "terminate": wish.name if terminate else "",
        "timeout": round(timeout),
    }
    variables = {
        "TW_WRITE_PHP": read_script("write.php").removeprefix("<?php"),
        "TW_ENABLED": "1" if order.enabled and order.applied else "0",
        "TW_TIMEOUT": f"{timeout:.0f}",
        "TW_NAME": wish.name,
        "TW_TWIN": "",
        **({"TW_CONFIG": GENERATED, **twin.variables} if twin else {}),
    }
    shared = map(of_charon, ("loading.sh", *(_TWIN if twin else ())))
    return Script(
        "\n".join((*gather.texts, *shared, read_script("loads.sh"), read_script("write.sh"))),
        {**gather.variables, **variables},
        {**gather.secrets, "TW_EDIT": json.dumps(asked)},
    )


def parse_revision(wish: DesiredConnection, edits: Iterable[XmlEdit]) -> str:
    """What the history of the configuration says of a change: who made it and why, and what it is."""
    elements = ", ".join(dict.fromkeys(edit.element for edit in edits))
    return f"tunnelwright.ipsec{f' for {wish.by}' if wish.by else ''}: {wish.name} {elements}"


def parse_result(wish: DesiredConnection, reply: Reply) -> tuple[str, ...]:
    """What charon said to the change.

    Raises:
        RefusedError: nothing was written.
        RestoredError: charon did not take it, and the configuration is what it was before.
        NotRestoredError: it is not known, or not sure, that the gateway has what it had.
    """
    part = reply.sections.get("written")
    if part is None and "restored" in reply.sections:
        raise _build_restored_error(wish, reply, reply.sections["restored"].text.strip())
    told = _parse_answer(part.text) if part else {}
    if part is None or not told:
        said = [line for line in part.err.splitlines() if line.strip()] if part else []
        raise NotRestoredError(
            f"pfSense's PHP did not end well ({said[-1] if said else 'no word'})",
            where=wish.name,
            hint="read the gateway to see what it has",
        )
    if "refused" in told:
        what, hint = _REFUSED[told["refused"]]
        raise RefusedError(f"nothing was written: {what.format(told.get('more', ''))}", where=wish.name, hint=hint)
    log = tuple(line for name in reply.sections if name.startswith(_TOLD) for line in _list_output(reply, name))
    if "restored" in reply.sections:
        _refuse_lost(wish, reply, log)
        raise _build_restored_error(wish, reply, reply.sections["restored"].text.strip())
    if "started" in reply.sections and reply.sections["started"].status:
        raise IpsecError("pfSense has the change, and charon does not run", where=wish.name, hint="look at its log")
    return log


def refuse_other(wish: DesiredConnection, after: Gateway) -> None:
    """Whether charon has what config.xml says by now.

    Raises:
        NotRestoredError: it has something else.
    """
    connection = next((each for each in after.connections if each.name == wish.name), None)
    differs = (*connection.unapplied, *connection.differs) if connection else ("it is gone",)
    if connection and connection.omitted == "disabled" and connection.loaded:
        differs = ("it is loaded still",)
    if differs:
        raise NotRestoredError(
            f"the change is in config.xml, and the daemon has something else: {'; '.join(differs)}",
            where=wish.name,
            hint="look at the system log, and at VPN > IPsec",
        )


def _build_restored_error(wish: DesiredConnection, reply: Reply, what: str) -> RestoredError:
    log = tuple(line for name in reply.sections if name.startswith(_TOLD) for line in _list_output(reply, name))
    why_ = explain(log) if any(name.startswith("initiate-") for name in reply.sections) else (log[-1] if log else "")
    hint = "; ".join(filter(None, (why_, "its configuration is what it was before")))
    return RestoredError(what, where=wish.name, hint=hint, log=log)


def _refuse_lost(wish: DesiredConnection, reply: Reply, log: tuple[str, ...]) -> None:
    undone = reply.sections.get("undone")
    if undone is None or undone.status:
        hint = "restore the revision before it in Diagnostics > Backup & Restore"
        what = "the daemon does not load the change, and it could not be taken back"
        raise NotRestoredError(what, where=wish.name, hint=hint, log=log)


def _serialize_edit(edit: XmlEdit, wish: DesiredConnection) -> dict[str, object]:
    value = decode_secret((wish.psk or "").encode()).decode() if edit.element == PSK else edit.value
    return {
        "section": edit.section, "key": edit.key, "entry": edit.entry, "element": edit.element, "value": value
    }  # fmt: skip


def _parse_answer(text_: str) -> dict[str, str]:
    try:
        found = json.loads(text_)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _list_output(reply: Reply, name: str) -> list[str]:
    part = reply.sections.get(name)
    said = (part.text + ("\n" + part.err if part.status else "")).splitlines() if part else []
    return [line for line in said if line and not line.startswith("plugin '")]
