"""The machine that a strongSwan gateway runs on, as its answer tells it: clock, addresses, load, routes."""

from __future__ import annotations

import re
from itertools import pairwise

from ...model import Reply, System

ROUTES_MAX = 1000  # lines, as gather.sh has it
_CRONS = frozenset({"cron", "crond", "fcron", "dcron", "busybox-crond"})
_ZONE = re.compile(r"[+-]([01][0-9]|2[0-3])[0-5][0-9]")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_RULE = re.compile(r"\d+:\s+(?P<says>.*?)\s*")
_USUAL = frozenset(f"from all lookup {table}" for table in ("local", "220", "main", "default"))
_ROUTE = re.compile(r"(?P<to>default|[0-9a-f][0-9a-f.:/]*) (?P<words>.*)")
_DEFAULT = {"4": "0.0.0.0/0", "6": "::/0"}
_ADDRESS = re.compile(r"^\d+:\s+(\S+)\s+inet6?\s+(\S+)")
_IFCONFIG = re.compile(r"^(\S+?):? |^\s+inet6?\s+(?:addr:)?([0-9a-fA-F:.]+)")


def system(reply: Reply) -> System:
    """What a gateway's answer says of its machine."""
    about = [*reply.sections["about"].text.splitlines(), "", "", "", "", "", ""]
    load = [*_lines(reply, "load"), "", ""]
    return System(
        hostname=about[0],
        time=float(about[1]) if about[1].isdigit() else None,
        zone=about[5] if _ZONE.fullmatch(about[5]) else "",
        kernel=about[2],
        init=about[3],
        cron=bool(_CRONS & set(reply.sections["commands"].text.split("\n"))),
        addresses=_addresses(reply.sections["addresses"].text),
        routes=_routes(_lines(reply, "routes")),
        load=tuple(float(word) for word in load[0].split()[:3] if _NUMBER.fullmatch(word)),
        cores=int(load[1]) if load[1].isdigit() else None,
        managed_from=next(iter(_lines(reply, "session")), "").partition(" ")[0],
    )


def _lines(reply: Reply, name: str) -> list[str]:
    """The lines of a section; none where it was not asked for or failed."""
    answered = reply.sections.get(name)
    return answered.text.splitlines() if answered and not answered.status else []


def _routes(lines: list[str]) -> tuple[str, ...] | None:
    """Destinations and devices of `ip route`; None where they are not whole, or rules other than the usual decide."""
    rules = {found["says"] for found in map(_RULE.fullmatch, lines) if found}
    if not rules or rules - _USUAL or len(lines) >= ROUTES_MAX:
        return None
    found, default = [], _DEFAULT["4"]
    for line in lines:
        default = _DEFAULT.get(line.removeprefix("family "), default)
        if route := _ROUTE.match(line):  # not one that leads nowhere: "unreachable default ..."
            to = default if route["to"] == "default" else route["to"]
            found += [f"{to} {device}" for word, device in pairwise(route["words"].split()) if word == "dev"]
    return tuple(found)


def _addresses(printed: str) -> tuple[str, ...]:
    """Interfaces and their addresses, from `ip -o addr` or `ifconfig -a`."""
    one_line = [f"{found[1]} {found[2]}" for line in printed.splitlines() if (found := _ADDRESS.match(line))]
    if one_line:
        return tuple(one_line)
    addresses, interface = [], ""
    for line in printed.splitlines():
        if found := _IFCONFIG.match(line):
            interface = found[1] or interface
            addresses += [f"{interface} {found[2]}"] if found[2] else []
    return tuple(addresses)
