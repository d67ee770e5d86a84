# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in the machine that an end runs on: its load, what starts it, and where it routes what the tunnel is for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address

from ...analysis.evidence import find_installed, has_live_state, list_some, locate
from ...model import Child, End, Fault, Tunnel
from ...swanctl.log import Event, parse_events, select_lines
from ...swanctl.normalize import is_numeric, list_explicit
from ...swanctl.selectors import Network, list_all_networks, list_networks
from . import rule
from .state import SETTLING

BUSY = 2.0  # load per core: on average, as many threads wait as run
SELDOM = 300.0  # seconds of dpd_delay: checks this rare are not what a load breaks
LONGER = 60.0  # seconds
RECENT = 900.0  # seconds, which the load average of 15 minutes is about
DEAD = ("gave-up", "dpd-timeout")  # what the log says where DPD has found a peer dead


@rule("load-too-high", "medium", reference="strongSwan docs: Job Priority Management; getloadavg(3)")
def load_too_high(tunnel: Tunnel) -> Iterator[Fault]:
    """A machine is so busy that dead peer detection fails although the peer lives.

    Two things must be so. The load averages of 5 and of 15 minutes are both at least 2 per core: as many threads wait
    as run, and for longer than a rekey or a backup takes; Linux also counts those that wait for a disk, so this alone
    proves nothing. And the daemon feels it: none of its threads is idle while jobs wait, or a log of the last 15
    minutes says that this tunnel's peer was given up, and yet an IKE_SA with it is up. Check more seldom, not never:
    without DPD a dead tunnel stays up.
    """
    delays = [delay for end in tunnel.ends if (delay := end.connection.dpd_delay) and delay < SELDOM]
    for end in tunnel.ends:
        load = _measure_load(end)
        seen = (*_describe_exhaustion(end), *_find_dead_peer_lines(tunnel)) if delays and load >= BUSY else ()
        if seen:
            longer = min(max(LONGER, 2 * max(delays)), SELDOM)
            yield Fault(
                end.name(),
                f"{end.gateway.name} has {load:.1f} threads for each of its {end.gateway.system.cores} cores, for 15 "
                f"minutes: it answers and hears dead peer detection too late",
                (
                    f"{end.gateway.name}: load averages {', '.join(f'{each:g}' for each in end.gateway.system.load)}",
                    *seen,
                    *(locate(each, "dpd_delay") for each in tunnel.ends),
                ),
                no_fix=f"set dpd_delay to {longer:g}s on both ends, not to 0, and take load from {end.gateway.name}; "
                "a dead peer is then noticed that much later",
                confidence="inferred",
            )


@rule(
    "loads-nothing",
    "high",
    reference="strongSwan docs: swanctl; strongswan.service: ExecStartPost=swanctl --load-all",
)
def loads_nothing(tunnel: Tunnel) -> Iterator[Fault]:
    """What starts the daemon with the machine does not have it load its connections: they are gone after a restart.

    Read are the commands of the systemd unit with its drop-ins, or the init script, and the start-scripts of
    strongswan.conf. Nothing is said where they run other programs, which might load them.
    """
    for end in tunnel.ends:
        daemon = end.gateway.daemon
        if daemon.loads is False and end.connection.configured:
            yield Fault(
                end.name(),
                f"{daemon.starter} starts the daemon of {end.gateway.name} and loads nothing: {end.name()} will be "
                "gone after the next restart",
                (f"{end.gateway.name} {daemon.starter}: no swanctl --load-all, nor in start-scripts",),
                no_fix=f"have {daemon.starter} run swanctl --load-all --noprompt once the daemon runs"
                + (f": systemctl edit {daemon.starter}, ExecStartPost=" if daemon.starter.endswith(".service") else ""),
                confidence="certain",
            )


@rule(
    "route-missing",
    "high",
    reference="strongSwan docs: install_routes; kernel_netlink_ipsec.c; kernel_libipsec_ipsec.c",
    explains=("no-traffic",),
)
def route_missing(tunnel: Tunnel) -> Iterator[Fault]:
    """A trap or an SA is installed for a network to which its gateway has no route, so no packet reaches the policy.

    In the kernel's IPsec any route will do, also the default one: only a network that none leads to is a fault. Where
    charon does ESP itself (kernel-libipsec), the route must lead into its device `ipsecN`, or traffic leaves in the
    clear. strongSwan puts such routes into table 220 and does not put them back if something else removes them.
    Nothing is said of transport mode, VTI and XFRM interfaces, and of gateways with routing rules of their own.
    """
    for end in tunnel.ends:
        for own, dummy in tunnel.pairs(end) if has_live_state(end) else ():
            lost = (
                _find_unrouted_networks(end, own)
                if own.mode == "tunnel" and own.policies and not own.route_based
                else ()
            )
            if lost:
                where = "into ipsecN, where charon's own ESP is," if _does_own_esp(end) else "at all"
                routes = end.gateway.system.routes or ("no route",)
                yield Fault(
                    end.name(own),
                    f"{end.gateway.name} has no route {where} to {', '.join(map(str, lost))}, "
                    f"which {end.name(own)} is for",
                    (
                        locate(end, "remote_ts", own),
                        f"{end.gateway.name}: {list_some(routes)}",
                    ),
                    no_fix=f"restart the daemon of {end.gateway.name}, since a new SA alone brings no route back while "
                    "a trap stays; see charon.install_routes, and what has removed it from table 220",
                    confidence="observed",
                )


def _measure_load(end: End) -> float:
    """The load for each core that has lasted for 15 minutes and is still there."""
    system = end.gateway.system
    return min(system.load[1:]) / system.cores if len(system.load) > 1 and system.cores else 0.0


def _describe_exhaustion(end: End) -> tuple[str, ...]:
    daemon = end.gateway.daemon
    if daemon.idle != 0 or not daemon.queued:
        return ()
    return (f"{end.gateway.name}: none of {daemon.workers} workers of the daemon is idle, {daemon.queued} jobs wait",)


def _find_dead_peer_lines(tunnel: Tunnel) -> tuple[str, ...]:
    """The last line of each log by which a peer that lives did not answer; a gateway's only tunnel needs no name."""
    found = []
    lives = any(ike.state == "ESTABLISHED" for each in tunnel.ends for ike in each.sas)
    for end in tunnel.ends if lives else ():
        log, alone = end.gateway.log or (), len(end.gateway.connections) == 1
        lines, clock = log if alone else select_lines(log, end.connection.name), end.gateway.system.clock
        dead = [e for e in parse_events(lines, clock) if e.means.name in DEAD and _is_recent(e, clock)]
        found += [f"{end.gateway.name}: {e.line}" for e in dead[-1:]]
    return tuple(found)


def _is_recent(event: Event, clock: datetime | None) -> bool:
    """Whether it was logged in the time that the load averages are about."""
    if clock is None or event.time is None or event.time.tzinfo is None:
        return False
    return (clock - event.time).total_seconds() < RECENT


def _does_own_esp(end: End) -> bool:
    """Whether charon does ESP itself: of the plugins that could, the first one loaded does."""
    kernels = [name for name in end.gateway.daemon.plugins if name in ("kernel-libipsec", "kernel-netlink")]
    return kernels[:1] == ["kernel-libipsec"]


def _find_unrouted_networks(end: End, child: Child) -> tuple[Network, ...]:
    """The networks of a child that no route leads to, not even in part; none where the routes are not known."""
    lines, networks = end.gateway.system.routes, _list_protected_networks(end, child)
    routes = _parse_routes(lines, "ipsec" if _does_own_esp(end) else "") if networks and lines is not None else None
    if routes is None:
        return ()
    return tuple(n for n in networks if not any(r.version == n.version and n.overlaps(r) for r in routes))


@lru_cache(maxsize=256)
def _parse_routes(lines: tuple[str, ...], device: str) -> tuple[Network, ...] | None:
    """Where the routes into devices with such a name lead; None where one of them cannot be read."""
    found = (line.partition(" ") for line in lines)
    return list_all_networks(to for to, dummy, into in found if into.startswith(device))


def _list_protected_networks(end: End, child: Child) -> tuple[Network, ...]:
    """The remote networks that traps and SAs of a child are for, but those its peer itself is in."""
    traps = (policy for policy in end.policies if policy.child == child.name and policy.kind == "trap")
    texts = [text for policy in traps for text in policy.remote_ts]
    settled = (sa for sa in find_installed(end, child) if sa.mode == "TUNNEL" and (sa.install_time or 0.0) > SETTLING)
    texts += [text for sa in settled for text in sa.remote_ts]
    peers = [ike.remote_host for ike in end.sas] + list(list_explicit(end.connection.remote_addrs))
    hosts = [ip_address(host) for host in peers if is_numeric(host)]
    # strongSwan makes no route for a selector with a protocol.
    return tuple(n for n in list_networks(dict.fromkeys(texts)) if not any(host in n for host in hosts))
