# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read of gateways, kept in the result as long as there is room, and in files where there is not.

A file is `HOST.json` with what gateway_info would return for the host, so that readings of several runs, or of slices
of a fleet on several machines, are put together by putting their files together.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ..errors import ParseError


@dataclass(slots=True)
class GatewayStore:
    """A reading in progress. `room` is in bytes of JSON; `make` makes the folder for what does not fit."""

    room: int
    make: Callable[[], Path]
    gateways: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def keep(self, host: str, gateway: Any) -> None:
        """Keep a gateway, in plain values."""
        text = json.dumps({"gateway": gateway}, separators=(",", ":"))
        if len(text) <= self.room:
            self.room -= len(text)
            self.gateways[host] = gateway
        else:
            self.room = 0  # what comes later goes to files too
            self._write(host, text)

    def keep_reason(self, host: str, reason: str) -> None:
        """Keep why a gateway was not read, beside those that were, where these are in files."""
        self._write(host, json.dumps({"unreachable": True, "msg": reason}))

    def _write(self, host: str, text: str) -> None:
        self.folder = self.folder or self.make()
        path = self.folder / f"{quote(host, safe='')}.json"
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        part.replace(path)


def read_all(fleet: Mapping[str, Any], folders: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Hosts and what was read of them, of a registered result of fleet_info and of folders.

    Raises:
        ParseError: the result is not one of fleet_info, or a folder is not as it was written.
    """
    if fleet and "unreadable" not in fleet:
        raise ParseError(
            "this is not what fleet_info returned", where="fleet", hint="register its result and give that"
        )
    yield from (fleet.get("gateways") or {}).items()
    yield from read_file([*([fleet["folder"]] if fleet.get("folder") else []), *folders])
    for host, reason in (fleet.get("unreadable") or {}).items():
        yield host, {"unreachable": True, "msg": reason}


def _expand_folders(folders: Iterable[str]) -> Iterator[Path]:
    """Folders, each once; a pattern is all that match it."""
    seen = set()
    for text in folders:
        found = sorted(glob.glob(text)) if glob.has_magic(text) else [text]  # noqa: PTH207 - an absolute pattern
        if not found:
            raise ParseError("no folder matches", where=text, hint="name folders that fleet_info wrote to")
        for name in found:
            path = Path(name).resolve()
            if path not in seen:
                seen.add(path)
                yield path


def read_file(folders: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Hosts and what was read of them, one after the other.

    Raises:
        ParseError: a folder is not there, a file is not what was written, or a host is in two folders.
    """
    found: dict[str, Path] = {}
    for folder in _expand_folders(folders):
        if not folder.is_dir():
            raise ParseError("there is no such folder", where=str(folder), hint="name one that fleet_info wrote to")
        for path in sorted(folder.glob("*.json")):
            host = unquote(path.stem)
            if host in found:
                raise ParseError(f"{host} was read twice", where=f"{found[host]} and {path}", hint="take one away")
            found[host] = path
    for host, path in found.items():
        try:
            yield host, json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ParseError(f"it cannot be read ({error})", where=str(path)) from error
