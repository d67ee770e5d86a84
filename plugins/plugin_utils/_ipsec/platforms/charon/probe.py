# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a tunnel carries traffic: pings from this end, and the counters of this end's SAs around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...errors import IpsecError, RefusedError
from ...model import ChildSa, EndName, Reply, Script
from ...swanctl.listings import parse_ike_sas
from ..probe import Counters, PingProof, PingResult, ProbeRequest, refuse_odd
from .scripts import read_script

_SENT = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_TIMES = re.compile(r"min/avg/max(?:/[a-z-]+)? = ([\d.]+)/([\d.]+)/([\d.]+)")
_NO_COMMAND = 127


def build_script(wish: ProbeRequest) -> Script:
    """The program that probes: one round trip, nothing written.

    Raises:
        RefusedError: an address that is none, or a count or timeout that makes no sense.
    """
    refuse_odd(wish)
    variables = {
        "TW_CONNECTION": wish.connection,
        "TW_CHILD": _format_name(wish.child or ""),
        "TW_PINGS": "\n".join(f"{pair.source or '-'} {pair.target or '-'}" for pair in wish.pings),
        "TW_PEER": " ".join(wish.peer),
        "TW_COUNT": str(wish.count),
        "TW_TIMEOUT": str(wish.timeout),
        "TW_CHOOSE": read_script("choose.awk"),
    }
    return Script(read_script("probe.sh"), variables)


def parse_proof(wish: ProbeRequest, reply: Reply) -> PingProof:
    """What the gateway's answer proves.

    Raises:
        RefusedError: no address to ping from or to; says what to give.
        IpsecError: the daemon or `ping` is not to be had.
    """
    _refuse_silence(wish, reply)
    plan = reply.sections["plan"].text.strip("\n").split("\n")
    if "no-sa" in plan:
        counters = _sum_counters(_parse_children(wish, reply, "sas-0"))
        return PingProof((), counters, counters, (_explain_no_sa(wish, wish.child),))
    _refuse_plan(wish, plan)
    pings = tuple(_parse_ping(wish, reply, number, line) for number, line in enumerate(plan, 1))
    before, after = (_sum_counters(_parse_children(wish, reply, name)) for name in ("sas-0", f"sas-{len(plan)}"))
    last = _parse_children(wish, reply, f"sas-{len(plan)}")
    faults = tuple(fault for ping in pings if (fault := _find_fault(wish, ping, last)))
    return PingProof(pings, before, after, faults)


def _format_name(name: str) -> str:
    """A name as charon prints it in a value."""
    return name if name.isascii() and name.isprintable() else f"0x{name.encode('utf-8', 'surrogateescape').hex()}"


def _refuse_silence(wish: ProbeRequest, reply: Reply) -> None:
    first = reply.sections["sas-0"]
    if first.status == 0:
        return
    if first.status == _NO_COMMAND:
        raise IpsecError("there is no swanctl", where=wish.gateway, hint="install strongswan-swanctl")
    if "ermission" in first.err or reply.sections["user"].text.strip() != "0":
        raise IpsecError("this user may not talk to the IKE daemon", where=wish.gateway, hint="use become: true")
    raise IpsecError(
        "the IKE daemon does not answer", where=wish.gateway, hint="start it; tunnelwright.ipsec.daemon does"
    )


def _refuse_plan(wish: ProbeRequest, plan: Sequence[str]) -> None:
    for line in plan:
        why, rest = (line + " ").split(" ", 1)
        if why == "no-own":
            raise RefusedError(
                f"no address of this gateway is inside local_ts {rest.strip()}",
                where=wish.end,
                hint="ping from a host behind it, or give the gateway an address in there and name it as `from`",
            )
        if why == "no-peer":
            raise RefusedError(
                f"none of the peer's addresses is inside remote_ts {rest.strip()}",
                where=wish.end,
                hint="give each ping a `to`: a host in there that answers",
            )
        if why == "no-child":
            source, target = (address.replace("-", "any address") for address in rest.split())
            raise RefusedError(
                f"no installed child has selectors for a ping from {source} to {target}",
                where=wish.end,
                hint="give addresses inside local_ts and remote_ts",
            )


def _parse_children(wish: ProbeRequest, reply: Reply, name: str) -> tuple[ChildSa, ...]:
    section = reply.sections.get(name)
    if section is None or section.status != 0:
        raise IpsecError("the IKE daemon stopped answering during the probe", where=wish.gateway)
    return tuple(
        child
        for sa in parse_ike_sas(section.text)
        if sa.connection == wish.connection
        for child in sa.children
        if wish.child in (None, child.name)
    )


def _sum_counters(children: Sequence[ChildSa]) -> Counters:
    return Counters(
        *(
            sum(getattr(child, name) for child in children)
            for name in ("bytes_in", "packets_in", "bytes_out", "packets_out")
        )
    )


def _compute_rise(before: Sequence[ChildSa], after: Sequence[ChildSa]) -> Counters:
    """By how much: an SA that a rekey brought counts from zero, one that it took no longer counts."""
    old = {child.id: child for child in before}
    start = _sum_counters([old[child.id] for child in after if child.id in old])
    end = _sum_counters(after)
    return Counters(
        end.bytes_in - start.bytes_in,
        end.packets_in - start.packets_in,
        end.bytes_out - start.bytes_out,
        end.packets_out - start.packets_out,
    )


def _parse_ping(wish: ProbeRequest, reply: Reply, number: int, line: str) -> PingResult:
    source, target, *named = line.removeprefix("ping ").split(" ", 2)
    done = reply.sections[f"ping-{number}"]
    if done.status == _NO_COMMAND:
        raise IpsecError("ping is not installed", where=wish.gateway, hint="install iputils-ping")
    rose = _compute_rise(
        _parse_children(wish, reply, f"sas-{number - 1}"), _parse_children(wish, reply, f"sas-{number}")
    )
    child = wish.child or (named[0] if named else None) or None
    counted, timed = _SENT.search(done.text), _TIMES.search(done.text)
    if not counted:
        said = done.err.splitlines()[-1] if done.err else f"ping ended with status {done.status}"
        return PingResult(source, target, child, rose=rose, error=said)
    low, mean, high = (round(float(time) / 1000, 6) for time in timed.groups()) if timed else (None, None, None)
    return PingResult(source, target, child, int(counted[1]), int(counted[2]), low, mean, high, rose)


def _find_fault(wish: ProbeRequest, ping: PingResult, children: Sequence[ChildSa]) -> str:
    """What is wrong with one ping, in one sentence; empty where nothing is."""
    if ping.esp_used:
        return ""
    way = f"{ping.source} to {ping.target}"
    if ping.received:
        hint = "look for a route or a policy that takes another way, or for addresses outside the selectors"
        what = f"pings from {way} were answered, but not through the tunnel: its counters stood still"
        return str(IpsecError(what, where=wish.end, hint=hint))
    if not any(child.carries for child in children if ping.child in (None, child.name)):
        return _explain_no_sa(wish, ping.child)
    if ping.error:
        return str(IpsecError(f"the ping from {way} could not be sent", where=wish.end, hint=ping.error))
    return "".join(_explain_loss(wish, ping, way))


def _explain_loss(wish: ProbeRequest, ping: PingResult, way: str) -> Iterator[str]:
    up = f"the tunnel is up and carries nothing: 0 of {ping.sent} pings from {way} were answered"
    if not ping.rose.packets_out:
        hint = "they did not even enter it; look for the route and the policy on this end"
    elif not ping.rose.packets_in:
        hint = (
            f"{ping.rose.packets_out} packets left through it and none came back;"
            " ESP is lost on the path (a filter, NAT without encap) or the other end has no such SA"
        )
    else:
        hint = f"packets came in through it, yet no answer; look at the firewall and the routes of {ping.target}"
    yield str(IpsecError(up, where=wish.end, hint=hint))


def _explain_no_sa(wish: ProbeRequest, child: str | None) -> str:
    where = str(EndName(wish.gateway, wish.connection, child))
    return str(
        IpsecError("no CHILD_SA is installed", where=where, hint="establish it first; tunnelwright.ipsec.sa does")
    )
