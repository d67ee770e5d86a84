"""What was read of strongswan.conf: loggers and retransmission. Nothing else of it leaves a gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import IpsecError
from ...model import Reply, Retransmission, Setting
from ...swanctl.output import messages, text
from ...swanctl.settings import Path, Settings, load

_FIGURE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Conf:
    """strongswan.conf and its includes, as conf.sh shows them, for the daemon of this name."""

    daemon: str
    root: str
    files: Mapping[str, bytes]

    @property
    def settings(self) -> Settings:
        """The effective settings."""
        return load(self.root, self.files)

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections that count for the daemon: its own, then charon's, which all variants fall back to."""
        return tuple(dict.fromkeys((self.daemon, "charon")))

    def get(self, settings: Settings, path: Path) -> Setting | None:
        """What the daemon takes for a path below its section."""
        found = (settings.get((section, *path)) for section in self.sections)
        return next(filter(None, found), None)


def conf(reply: Reply) -> Conf | None:
    """What was read of strongswan.conf; None where there is none, a part must not be read, or strongSwan refuses it."""
    listed, unread = reply.sections.get("conf-files"), reply.sections.get("conf-unread")
    paths = listed.text.splitlines() if listed else []
    if not paths or (unread and "denied " in unread.text):
        return None
    files = {path: reply.sections[f"conf-{index}"].out for index, path in enumerate(paths)}
    found = Conf(_daemon(reply), paths[0], files)
    try:
        found.settings  # noqa: B018  what is in force is not in a file that strongSwan refuses
    except IpsecError:
        return None
    return found


def retransmission(found: Conf | None) -> Retransmission:
    """How long the daemon waits for an answer; by default where strongswan.conf does not tell."""
    if found is None:
        return Retransmission()
    settings = found.settings
    given = {key: found.get(settings, (f"retransmit_{key}",)) for key in ("tries", "timeout", "base", "limit")}
    values = {key: float(one.value) for key, one in given.items() if one and _FIGURE.fullmatch(one.value)}
    default = Retransmission()
    tries = values.get("tries", 0.5)
    return Retransmission(
        tries=int(tries) if tries.is_integer() else default.tries,
        timeout=values.get("timeout", default.timeout),
        base=values.get("base", default.base),
        limit=values.get("limit", default.limit),
    )


def _daemon(reply: Reply) -> str:
    """The daemon's name, which is that of its section; where it does not answer, by what runs."""
    answered = reply.sections.get("daemon-version")
    for message in messages(answered.text) if answered and not answered.status else ():
        if name := text(message.body, "daemon"):
            return name
    commands = reply.sections.get("commands")
    return "charon" if commands and "charon" in commands.text.split("\n") else "charon-systemd"
