# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running charon tells through swanctl and its log, wherever it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ...errors import IpsecError, ParseError
from ...model import Daemon, Problem, Reply
from ...swanctl.log import LONGEST
from ...swanctl.pretty_output import get_number, get_section, get_text, get_texts, parse_messages
from ..gather_options import GatherOptions
from .strongswan_conf import StrongswanConf, parse_conf, parse_retransmission

T = TypeVar("T")
_VERSION = re.compile(r"strongSwan (\S+) swanctl")
_DAEMONS = frozenset({"charon-systemd", "charon", "charon-nm", "charon-cmd"})
LOG_MAX = 2_000_000  # bytes, as gather.sh has it


def parse_version(reply: Reply) -> str | None:
    """The daemon's version; where it does not answer, swanctl's, which stands over the usage it then prints."""
    answered = reply.sections.get("daemon-version")
    for message in parse_messages(answered.text) if answered else ():
        if found := get_text(message.body, "version"):
            return found
    refused = reply.sections.get("stats-reply")
    printed = _VERSION.search(f"{refused.text}\n{refused.err}") if refused else None
    return printed[1] if printed else None


def parse_numbers(version: str | None) -> tuple[int, ...]:
    """A version to compare."""
    return tuple(int(part) for part in re.findall(r"\d+", version or "")[:3])


def parse_settings(reply: Reply) -> StrongswanConf | None:
    """What was read of strongswan.conf; None where it could not be: that keeps nothing else from being read."""
    try:
        return parse_conf(reply)
    except IpsecError:
        return None


def parse_daemon(reply: Reply, found: StrongswanConf | None, problems: list[Problem]) -> Daemon:
    """The daemon's figures, or why it does not tell them."""
    runs = bool(_DAEMONS & set(reply.sections["commands"].text.split("\n")))
    if reply.sections["swanctl"].status:
        problems.append(
            Problem("no-swanctl", "there is no swanctl", hint="install strongSwan's swanctl, or leave this host out")
        )
        return Daemon(installed=False, running=runs)
    stats = reply.sections["stats-reply"]
    if stats.status:
        problem, running = _explain_silence(stats.status, stats.err, runs=runs)
        problems.append(problem)
        return Daemon(installed=True, running=running)
    body = next((message.body for message in parse_messages(stats.text)), {})
    uptime, sas, workers = get_section(body, "uptime"), get_section(body, "ikesas"), get_section(body, "workers")
    queues = get_section(body, "queues")
    return Daemon(
        installed=True,
        running=True,
        since=get_text(uptime, "since") or None,
        uptime=get_text(uptime, "running") or None,
        ike_sas=get_number(sas, "total"),
        half_open=get_number(sas, "half-open"),
        plugins=get_texts(body, "plugins"),
        workers=get_number(workers, "total"),
        idle=get_number(workers, "idle"),
        queued=sum(get_number(queues, priority) or 0 for priority in queues) if queues else None,
        retransmission=parse_retransmission(found),
        **_parse_starter(reply),
    )


def _parse_starter(reply: Reply) -> dict[str, Any]:
    """What starts the daemon with the machine, and whether that loads connections (starter.sh)."""
    answered = reply.sections.get("starter")
    does, dummy, what = answered.text.strip().partition(" ") if answered and not answered.status else ("", "", "")
    return {"starter": what, "loads": {"loads": True, "nothing": False}.get(does)}


def _explain_silence(status: int, said: str, *, runs: bool) -> tuple[Problem, bool | None]:
    """Why the daemon did not answer, and whether it runs."""
    if "Permission denied" in said or "Operation not permitted" in said:
        return Problem("no-permission", "this user may not open the daemon's socket", hint="use become"), runs or None
    if status == 124:  # noqa: PLR2004 - timeout(1)
        return Problem("daemon-hangs", "the daemon does not answer within 30 s", hint="look at its log"), True
    if runs:
        last = said.splitlines()[-1] if said else f"exit status {status}"
        hint = "is its vici plugin loaded, and its socket the default one?"
        return Problem("no-vici", f"the daemon runs and does not answer swanctl ({last})", hint=hint), True
    return Problem(
        "daemon-stopped", "the IKE daemon does not run", hint="start it, with the module daemon for example"
    ), False


def parse_listing(reply: Reply, name: str, parse: Callable[[str], T], problems: list[Problem]) -> T | None:
    """What a listing says; None where it was not asked for or did not come."""
    listing = reply.sections.get(name)
    if listing is None:
        return None
    if listing.status:
        last = listing.err.splitlines()[-1] if listing.err else f"exit status {listing.status}"
        problems.append(Problem("listing-failed", f"swanctl did not list {name}: {last}"))
        return None
    try:
        return parse(listing.text)
    except ParseError as error:
        problems.append(Problem("listing-unreadable", f"swanctl's list of {name}: {error.what}", error.where))
        return None


def parse_log(reply: Reply, options: GatherOptions, problems: list[Problem]) -> tuple[str, ...] | None:
    """The end of its log; None where that was not asked for, or where there may be keys in it."""
    keys = reply.sections.get("log-keys")
    if keys is not None and keys.status == 0:
        levels = ", ".join(dict.fromkeys(keys.text.splitlines()))[:LONGEST]
        what = f"the log is not read, because at such a level keys are written into it: {levels}"
        problems.append(Problem("log-hides", what, hint="set it to 3 or less, which shows all but keys"))
    log = reply.sections.get("log")
    if log is None:
        return None
    lines = tuple(line[:LONGEST] for line in log.out[-LOG_MAX:].decode("utf-8", "backslashreplace").splitlines())
    most = options.log_lines
    if not options.log_from or (len(lines) <= most and len(log.out) < LOG_MAX):
        return lines
    what = "more was logged since the position given than is read: the first lines are missing"
    problems.append(Problem("log-cut", what, hint=f"log_lines is {most}, and no more than {LOG_MAX} bytes are read"))
    return lines[-most:]
