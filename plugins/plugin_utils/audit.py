"""The one place that knows the order of the stages: gateways in, tunnels, findings and a plan out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain
from operator import itemgetter

from .model import (
    Attempt,
    Audit,
    Child,
    Declared,
    End,
    EndName,
    Finding,
    Gateway,
    GivenPsk,
    Probe,
    Problem,
    Proof,
    Repair,
    Tunnel,
)
from .pairing import pair
from .plan import plan
from .policy import judge
from .policy.profile import Profile
from .policy.target import aimed
from .rules import diagnosed, ordered
from .rules.evidence import up as shares_sa
from .rules.grounds import DEFAULT
from .swanctl.words import numeric
from .verify import prove

_Hear = Callable[[Finding], object]
HARMLESS = (
    "unmatched-include",
    "unknown-setting",
    "invalid-setting",
    "long-name",
    "percent-in-name",
    "daemon-stopped",
    "log-cut",
    "log-hides",
    "log-raised",
)
_Addresses = dict[int, list[tuple[int, int, str]]]


def audit(  # noqa: PLR0913  each is one thing a user gives; a bundle would only hide that
    gateways: Iterable[Gateway],
    *,
    unreadable: Mapping[str, str] | None = None,
    declared: Iterable[Declared] = (),
    probes: Iterable[Probe] = (),
    attempts: Iterable[Attempt] = (),
    limit: Iterable[str] | None = None,
    psks: Mapping[str, GivenPsk] | None = None,
    policy: tuple[Profile, date] | None = None,
    target: bool = False,
    repair: Collection[Repair] = DEFAULT,
    hear: _Hear | None = None,
) -> Audit:
    """Pair, diagnose and plan. `unreadable` gateways become findings and never hide the others.

    `policy`: a profile that the tunnels are judged by besides, and the day on which. Nothing is planned for its sake
    but with `target`: then what it wants tunnels to have is as if declared, where they have something against it.
    `repair`: the classes of repairs that are planned (`model.REPAIRS`).
    `hear`: told each finding as soon as it is found, tunnel by tunnel.

    Raises:
        IpsecError: a declared tunnel names a connection that is not there.
    """
    read = tuple(gateways)
    broken = dict(unreadable or {})
    tunnels, unpaired = pair(read, declared, psks=psks, probes=probes, attempts=attempts)
    if policy is not None and target:
        tunnels = aimed(tunnels, *policy)
    tried = {end.gateway.name for tunnel in tunnels if tunnel.attempts for end in tunnel.ends}
    unread = [*(_unreadable(name, why) for name, why in sorted(broken.items())), *_problems(read, tried)]
    findings = ordered(_heard(chain(unread, diagnosed(tunnels, repair), _stopped(read, tunnels)), hear))
    proofs = {tunnel.name: prove(tunnel) for tunnel in tunnels}
    up = {name for name, proof in proofs.items() if proof.crosswise}
    carrying = {tunnel.name for tunnel in tunnels if shares_sa(tunnel)}
    planned = plan(tunnels, findings, limit=limit, up=up, carrying=carrying)
    told = Audit(tunnels, unpaired, findings, planned.steps, planned.advice, proofs, broken, planned.outages)
    return told if policy is None else _judged(told, *policy, hear)


def _judged(found: Audit, profile: Profile, today: date, hear: _Hear | None) -> Audit:
    """An audit with what the tunnels have against a profile."""
    counted, waived = judge(found.tunnels, profile, today)
    return replace(
        found, findings=ordered([*found.findings, *_heard(counted, hear)]), policy=profile.name, waived=waived
    )


def _heard(findings: Iterable[Finding], hear: _Hear | None) -> Iterator[Finding]:
    """The findings, each after it was told."""
    for finding in findings:
        if hear:
            hear(finding)
        yield finding


def to_probe(tunnels: Iterable[Tunnel], proofs: Mapping[str, Proof]) -> dict[str, list[dict[str, object]]]:
    """What to ping on which gateway: from its own address inside the selectors to the peer's, or what is declared."""
    wanted: dict[str, list[dict[str, object]]] = {}
    addresses: dict[str, _Addresses] = {}  # of each gateway once: a hub has an end in very many tunnels
    for tunnel in tunnels:
        if proofs[tunnel.name].crosswise:
            for end in tunnel.ends:
                if end.gateway.name not in addresses:
                    addresses[end.gateway.name] = _addresses(end.gateway)
            for end in tunnel.ends:
                for own, other in tunnel.pairs(end):
                    if pings := _pings(tunnel, end, (own, other), addresses):
                        probe: dict[str, object] = {
                            "connection": end.connection.name,
                            "child": own.name,
                            "pings": pings,
                        }
                        wanted.setdefault(end.gateway.name, []).append(probe)
    return wanted


def _pings(
    tunnel: Tunnel, end: End, children: tuple[Child, Child], addresses: Mapping[str, _Addresses]
) -> list[dict[str, str]]:
    own, other = children
    if tunnel.declared and tunnel.declared.ping:
        return [{"from": p.source, "to": p.target} for p in tunnel.declared.ping if _inside(p.source, own.local_ts)]
    source = _address(addresses[end.gateway.name], own)
    target = _address(addresses[tunnel.other(end).gateway.name], other)
    return [{"from": source, "to": target}] if source and target else []


def _addresses(gateway: Gateway) -> _Addresses:
    """A gateway's addresses by IP version: each as a number, with its place in the gateway's list, in order."""
    found: _Addresses = {4: [], 6: []}
    for place, line in enumerate(gateway.system.addresses):
        word = line.rpartition(" ")[2].partition("/")[0].partition("%")[0]
        if numeric(word):  # a gateway may list anything
            address = ip_address(word)
            found[address.version].append((int(address), place, str(address)))
    return {version: sorted(each) for version, each in found.items()}


def _address(addresses: _Addresses, child: Child) -> str | None:
    """A gateway's own address inside a child's local selectors: the first it lists in the first that has one."""
    for network in _networks(child.local_ts):
        ordered = addresses[network.version]
        low = bisect_left(ordered, (int(network.network_address),))
        high = bisect_left(ordered, (int(network.broadcast_address) + 1,))
        if low < high:
            return min(ordered[low:high], key=itemgetter(1))[2]
    return None


def _inside(address: str, selectors: tuple[str, ...]) -> bool:
    return any(ip_address(address) in network for network in _networks(selectors))


def _networks(selectors: tuple[str, ...]) -> Iterator[IPv4Network | IPv6Network]:
    for text in selectors:
        try:
            yield ip_network(text.partition("[")[0].strip(), strict=False)
        except ValueError:
            continue  # dynamic, or a range: no network to look into


def _unreadable(name: str, why: str) -> Finding:
    return Finding(
        "gateway-unreadable",
        "critical",
        "",
        EndName(name, ""),
        f"{name} could not be read: {why}",
        "gather",
        no_fix="make the gateway reachable and readable",
    )


def _stopped(gateways: Iterable[Gateway], tunnels: Iterable[Tunnel]) -> list[Finding]:
    """Gateways whose daemon does not run and of which no tunnel is known, so that no rule speaks of them."""
    known = {end.gateway.name for tunnel in tunnels for end in tunnel.ends}
    return [
        Finding(
            "daemon-stopped",
            "critical",
            "",
            EndName(gateway.name, ""),
            f"the IKE daemon of {gateway.name} is not running",
            "strongSwan docs: charon-systemd",
            tuple(f"{gateway.name}: {p.what}" for p in gateway.problems if p.kind == "daemon-stopped"),
            no_fix="no tunnel of it is known; start it with the module daemon",
        )
        for gateway in gateways
        if gateway.daemon.running is False and gateway.daemon.installed and gateway.name not in known
    ]


def _problems(gateways: Iterable[Gateway], tried: Container[str]) -> list[Finding]:
    """What kept a part of a gateway from being read; what its log hides counts where a tunnel of it was tried."""
    return [
        _problem(gateway, problem)
        for gateway in gateways
        for problem in gateway.problems
        if problem.kind not in HARMLESS or (problem.kind == "log-hides" and gateway.name in tried)
    ]


def _problem(gateway: Gateway, problem: Problem) -> Finding:
    where = f"{gateway.name} {problem.where}".strip()
    return Finding(
        "gateway-unreadable",
        "high",
        "",
        EndName(gateway.name, ""),
        f"a part of {gateway.name} could not be read: {problem.what}",
        "gather",
        (where,),
        no_fix=problem.hint or "see the evidence",
    )
