# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of charon's log: when, whom they are about, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .log_signatures import Signature, find_signature

LONGEST = 2000  # characters of a line that are looked at: what a peer says stands in it
_WORDS = re.compile(r"(?:^|\s|:)(?P<rest>\d{2,}\[[A-Z]{3}\d?\] ?(?P<about><[^>]*> ?)?(?P<text>.*))$")
_SWANCTL = re.compile(r"^\[[A-Z]{3}\d?\] (?P<text>.*)$")  # what swanctl prints while it operates
_JOURNAL = re.compile(r"^\S+ \S+ (?:charon|ipsec)[\w-]*(?:\[\d+\])?: (?P<text>.*)$")  # charon-systemd: bare text
_THREAD = re.compile(r"(?:^|\s|:)(?P<thread>\d{2,})\[[A-Z]{3}\d?\]")
_RECEIVED = re.compile(r"received packet: from (?P<host>[0-9A-Fa-f.:]+)\[\d+\] to (?P<at>[0-9A-Fa-f.:]+)\[")
_ABOUT = re.compile(r"<(?:(?P<name>.*)\|)?(?P<id>\d+)> ?$")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)?")
_PRIORITY = re.compile(r"<\d{1,3}>1 ")  # before the time of RFC 5424, as pfSense may be told to log
_SYSLOG = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d")
_HOST = r"(?P<{}>[0-9A-Fa-f.:]{{0,44}}[0-9A-Fa-f])"
_PEER = re.compile(
    "|".join(
        (
            rf"received packet: from {_HOST.format('source')}\[",
            rf"sending packet: from \S+ to {_HOST.format('target')}\[",
            rf"\.\.\.{_HOST.format('other')}(?=[\[,\s]|$)",  # what charon calls the couple of addresses
            rf"IKE_SA \S+ to {_HOST.format('asked')}",
            rf"^{_HOST.format('asking')} is initiating",
        )
    )
)


def extract_message(line: str) -> str:
    """What charon said: without time, host, process, thread, subsystem and SA."""
    found = _WORDS.search(line) or _JOURNAL.search(line) or _SWANCTL.search(line)
    return found["text"] if found else line


def find_connection(line: str) -> tuple[str | None, int | None]:
    """The connection and IKE_SA that a line says it is about; None where it does not say."""
    found = _WORDS.search(line)
    about = _ABOUT.match(found["about"]) if found and found["about"] else None
    return (about["name"], int(about["id"])) if about else (None, None)


def has_thread(line: str) -> bool:
    """Whether it says which thread logged it, as all loggers but charon-systemd's journal do."""
    return _THREAD.search(line) is not None


def select_lines(lines: Iterable[str], connection: str) -> tuple[str, ...]:
    """The lines about one connection: those with its name or an IKE_SA of it, and those that quote it."""
    marked = [(line, *find_connection(line)) for line in lines]
    numbers = {number for dummy, name, number in marked if name == connection}
    quoted = f"'{connection}'"
    return tuple(
        line
        for line, name, number in marked
        if name == connection
        or (name is None and number is not None and number in numbers)
        or quoted in extract_message(line)
    )


@dataclass(frozen=True, slots=True)
class Event:
    """One line that the catalogue knows."""

    line: str
    text: str  # without what the logger put before it
    means: Signature
    connection: str | None = None
    sa: int | None = None
    peer: str | None = None  # address
    time: datetime | None = None


def parse_events(lines: Iterable[str], clock: datetime | None = None) -> tuple[Event, ...]:
    """The lines that the catalogue knows, in their order. `clock` is the gateway's, which most loggers go by."""
    found = []
    for line in lines:
        text = extract_message(line)
        if means := find_signature(text):
            found.append(Event(line, text, means, *find_connection(line), find_peer(text), find_time(line, clock)))
    return tuple(found)


def find_peer(text: str) -> str | None:
    """The address of the other end, where a message tells it."""
    found = _PEER.search(text)
    return found[found.lastgroup] if found and found.lastgroup else None


def find_time(line: str, clock: datetime | None = None) -> datetime | None:
    """When a line was logged, as journald, syslog and charon's own files write it; None where it does not say.

    Without a time zone in the line it is in that of `clock`, without a year in the last twelve months before it.
    """
    priority = _PRIORITY.match(line)
    line = line[priority.end() :] if priority else line
    if found := _ISO.match(line):
        try:
            moment = datetime.fromisoformat(found[0].replace(",", "."))
        except ValueError:  # a day or an hour that there is not
            return None
        return moment if moment.tzinfo or clock is None else moment.replace(tzinfo=clock.tzinfo)
    found = _SYSLOG.match(line)
    if found is None or clock is None:
        return None
    for year in (clock.year, clock.year - 1):
        try:
            moment = datetime.strptime(f"{year} {found[0]}", "%Y %b %d %H:%M:%S").replace(tzinfo=clock.tzinfo)
        except ValueError:  # February 29th of another year
            continue
        if moment <= clock + timedelta(days=1):
            return moment
    return None


def is_of_others(lines: Sequence[str], connection: str, others: Collection[str]) -> frozenset[int]:
    """Places of the lines that are about other connections: that name an IKE_SA of one, or lead to such a line.

    An IKE_SA that has had several names, since charon looks for the one that fits, is the last one's. A thread handles
    one packet at a time, and logs its receipt before it knows whose it is.
    """
    about = [find_connection(line) for line in lines]
    names = {number: name for name, number in about if name is not None and number is not None}
    theirs = {number for number, name in names.items() if name != connection and name in others}
    found: set[int] = set()
    handled: dict[str, list[int]] = {}  # by thread, the lines since the last packet
    for place, (line, (dummy, number)) in enumerate(zip(lines, about, strict=True)):
        thread = _THREAD.search(line)
        own = handled.setdefault(thread["thread"], []) if thread else []
        if _RECEIVED.search(line):
            own.clear()
        own.append(place)
        if number in theirs:
            found.update(own)
    return frozenset(found)


def select_exchange(lines: Iterable[str], addresses: Collection[str], at: Collection[str] = ()) -> tuple[str, ...]:
    """The lines that were logged while packets from these addresses were handled, which came in `at` these, if any.

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
            ours[found["thread"]] = packet["host"] in addresses and (not at or packet["at"] in at)
        if ours.get(found["thread"], False):
            kept.append(line)
    return tuple(kept)
