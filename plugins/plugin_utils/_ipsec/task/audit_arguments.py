# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task gives to an audit, as model values: registered results, declared tunnels, probes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..diagnose.rules.grounds import DEFAULT
from ..errors import ParseError, extract_reason, suggest
from ..model import (
    REPAIRS,
    DeclaredEnd,
    DeclaredTunnel,
    DesiredPsk,
    Finding,
    Gateway,
    InitiationAttempt,
    Ping,
    Probe,
    Repair,
    Step,
    Waiver,
    build_from_plain,
    resolve_type,
)
from ..report.repairs import ExecutedStep
from ..swanctl.normalize import is_numeric
from ..swanctl.valid import refuse_named, refuse_setting

ENDS = 2
MIRRORED = frozenset(
    ("local_addrs", "remote_addrs", "local_port", "remote_port", "local.id", "remote.id", "local_ts", "remote_ts")
)
COMPLEMENTARY = frozenset(("start_action", "close_action"))  # that both ends start makes duplicates


def parse_gateways(given: Iterable[tuple[str, Any]]) -> tuple[list[Gateway], dict[str, str]]:
    """Gateways by name, and why those that have none could not be read.

    Raises:
        ParseError: a value is not what gateway_info returns; names the path of what does not fit.
    """
    read: list[Gateway] = []
    unreadable: dict[str, str] = {}
    for name, value in given:
        if not isinstance(value, Mapping):
            raise ParseError(
                f"expected what gateway_info returned, not {resolve_type(value)}", where=f"gateways.{name}"
            )
        if "platform" in value:
            read.append(build_from_plain(Gateway, value, f"gateways.{name}"))
        elif "gateway" in value:
            read.append(build_from_plain(Gateway, value["gateway"], f"gateways.{name}"))
        elif value.get("failed") or value.get("unreachable"):
            unreadable[name] = extract_reason(value)
        elif not value.get("skipped"):
            raise ParseError(
                "this is not what gateway_info returned",
                where=f"gateways.{name}",
                hint="register its result and give that",
            )
    return read, unreadable


def parse_declared(given: Iterable[Mapping[str, Any]], inventory: Collection[str] = ()) -> list[DeclaredTunnel]:
    """Declared tunnels. `inventory`: all gateways that there are; empty where that is not known.

    Raises:
        ParseError: a tunnel does not have two ends, its initiator is neither of them, a gateway is not in the
            inventory, or a ping is not between two addresses.
        RefusedError: strongSwan would not take a setting.
    """
    found, there = [_parse_tunnel(tunnel) for tunnel in given], frozenset(inventory)
    for tunnel in found if there else ():
        for end in tunnel.ends:
            if end.gateway not in there:
                what, where = f"{end.gateway} is not in the inventory", f"tunnels.{tunnel.name}.ends"
                raise ParseError(what, where=where, hint=suggest(end.gateway, sorted(there), there="it has"))
    return found


def list_undeclared(
    tunnels: Iterable[DeclaredTunnel], psks: Mapping[str, Any], waivers: Iterable[Waiver] = ()
) -> list[dict[str, str]]:
    """What is given for tunnels that are not declared: `where`, and `what` in a sentence.

    Raises:
        ParseError: a pre-shared key is empty, or not a string.
    """
    names = [tunnel.name for tunnel in tunnels]
    for name, psk in psks.items():
        structured = isinstance(psk, (Mapping, list))  # a value that ansible-vault has encrypted may be no str
        if structured or psk is None or not str(psk):
            what = "a pre-shared key is not a string" if structured else "a pre-shared key is empty"
            where = f"ipsec_psks.{name}" if name in names else "ipsec_psks"  # another name may be a key itself
            raise ParseError(what, where=where, hint="write NAME: 'KEY', or leave the tunnel out")
    told = [{"where": "ipsec_psks", "what": said} for said in find_unused(psks, names)]
    return told + [
        {"where": each.origin, "what": f"a waiver is for {each.tunnel}, and no such tunnel is declared"}
        for each in waivers
        if each.tunnel not in names
    ]


def find_unused(psks: Iterable[str], names: Iterable[str]) -> list[str]:
    """Keys for tunnels that are none of these. A name that is like none of them is not told: it may be a key."""
    known = dict.fromkeys(names)
    extra = [name for name in map(str, psks) if name not in known]
    close = {name: found[0] for name in extra if (found := get_close_matches(name, known, 1))}
    told = [
        f"ipsec_psks has a key for {name}, and no tunnel is called so: do you mean {near}?"
        for name, near in close.items()
    ]
    if others := len(extra) - len(close):
        told.append(f"ipsec_psks has {others} key{'s' * (others != 1)} for no tunnel that is known here")
    return told


def parse_repairs(given: Iterable[str]) -> frozenset[Repair]:
    """Classes of repairs; `default` stands for several."""
    names = set(given)
    chosen = {name for name in REPAIRS if name in names}
    return frozenset(chosen | DEFAULT if "default" in names else chosen)


def parse_probes(given: Iterable[Mapping[str, Any]]) -> list[Probe]:
    """Probes from registered results; those that were skipped or could not run are left out."""
    found = []
    for result in given:
        if "reachable" in result:
            pings = result.get("pings") or []
            sent, received = (sum(int(ping.get(key) or 0) for ping in pings) for key in ("sent", "received"))
            gateway, connection, child = (str(result.get(key) or "") for key in ("gateway", "connection", "child"))
            found.append(Probe(gateway, connection, child, bool(result["reachable"]), sent, received))
    return found


def parse_attempts(given: Iterable[Mapping[str, Any]]) -> list[InitiationAttempt]:
    """Attempts from the registered results of `sa` on one end, and of `gateway_info` on its peer afterwards.

    Raises:
        ParseError: an attempt names no end.
    """
    found = []
    for index, value in enumerate(given):
        result, after = value.get("result") or {}, value.get("peer") or {}
        if not (value.get("gateway") and value.get("connection")):
            what = "an attempt names the gateway and the connection that initiated"
            raise ParseError(what, where=f"attempts[{index}]")
        failed = bool(result.get("failed") or result.get("unreachable"))
        if not failed and not result.get("log"):
            continue  # it was up already, or the task was skipped: nothing was tried
        log = (after.get("gateway") or {}).get("log")
        found.append(
            InitiationAttempt(
                str(value["gateway"]),
                str(value["connection"]),
                established=not failed,
                log=tuple(result.get("log") or str(result.get("msg") or "").splitlines()),
                peer_log=None if log is None else tuple(log),
            )
        )
    return found


def parse_findings(given: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Findings of an earlier audit.

    Raises:
        ParseError: they are not what tunnel_audit returned.
    """
    return [build_from_plain(Finding, value, f"before[{index}]") for index, value in enumerate(given)]


def parse_done(given: Iterable[Mapping[str, Any]]) -> list[ExecutedStep]:
    """Steps from registered results of a loop over a plan, with the loop variable `step`.

    Raises:
        ParseError: a step is not one of a plan.
    """
    return [
        ExecutedStep(
            build_from_plain(Step, result["step"], f"done[{index}].step"),
            changed=bool(result.get("changed")),
            failed=str(result.get("msg", "no reason given"))
            if result.get("failed") or result.get("unreachable")
            else "",
        )
        for index, result in enumerate(given)
        if "step" in result and not result.get("skipped")
    ]


def parse_psks(names: Iterable[str], digests: Mapping[str, Any]) -> dict[str, DesiredPsk]:
    """The pre-shared keys that a user gives, by tunnel: only named, or with what the filter `psk_digests` made of them.

    Raises:
        ParseError: a digest is not one of that filter's.
    """
    named = {str(name): DesiredPsk() for name in names}
    return named | {name: build_from_plain(DesiredPsk, value, f"psk_digests.{name}") for name, value in digests.items()}


def _parse_tunnel(tunnel: Mapping[str, Any]) -> DeclaredTunnel:
    name = str(tunnel["name"])
    where = f"tunnels.{name}"
    ends = [
        DeclaredEnd(
            str(end["gateway"]),
            str(end["connection"]),
            _parse_settings(end, f"{where}.ends[{index}]"),
            _parse_child_settings(end, f"{where}.ends[{index}]"),
        )
        for index, end in enumerate(tunnel["ends"])
    ]
    if len(ends) != ENDS:
        raise ParseError(f"a tunnel has two ends, not {len(ends)}", where=f"tunnels.{name}.ends")
    initiator = tunnel.get("initiator")
    if initiator and initiator not in (end.gateway for end in ends):
        raise ParseError(
            f"initiator {initiator} is not one of its ends",
            where=f"tunnels.{name}.initiator",
            hint=f"name {ends[0].gateway} or {ends[1].gateway}",
        )
    pings = tuple(_parse_pings(tunnel.get("verify") or {}, f"{where}.verify"))
    settings, child_settings = _parse_settings(tunnel, where), _parse_child_settings(tunnel, where)
    _refuse_equal(f"tunnels.{name}.settings", settings)
    _refuse_equal(f"tunnels.{name}.child_settings", child_settings)
    return DeclaredTunnel(name, (ends[0], ends[1]), initiator, settings, pings, child_settings)


def _refuse_equal(where: str, settings: Mapping[str, str]) -> None:
    """What both ends cannot have alike."""
    for key, value in settings.items():
        if key in MIRRORED:
            what = f"{key} mirrors between the two ends and cannot be the same on both"
        elif key in COMPLEMENTARY and "start" in value:
            what = f"{key} = {value} on both ends would have each of them start the tunnel"
        else:
            continue
        raise ParseError(
            what, where=f"{where}.{key}", hint=f"give it to one end, under ends[].{where.rpartition('.')[2]}"
        )


def _parse_settings(given: Mapping[str, Any], where: str) -> dict[str, str]:
    words = _parse_words(given, "settings")
    for name, value in words.items():
        refuse_named(name, value, f"{where}.settings.{name}")
    return words


def _parse_child_settings(given: Mapping[str, Any], where: str) -> dict[str, str]:
    words = _parse_words(given, "child_settings")
    for name, value in words.items():
        refuse_setting("child", name, value, f"{where}.child_settings.{name}")
    return words


def _parse_pings(verify: Mapping[str, Any], where: str) -> Iterator[Ping]:
    _refuse_others(verify, ("ping",), where)
    pings = verify.get("ping") or ()
    if not isinstance(pings, (list, tuple)):
        raise ParseError("ping is a list of pings", where=f"{where}.ping", hint="write [{from: ADDRESS, to: ADDRESS}]")
    for index, ping in enumerate(pings):
        at = f"{where}.ping[{index}]"
        if not isinstance(ping, Mapping):
            raise ParseError("a ping has two addresses", where=at, hint="write {from: ADDRESS, to: ADDRESS}")
        _refuse_others(ping, ("from", "to"), at)
        for key in ("from", "to"):
            if not is_numeric(str(ping.get(key, ""))):
                what = f"{ping[key]!r} is not an IP address" if key in ping else f"{key!r} is missing"
                raise ParseError(what, where=f"{at}.{key}", hint="write an address inside the selectors")
        yield Ping(str(ping["from"]), str(ping["to"]))


def _refuse_others(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    if unknown := next((str(key) for key in given if key not in known), ""):
        raise ParseError(f"unknown key {unknown!r}", where=where, hint=suggest(unknown, known))


def _parse_words(given: Mapping[str, Any], key: str) -> dict[str, str]:
    return {str(name): _format_value(value) for name, value in (given.get(key) or {}).items()}


def _format_value(value: object) -> str:
    """As strongSwan writes it: YAML reads `yes` as a boolean, and a list is comma separated."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    if value is None:
        return ""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
