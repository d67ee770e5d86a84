"""Lines of charon's log without what every logger puts before them, and which connection they are about."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = re.compile(r"(?:^|\s|:)(?P<rest>\d{2,}\[[A-Z]{3}\d?\] ?(?P<about><[^>]*> ?)?(?P<text>.*))$")
_JOURNAL = re.compile(r"^\S+ \S+ (?:charon|ipsec)[\w-]*(?:\[\d+\])?: (?P<text>.*)$")  # charon-systemd: bare text
_ABOUT = re.compile(r"<(?:(?P<name>.*)\|)?(?P<id>\d+)> ?$")


def message(line: str) -> str:
    """What charon said: without time, host, process, thread, subsystem and SA."""
    found = _WORDS.search(line) or _JOURNAL.search(line)
    return found["text"] if found else line


def connection_of(line: str) -> tuple[str | None, int | None]:
    """The connection and IKE_SA that a line says it is about; None where it does not say."""
    found = _WORDS.search(line)
    about = _ABOUT.match(found["about"]) if found and found["about"] else None
    return (about["name"], int(about["id"])) if about else (None, None)


def concerning(lines: Iterable[str], connection: str) -> tuple[str, ...]:
    """The lines about one connection: those with its name or an IKE_SA of it, and those that quote it."""
    marked = [(line, *connection_of(line)) for line in lines]
    numbers = {number for dummy, name, number in marked if name == connection}
    quoted = f"'{connection}'"
    return tuple(
        line
        for line, name, number in marked
        if name == connection or (name is None and number is not None and number in numbers) or quoted in message(line)
    )
