# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that a strongSwan gateway runs on, as its answer tells it: clock, addresses, load, routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from ...model import Reply, System
from ...swanctl.normalize import parse_interfaces

ROUTES_MAX = 1000  # lines, as gather.sh has it
_CRONS = frozenset({"cron", "crond", "fcron", "dcron", "busybox-crond"})
_ZONE = re.compile(r"[+-]([01][0-9]|2[0-3])[0-5][0-9]")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_USUAL = frozenset(f"from all lookup {table}" for table in ("local", "220", "main", "default"))
_ROUTE = re.compile(r"(?P<to>default|[0-9a-f][0-9a-f.:/]*) (?P<words>.*)")
_DEFAULT = {"4": "0.0.0.0/0", "6": "::/0"}
_ADDRESS = re.compile(r"^\d+:\s+(\S+)\s+inet6?\s+(\S+)")
_IFCONFIG = re.compile(
    r"^(?P<device>\S+?):? |^\s+inet6?\s+(?:addr:)?(?P<address>[0-9a-fA-F:.]+)(?:%\S+)?"
    r"(?:(?:\s+netmask|.*\sMask:)?\s*(?P<mask>0x[0-9a-f]{8}|255[0-9.]+))?(?:\s+prefixlen\s+(?P<length>\d+))?"
)
_COLUMNS = ("Destination", "Netif")  # of netstat(1) on FreeBSD; -W has more of them


def parse_host(reply: Reply) -> System:
    """What a gateway's answer says of its machine."""
    about = [*reply.sections["about"].text.splitlines(), "", "", "", "", "", ""]
    load = [*_get_lines(reply, "load"), "", ""]
    return System(
        hostname=about[0],
        time=float(about[1]) if about[1].isdigit() else None,
        zone=about[5] if _ZONE.fullmatch(about[5]) else "",
        kernel=about[2],
        init=about[3],
        cron=bool(_CRONS & set(reply.sections["commands"].text.split("\n"))),
        addresses=_parse_addresses(reply.sections["addresses"].text),
        routes=_parse_routes(_get_lines(reply, "routes")),
        nat=tuple(_get_lines(reply, "nat")),
        load=tuple(float(word) for word in load[0].strip("{} ").split()[:3] if _NUMBER.fullmatch(word)),
        cores=int(load[1]) if load[1].isdigit() else None,
        managed_from=next(iter(_get_lines(reply, "session")), "").partition(" ")[0],
    )


def _get_lines(reply: Reply, name: str) -> list[str]:
    """The lines of a section; none where it was not asked for or failed."""
    answered = reply.sections.get(name)
    return answered.text.splitlines() if answered and not answered.status else []


def _parse_routes(lines: list[str]) -> tuple[str, ...] | None:
    """Destinations and devices of `ip route`; None where they are not whole, or rules other than the usual decide."""
    if len(lines) >= ROUTES_MAX:
        return None
    if any(line.startswith("Internet") for line in lines):
        return tuple(_parse_netstat(lines))
    rules = {rule.strip() for number, dummy, rule in (line.partition(":") for line in lines) if number.isdigit()}
    if not rules or rules - _USUAL:
        return None
    found, default = [], _DEFAULT["4"]
    for line in lines:
        default = _DEFAULT.get(line.removeprefix("family "), default)
        if route := _ROUTE.match(line):  # not one that leads nowhere: "unreachable default ..."
            to = default if route["to"] == "default" else route["to"]
            found += [f"{to} {device}" for word, device in pairwise(route["words"].split()) if word == "dev"]
    return tuple(found)


def _parse_netstat(lines: list[str]) -> Iterator[str]:
    """Destinations and devices of `netstat -rn` on FreeBSD: a table for each family, under its head."""
    family, columns = "4", (0, 0)
    for line in lines:
        words = line.split()
        if line.startswith("Internet"):
            family = "6" if line.startswith("Internet6") else "4"
        elif set(_COLUMNS) <= set(words):
            columns = words.index(_COLUMNS[0]), words.index(_COLUMNS[1])
        elif len(words) > columns[1] > 0:
            to = words[columns[0]].partition("%")
            yield f"{_DEFAULT[family] if to[0] == 'default' else to[0] + _find_length(to[2])} {words[columns[1]]}"


def _find_length(scoped: str) -> str:
    """The length of a prefix behind the zone of its address: `fe80::%em0/64`."""
    return "".join(scoped.partition("/")[1:])


def _parse_addresses(printed: str) -> tuple[str, ...]:
    """Interfaces and their addresses, from `ip -o addr` or `ifconfig -a`."""
    one_line = [f"{found[1]} {found[2]}" for line in printed.splitlines() if (found := _ADDRESS.match(line))]
    if one_line:
        return tuple(line for line in one_line if parse_interfaces((line,)))
    addresses, interface = [], ""
    for line in printed.splitlines():
        if found := _IFCONFIG.match(line):
            interface = found["device"] or interface
            addresses += [f"{interface} {found['address']}{_format_prefix_length(found)}"] if found["address"] else []
    return tuple(addresses)


def _format_prefix_length(found: re.Match[str]) -> str:
    """`/24` of `netmask 0xffffff00`, `netmask 255.255.255.0` or `prefixlen 24`; nothing where there is none."""
    mask = found["mask"] or ""
    if mask.startswith("0x"):
        return f"/{int(mask, 16).bit_count()}"
    if mask:
        return f"/{sum(int(part).bit_count() for part in mask.split('.'))}"
    return f"/{found['length']}" if found["length"] else ""
