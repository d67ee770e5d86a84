"""Lines of charon's log without what every logger puts before them: whom they are about, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .signatures import Signature, signature

_WORDS = re.compile(r"(?:^|\s|:)(?P<rest>\d{2,}\[[A-Z]{3}\d?\] ?(?P<about><[^>]*> ?)?(?P<text>.*))$")
_SWANCTL = re.compile(r"^\[[A-Z]{3}\d?\] (?P<text>.*)$")  # what swanctl prints while it operates
_JOURNAL = re.compile(r"^\S+ \S+ (?:charon|ipsec)[\w-]*(?:\[\d+\])?: (?P<text>.*)$")  # charon-systemd: bare text
_THREAD = re.compile(r"(?:^|\s|:)(?P<thread>\d{2,})\[[A-Z]{3}\d?\]")
_RECEIVED = re.compile(r"received packet: from (?P<host>[0-9A-Fa-f.:]+)\[\d+\]")
_ABOUT = re.compile(r"<(?:(?P<name>.*)\|)?(?P<id>\d+)> ?$")


def message(line: str) -> str:
    """What charon said: without time, host, process, thread, subsystem and SA."""
    found = _WORDS.search(line) or _JOURNAL.search(line) or _SWANCTL.search(line)
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


@dataclass(frozen=True, slots=True)
class Event:
    """One line that the catalogue knows."""

    line: str
    text: str  # without what the logger put before it
    means: Signature
    connection: str | None = None
    sa: int | None = None


def events(lines: Iterable[str]) -> tuple[Event, ...]:
    """The lines that the catalogue knows, in their order."""
    found = []
    for line in lines:
        text = message(line)
        if means := signature(text):
            found.append(Event(line, text, means, *connection_of(line)))
    return tuple(found)


def exchange(lines: Iterable[str], addresses: Collection[str]) -> tuple[str, ...]:
    """The lines that were logged while packets from these addresses were handled.

    A thread handles one packet at a time and says first whose it is. Lines without a thread (charon-systemd's in
    the journal) are kept, since nothing tells whose they are.
    """
    ours: dict[str, bool] = {}
    kept = []
    for line in lines:
        found = _THREAD.search(line)
        if found is None:
            kept.append(line)
            continue
        if packet := _RECEIVED.search(line):
            ours[found["thread"]] = packet["host"] in addresses
        if ours.get(found["thread"], False):
            kept.append(line)
    return tuple(kept)
