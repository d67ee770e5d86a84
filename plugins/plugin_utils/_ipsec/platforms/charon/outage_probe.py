# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a tunnel carries nothing while it is changed: pings that run on beside the change, and what they missed."""

from __future__ import annotations

import re
from ipaddress import ip_address
from itertools import pairwise

from ...errors import IpsecError, RefusedError
from ...model import OutageMeasurement, Reply, Script
from ..outage_probe import OutageProbeRequest
from .scripts import read_script

_ANSWER = re.compile(r"\b(?:icmp_)?seq=(\d{1,9})\b")
_SENT = re.compile(r"\b(\d{1,9}) packets transmitted")
_LONGEST = 500  # characters of a line that are looked at
_IPUTILS = re.compile(r"^PING \S+ ?\([^)]*\)(?: from .* :)? \d+")
_WORD = re.compile(r"[0-9A-Za-z.:%_-]+")
_MOST = 65000  # pings: their number has 16 bits
SHORTEST, LONGEST = 0.2, 5.0  # seconds between two; less is for nobody but root, and some pings


def build_script(wish: OutageProbeRequest, do: str) -> Script:
    """The program that starts the pings, or stops them and shows what they printed.

    Raises:
        RefusedError: an address that is none, or times that make no sense.
    """
    for address in (wish.source, wish.target):
        try:
            ip_address(address)
        except ValueError as error:
            raise RefusedError(f"{address!r} is not an IP address", where=wish.where, hint="give an address") from error
        if not _WORD.fullmatch(address):  # ip_address takes any zone
            raise RefusedError(f"{address!r} has an invalid zone", where=wish.where, hint="give an address")
    if not SHORTEST <= wish.interval <= LONGEST or wish.seconds < 1:
        what = f"a ping every {wish.interval:g} s for {wish.seconds} s makes no sense"
        raise RefusedError(what, where=wish.where, hint=f"give an interval of {SHORTEST:g} to {LONGEST:g} s")
    variables = {
        "TW_DO": do,
        "TW_ID": wish.id,
        "TW_FROM": wish.source,
        "TW_TO": wish.target,
        "TW_INTERVAL": f"{wish.interval:g}",
        "TW_COUNT": str(min(_MOST, max(1, round(wish.seconds / wish.interval)))),
    }
    return Script(f"{read_script('services.sh')}\n{read_script('outage.sh')}", variables)


def parse_start(wish: OutageProbeRequest, reply: Reply) -> None:
    """Whether the pings run.

    Raises:
        IpsecError: they do not; says why.
    """
    begun, running = (reply.sections.get(name) for name in ("started", "running"))
    if begun is None or begun.status or running is None or running.status:
        said = reply.sections.get("said")
        words = [*(begun.err.splitlines() if begun else ()), *(said.text.strip().splitlines() if said else ())]
        raise IpsecError("the running probe does not run", where=wish.where, hint=words[-1] if words else "")


def parse_outage(wish: OutageProbeRequest, reply: Reply) -> OutageMeasurement:
    """What the pings missed. `seconds` is the longest run of pings without an answer, times their interval."""
    heard = reply.sections.get("heard")
    given = OutageMeasurement(wish.gateway, wish.child, wish.source, wish.target, interval=wish.interval)
    if heard is None or heard.status:
        return OutageMeasurement(*_list_key_fields(given), error="nothing of it was there any more")
    printed = heard.text
    sent = _SENT.search(printed)
    answers = sorted(_parse_answers(printed))
    first = _find_first_seq(printed)
    count = int(sent[1]) if sent else (answers[-1] - first + 1 if answers else 0)
    if not count:
        words = printed.strip().splitlines()
        return OutageMeasurement(*_list_key_fields(given), error=words[-1] if words else "it sent nothing")
    if answers and answers[-1] == first + count - 2:
        count -= 1  # the last was under way when it was stopped
    missed = [later - earlier - 1 for earlier, later in pairwise([first - 1, *answers, first + count])]
    longest = round(max(missed) * wish.interval, 3)
    return OutageMeasurement(*_list_key_fields(given), count, count - len(answers), longest, wish.interval)


def _parse_answers(printed: str) -> set[int]:
    """The numbers of the pings that were answered; a second answer says that it is one."""
    lines = (line[:_LONGEST] for line in printed.splitlines())
    found = (_ANSWER.search(line) for line in lines if "bytes from " in line and "(DUP!)" not in line)
    return {int(each[1]) for each in found if each}


def _list_key_fields(given: OutageMeasurement) -> tuple[str, str, str, str]:
    return given.gateway, given.child, given.source, given.target


def _find_first_seq(printed: str) -> int:
    """The number of the first ping: iputils counts from 1, busybox and FreeBSD from 0, and only it has these spaces."""
    return 1 if any(_IPUTILS.match(line[:_LONGEST]) for line in printed.splitlines()) else 0
