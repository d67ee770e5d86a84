# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read of strongswan.conf: loggers and retransmission. Nothing else of it leaves a gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import RefusedError
from ...model import Reply, Retransmission, Setting
from ...swanctl.pretty_output import get_text, parse_messages
from ...swanctl.settings import Path, Settings, load
from ..retransmission import KEYS

_UNREAD = {
    "denied": ("this user may not read strongswan.conf, or what it includes", "use become: true"),
    "large": ("strongswan.conf with what it includes is too large to be read", "have it include less"),
}


@dataclass(frozen=True, slots=True)
class StrongswanConf:
    """strongswan.conf and its includes, as conf.sh shows them, for the daemon of this name."""

    daemon: str
    root: str
    files: Mapping[str, bytes]
    folders: frozenset[str]  # those in which its include statements look, and that are there

    @property
    def settings(self) -> Settings:
        """The effective settings."""
        return load(self.root, self.files)

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections that count for the daemon: its own, then charon's, which all variants fall back to."""
        return tuple(dict.fromkeys((self.daemon, "charon")))

    def has(self, folder: str) -> bool:
        """Whether the folder of an include statement is there."""
        return _normalize_folder(folder) in self.folders

    def get(self, settings: Settings, path: Path) -> Setting | None:
        """What the daemon takes for a path below its section."""
        found = (settings.get((section, *path)) for section in self.sections)
        return next(filter(None, found), None)


def parse_conf(reply: Reply) -> StrongswanConf:
    """What was read of strongswan.conf.

    Raises:
        RefusedError: there is none, or a part of it could not be read.
        ParseError: strongSwan refuses it, so that what is in force is not in it.
    """
    for line in _get_lines(reply, "conf-unread"):
        why, dummy, path = line.partition(" ")
        if why in _UNREAD:
            what, hint = _UNREAD[why]
            raise RefusedError(what, where=path, hint=hint)
    paths = _get_lines(reply, "conf-files")
    if not paths:
        raise RefusedError(
            "there is no strongswan.conf", hint="install one, or use become: true where only root may see it"
        )
    files = {path: reply.sections[f"conf-{index}"].out for index, path in enumerate(paths)}
    folders = frozenset(_normalize_folder(folder) for folder in _get_lines(reply, "conf-folders"))
    found = StrongswanConf(_detect_daemon(reply), paths[0], files, folders)
    load(found.root, found.files)
    return found


def parse_retransmission(found: StrongswanConf | None) -> Retransmission:
    """How long the daemon waits for an answer; by default where strongswan.conf does not tell."""
    if found is None:
        return Retransmission()
    settings, default = found.settings, Retransmission()
    told = {key: found.get(settings, (key,)) for key in KEYS}
    given = {
        key.removeprefix("retransmit_"): one.value
        for key, one in told.items()
        if one and KEYS[key].fullmatch(one.value)
    }
    return Retransmission(
        tries=int(given.get("tries", default.tries)),
        timeout=float(given.get("timeout", default.timeout)),
        base=float(given.get("base", default.base)),
        limit=float(given.get("limit", default.limit)),
        jitter=int(given.get("jitter", default.jitter)),
    )


def _normalize_folder(folder: str) -> str:
    """A folder without the slashes that say nothing: the gateway and Python keep other ones."""
    return re.sub("//+", "/", folder).rstrip("/")


def _get_lines(reply: Reply, name: str) -> list[str]:
    listed = reply.sections.get(name)
    return listed.text.splitlines() if listed else []


def _detect_daemon(reply: Reply) -> str:
    """The daemon's name, which is that of its section; where it does not answer, by what runs."""
    answered = reply.sections.get("daemon-version")
    for message in parse_messages(answered.text) if answered and not answered.status else ():
        if name := get_text(message.body, "daemon"):
            return name
    commands = reply.sections.get("commands")
    return "charon" if commands and "charon" in commands.text.split("\n") else "charon-systemd"
