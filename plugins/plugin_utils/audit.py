"""The one place that knows the order of the stages: gateways in, tunnels, findings and a plan out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain
from operator import itemgetter

from .errors import IpsecError
from .model import (
    SEVERE,
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
    Step,
    Tunnel,
    Unpaired,
)
from .near import nearest
from .pairing import pair
from .plan import plan
from .policy import judge
from .policy.profile import Profile
from .policy.target import aimed
from .rules import diagnosed, ordered
from .rules.evidence import up as shares_sa
from .rules.grounds import DEFAULT
from .selection import selected
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
    only: Collection[str] = (),
    hear: _Hear | None = None,
) -> Audit:
    """Pair, diagnose and plan. `unreadable` gateways become findings and never hide the others.

    `policy`: a profile that the tunnels are judged by besides, and the day on which. Nothing is planned for its sake
    but with `target`: then what it wants tunnels to have is as if declared, where they have something against it.
    `repair`: the classes of repairs that are planned (`model.REPAIRS`).
    `only`: names and patterns of tunnels; of others, and of gateways at which none of these ends, nothing is told.
    `hear`: told each finding as soon as it is found, tunnel by tunnel.

    Raises:
        IpsecError: a declared tunnel names a connection that is not there, or `only` or `psks` a tunnel that is not.
    """
    read, wanted = tuple(gateways), tuple(declared)
    broken = dict(unreadable or {})
    every, unpaired = pair(read, wanted, psks=psks, probes=probes, attempts=attempts)
    if policy is not None and target:
        every = aimed(every, *policy)
    names = dict.fromkeys([*(tunnel.name for tunnel in every), *(tunnel.name for tunnel in wanted)])
    _refuse_unknown(psks or {}, names, broken)
    tunnels = every
    if only:
        chosen = set(selected(names, only, broken))
        tunnels, unpaired, ends = _chosen(chosen, every, wanted, unpaired)
        read = tuple(gateway for gateway in read if gateway.name in ends)
        broken = {name: why for name, why in broken.items() if name in ends}
    tried = {end.gateway.name for tunnel in tunnels if tunnel.attempts for end in tunnel.ends}
    unread = [*(_unreadable(name, why) for name, why in sorted(broken.items())), *_problems(read, tried)]
    diagnosis = diagnosed(tunnels, repair, among=every)
    findings = ordered(_heard(chain(unread, diagnosis, _stopped(read, every)), hear))
    proofs = {tunnel.name: prove(tunnel) for tunnel in tunnels}
    up = {name for name, proof in proofs.items() if proof.crosswise}
    carrying = {tunnel.name for tunnel in tunnels if shares_sa(tunnel)}
    planned = plan(tunnels, findings, limit=limit, up=up, carrying=carrying)
    told = Audit(tunnels, unpaired, findings, planned.steps, planned.advice, proofs, broken, planned.outages)
    return told if policy is None else _judged(told, *policy, hear)


def _refuse_unknown(keys: Iterable[str], names: Iterable[str], unreadable: Collection[str]) -> None:
    """A key for a tunnel that is not there would never be used; it may be there where a gateway could not be read."""
    known = list(names)
    for name in () if unreadable else keys:
        if name not in known:
            hint = nearest(name, known, there="there are")
            raise IpsecError(f"there is a pre-shared key for {name}, and no such tunnel", where="ipsec_psks", hint=hint)


def _chosen(
    chosen: Collection[str],
    tunnels: tuple[Tunnel, ...],
    declared: tuple[Declared, ...],
    unpaired: tuple[Unpaired, ...],
) -> tuple[tuple[Tunnel, ...], tuple[Unpaired, ...], set[str]]:
    """The tunnels of these names, the ends of those of them that are declared and not whole, and all their gateways."""
    meant = [end for each in declared if each.name in chosen for end in each.ends]
    ends = {(end.gateway, end.connection) for end in meant}
    ours = tuple(tunnel for tunnel in tunnels if tunnel.name in chosen)
    alone = tuple(each for each in unpaired if (each.end.gateway, each.end.connection) in ends)
    gateways = {end.gateway.name for tunnel in ours for end in tunnel.ends} | {end.gateway for end in meant}
    return ours, alone, gateways


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
    addresses: dict[str, _Addresses] = {}
    for tunnel in tunnels:
        if proofs[tunnel.name].crosswise:
            _look_up(tunnel, addresses)
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


def left_unproven(found: Audit, limit: Iterable[str] | None = None) -> dict[str, str]:
    """By tunnel that is not proven, and that a run of the plan would leave so: why.

    `limit`: gateways that may be changed; a tunnel without an end on one of them is not judged.
    """
    allowed = None if limit is None else frozenset(limit)
    severe: dict[str, list[Finding]] = {}
    for finding in found.findings:
        if finding.severity in SEVERE:
            severe.setdefault(finding.tunnel, []).append(finding)
    planned: dict[str, list[Step]] = {}
    for step in found.steps:
        planned.setdefault(step.tunnel, []).append(step)
    left: dict[str, str] = {}
    addresses: dict[str, _Addresses] = {}
    for tunnel in found.tunnels:
        ours = allowed is None or any(end.gateway.name in allowed for end in tunnel.ends)
        if ours and not found.proofs[tunnel.name].proven:
            name = tunnel.name
            left[name] = _stays_unproven(tunnel, severe.get(name, []), planned.get(name, []), addresses)
    return {name: why for name, why in left.items() if why}


def _stays_unproven(tunnel: Tunnel, severe: list[Finding], steps: list[Step], addresses: dict[str, _Addresses]) -> str:
    """Why a tunnel is not proven after its steps either; empty where it may be, or nothing asks for that."""
    stuck = [each for each in severe if not each.fix]
    if stuck or (severe and not steps):
        first = (stuck or severe)[0]
        return f"{first.id}: {first.no_fix or first.summary}"
    moves = any("_ts" in key for step in steps for given in step.children.values() for key in given)
    if steps and not moves and not any(_reach(tunnel, addresses)):
        return "nothing inside its networks can be pinged: declare verify in ipsec_tunnels"
    return ""


def _reach(tunnel: Tunnel, addresses: dict[str, _Addresses]) -> Iterator[list[dict[str, str]]]:
    """What can be pinged through it when it is up, child by child."""
    _look_up(tunnel, addresses)
    for end in tunnel.ends:
        yield from (_pings(tunnel, end, couple, addresses) for couple in tunnel.pairs(end))


def _pings(
    tunnel: Tunnel, end: End, children: tuple[Child, Child], addresses: Mapping[str, _Addresses]
) -> list[dict[str, str]]:
    own, other = children
    if tunnel.declared and tunnel.declared.ping:
        return [{"from": p.source, "to": p.target} for p in tunnel.declared.ping if _inside(p.source, own.local_ts)]
    source = _address(addresses[end.gateway.name], own)
    target = _address(addresses[tunnel.other(end).gateway.name], other)
    return [{"from": source, "to": target}] if source and target else []


def _look_up(tunnel: Tunnel, addresses: dict[str, _Addresses]) -> None:
    """The addresses of its gateways, of each once: a hub has an end in very many tunnels."""
    for end in tunnel.ends:
        if end.gateway.name not in addresses:
            addresses[end.gateway.name] = _addresses(end.gateway)


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
