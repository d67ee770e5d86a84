# SPDX-License-Identifier: GPL-3.0-or-later
"""Where change records lie on the controller: written whole or not at all, read again by a later run of the ticket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import IpsecError
from ..model import ChangeRecord, CompletedTunnel, to_plain
from ..report.formats import change_record as as_change
from .atomic_file import write_atomically

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def make_name(record: ChangeRecord) -> str:
    """What the files of a record are called, without their endings."""
    kind = "plan" if record.order.check else "change"
    return f"{kind}-{_fit(record.order.ticket)}-{_UNFIT.sub('', record.started.replace(':', ''))}"


def find_earlier(folder: Path, ticket: str) -> tuple[CompletedTunnel, ...]:
    """Tunnels that earlier runs of this ticket have finished, each once, the last run's first."""
    found: dict[str, CompletedTunnel] = {}
    for path in sorted(folder.glob(f"change-{_fit(ticket)}-*.json"), reverse=True):
        for tunnel, finished in _read_finished(path, ticket):
            found.setdefault(tunnel, CompletedTunnel(tunnel, finished, path.name))
    return tuple(found.values())


def write_record(folder: Path, record: ChangeRecord) -> list[str]:
    """Write a record as JSON and as Markdown; the paths.

    Raises:
        IpsecError: the folder cannot be written.
    """
    texts = {
        ".json": json.dumps(to_plain(record), indent=2, sort_keys=False, ensure_ascii=False) + "\n",
        ".md": as_change.render(record),
    }
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, text in texts.items():
            written.append(str(write_atomically(folder / (make_name(record) + ending), text)))
    except OSError as error:
        hint = "give ipsec_change_dir a folder that you may write"
        raise IpsecError(
            f"the change record cannot be written: {error.strerror}", where=str(folder), hint=hint
        ) from error
    return written


def _fit(ticket: str) -> str:
    return _UNFIT.sub("-", ticket).strip(".-") or "ticket"


def _read_finished(path: Path, ticket: str) -> Iterator[tuple[str, str]]:
    """Tunnels of one record that are done. What is no record of this ticket says nothing."""
    try:
        kept: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(kept, Mapping) and isinstance(kept.get("order"), Mapping) and kept["order"].get("ticket") == ticket:
        for tunnel in kept.get("tunnels") or ():
            if isinstance(tunnel, Mapping) and tunnel.get("status") == "done":
                yield str(tunnel.get("name")), str((tunnel.get("after") or {}).get("time") or kept.get("started"))
