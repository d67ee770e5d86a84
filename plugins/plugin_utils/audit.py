"""The one place that knows the order of the stages: gateways in, tunnels, findings and a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from .model import Audit, Child, Declared, End, EndName, Finding, Gateway, Probe, Problem, Proof, Tunnel
from .pairing import pair
from .plan import plan
from .rules import WEIGHTS, diagnose
from .verify import prove

HARMLESS = ("unmatched-include", "unknown-setting", "invalid-setting", "long-name", "percent-in-name", "daemon-stopped")


def audit(  # noqa: PLR0913  each is one thing a user gives; a bundle would only hide that
    gateways: Iterable[Gateway],
    *,
    unreadable: Mapping[str, str] | None = None,
    declared: Iterable[Declared] = (),
    probes: Iterable[Probe] = (),
    limit: Iterable[str] | None = None,
    psks: Iterable[str] = (),
) -> Audit:
    """Pair, diagnose and plan. `unreadable` gateways become findings and never hide the others.

    Raises:
        IpsecError: a declared tunnel names a connection that is not there.
    """
    read = tuple(gateways)
    broken = dict(unreadable or {})
    tunnels, unpaired = pair(read, declared, psks=psks, probes=probes)
    findings = [*(_unreadable(name, why) for name, why in sorted(broken.items())), *_problems(read), *diagnose(tunnels)]
    findings.sort(key=lambda finding: (WEIGHTS.index(finding.severity), finding.tunnel, finding.id))
    planned = plan(tunnels, findings, limit=limit)
    proofs = {tunnel.name: prove(tunnel) for tunnel in tunnels}
    return Audit(tunnels, unpaired, tuple(findings), planned.steps, planned.advice, proofs, broken)


def to_probe(tunnels: Iterable[Tunnel], proofs: Mapping[str, Proof]) -> dict[str, list[dict[str, object]]]:
    """What to ping on which gateway: from its own address inside the selectors to the peer's, or what is declared."""
    wanted: dict[str, list[dict[str, object]]] = {}
    for tunnel in tunnels:
        if proofs[tunnel.name].crosswise:
            for end in tunnel.ends:
                for own, other in tunnel.pairs(end):
                    if pings := _pings(tunnel, end, own, other):
                        probe: dict[str, object] = {
                            "connection": end.connection.name,
                            "child": own.name,
                            "pings": pings,
                        }
                        wanted.setdefault(end.gateway.name, []).append(probe)
    return wanted


def _pings(tunnel: Tunnel, end: End, own: Child, other: Child) -> list[dict[str, str]]:
    if tunnel.declared and tunnel.declared.ping:
        return [{"from": p.source, "to": p.target} for p in tunnel.declared.ping if _inside(p.source, own.local_ts)]
    source, target = _address(end, own), _address(tunnel.other(end), other)
    return [{"from": source, "to": target}] if source and target else []


def _address(end: End, child: Child) -> str | None:
    """A gateway's own address inside a child's local selectors."""
    mine = [line.split()[-1].partition("/")[0].partition("%")[0] for line in end.gateway.system.addresses]
    return next((address for address in mine if _inside(address, child.local_ts)), None)


def _inside(address: str, selectors: tuple[str, ...]) -> bool:
    for text in selectors:
        try:
            if ip_address(address) in ip_network(text.partition("[")[0].strip(), strict=False):
                return True
        except ValueError:
            continue  # dynamic, or a range: no network to look into
    return False


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


def _problems(gateways: Iterable[Gateway]) -> list[Finding]:
    """What kept a part of a gateway from being read."""
    return [
        _problem(gateway, problem)
        for gateway in gateways
        for problem in gateway.problems
        if problem.kind not in HARMLESS
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
