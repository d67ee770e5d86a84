"""Small model values for tests: two gateways with a healthy tunnel, and changes to one thing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.analysis.attempts import attach_verdicts
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    REPAIRS,
    Auth,
    Change,
    Child,
    ChildSa,
    Connection,
    Daemon,
    DeclaredEnd,
    DeclaredTunnel,
    DesiredPsk,
    Finding,
    Gateway,
    IkeSa,
    InitiationAttempt,
    Probe,
    Secret,
    Setting,
    Step,
    System,
    Tunnel,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends

A, B = "192.0.2.1", "192.0.2.2"
NET_A, NET_B = "10.1.0.0/24", "10.2.0.0/24"
AES = "aes256-sha256-x25519"
Edit = Mapping[str, Any]
ASKED = frozenset(REPAIRS) - {"peer_word"}  # all repairs but those that trust a peer beyond proof


def child(name: str = "net", **values: Any) -> Child:
    """A child of the gateway `a`, which starts it; loaded."""
    given: dict[str, Any] = {
        "local_ts": (NET_A,),
        "remote_ts": (NET_B,),
        "esp_proposals": (AES,),
        "start_action": "trap|start",
        "loaded": True,
        "origin": "swanctl.conf:20",
    }
    return Child(name, **(given | values))


def connection(name: str = "to-b", **values: Any) -> Connection:
    """A connection of the gateway `a` with a pre-shared key; loaded."""
    given: dict[str, Any] = {
        "local_addrs": (A,),
        "remote_addrs": (B,),
        "version": 2,
        "local": (Auth("local", "psk", "a.example"),),
        "remote": (Auth("remote", "psk", "b.example"),),
        "proposals": (AES,),
        "dpd_delay": 30.0,
        "children": (child(),),
        "loaded": True,
        "origin": "swanctl.conf:10",
    }
    return Connection(name, **(given | values))


def mirrored(one: Connection, name: str = "to-a", **values: Any) -> Connection:
    """The other end of a connection: everything swapped, children that answer only."""
    given: dict[str, Any] = {
        "local_addrs": one.remote_addrs,
        "remote_addrs": one.local_addrs,
        "local": tuple(replace(auth, section="local") for auth in one.remote),
        "remote": tuple(replace(auth, section="remote") for auth in one.local),
        "children": tuple(
            replace(c, local_ts=c.remote_ts, remote_ts=c.local_ts, start_action="none", close_action="none")
            for c in one.children
        ),
    }
    return replace(one, name=name, **(given | values))


def gateway(name: str, *connections: Connection, **values: Any) -> Gateway:
    """A gateway whose daemon runs, with a pre-shared key for every identity of its connections, and no SA."""
    networks = {c.local_ts[0] for each in connections for c in each.children if "/" in c.local_ts[0]}
    own = (f"lan{i} {network.partition('::')[0]}::1/64" if ":" in network else f"lan{i} {_first(network)}"
           for i, network in enumerate(sorted(networks)))  # fmt: skip
    given: dict[str, Any] = {
        "daemon": Daemon(installed=True, running=True),
        "version": "5.9.13",
        "connections": connections,
        "sas": (),
        "policies": (),
        "secrets": tuple(secret(each) for each in connections if each.local and each.local[0].method == "psk"),
        "system": System(hostname=name, init="systemd", addresses=tuple(own)),
    }
    return Gateway(name, "strongswan", **(given | values))


def secret(owner: Connection, digest: str = "d1", **values: Any) -> Secret:
    """The pre-shared key of a connection."""
    ids = tuple(auth.id for auth in (*owner.local, *owner.remote) if auth.id and auth.id != "%any")
    return replace(Secret(f"ike-{owner.name}", ids, digest, "k1", "swanctl.conf:90"), **values)


def child_sa(name: str = "net", number: int = 1, *, swapped: bool = False, **values: Any) -> ChildSa:
    """A CHILD_SA of the gateway `a`; swapped, the other end of the same one. The number makes its SPIs."""
    spis = (f"a{number:07x}", f"b{number:07x}")
    given: dict[str, Any] = {
        "spi_in": spis[swapped],
        "spi_out": spis[not swapped],
        "local_ts": (NET_B,) if swapped else (NET_A,),
        "remote_ts": (NET_A,) if swapped else (NET_B,),
        "install_time": 100.0,
        "packets_in": 10,
        "packets_out": 10,
        "state": "INSTALLED",
    }
    return ChildSa(name, number, **(given | values))


def ike_sa(of: Connection, number: int = 1, *, swapped: bool = False, **values: Any) -> IkeSa:
    """An IKE_SA with one CHILD_SA for every child; swapped, as the responder holds it."""
    given: dict[str, Any] = {
        "state": "ESTABLISHED",
        "initiator": not swapped,
        "initiator_spi": f"i{number:07x}",
        "responder_spi": f"r{number:07x}",
        "version": of.version or 2,
        "children": tuple(
            child_sa(c.name, number + i, swapped=swapped, local_ts=c.local_ts, remote_ts=c.remote_ts)
            for i, c in enumerate(of.children)
        ),
    }
    return IkeSa(of.name, number, **(given | values))


def healthy(one: Connection | None = None, other: Connection | None = None) -> tuple[Gateway, Gateway]:
    """Two gateways, `a` that initiates and `b` that answers, whose SAs match crosswise."""
    ours = one or connection()
    theirs = other or mirrored(ours)
    a, b = gateway("a", ours), gateway("b", theirs)
    return replace(a, sas=(ike_sa(ours),)), replace(b, sas=(ike_sa(theirs, swapped=True),))


def edited(
    of: Gateway,
    *,
    connection: Edit | None = None,
    child: Edit | None = None,
    sas: Any = ...,
    more: tuple[Connection, ...] = (),
    **values: Any,
) -> Gateway:
    """The gateway with fields of its only connection, that one's first child, or its own changed; with more of them."""
    first = of.connections[0]
    if child:
        first = replace(first, children=(replace(first.children[0], **child), *first.children[1:]))
    if connection:
        first = replace(first, **connection)
    live = {} if sas is ... else {"sas": sas}
    return replace(of, connections=(first, *of.connections[1:], *more), **live, **values)


def live(*children: ChildSa, on: str = "a") -> tuple[IkeSa, ...]:
    """The SAs of one of the two healthy gateways, with these CHILD_SAs."""
    name, swapped = ("to-b", False) if on == "a" else ("to-a", True)
    return (ike_sa(Connection(name), swapped=swapped, children=children),)


def settings(**values: str) -> dict[str, Setting]:
    """What the file says: double underscores are dots."""
    return {key.replace("__", "."): Setting(value, "swanctl.conf:11") for key, value in values.items()}


def declared(name: str = "a-b", **values: Any) -> DeclaredTunnel:
    """A declaration of the healthy tunnel."""
    return replace(DeclaredTunnel(name, (DeclaredEnd("a", "to-b"), DeclaredEnd("b", "to-a"))), **values)


def given(*tunnels: str, digest: str = "") -> dict[str, DesiredPsk]:
    """The pre-shared key that a user gives for these tunnels; without a digest they are only named."""
    return {name: DesiredPsk(digest, "k1" if digest else "") for name in tunnels}


def probe(on: str = "a", *, reachable: bool = True) -> Probe:
    """Three pings through the healthy tunnel."""
    return Probe(on, "to-b" if on == "a" else "to-a", "net", reachable, 3, 3 if reachable else 0)


@dataclass(frozen=True)
class Row:
    """One case of a rule: what is changed on each healthy gateway, and the remedies; None where the rule is silent."""

    rule: str
    case: str
    a: Edit = field(default_factory=dict)
    b: Edit = field(default_factory=dict)
    remedies: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()  # other findings of the same fault
    declared: DeclaredTunnel | None = None
    psks: Mapping[str, DesiredPsk] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    attempts: tuple[InitiationAttempt, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.case}"

    @property
    def fires(self) -> bool:
        """Whether the rule is to see something."""
        return self.remedies is not None


def gateways(row: Row) -> tuple[Gateway, Gateway]:
    """The two gateways of a row."""
    a, b = healthy()
    return edited(a, **row.a), edited(b, **row.b)


def tunnel(row: Row) -> Tunnel:
    """The one tunnel of a row."""
    declared = [row.declared] if row.declared else ()
    tunnels, unpaired = pair_ends(gateways(row), declared, psks=row.psks, probes=row.probes, attempts=row.attempts)
    assert all("more" in row.a for end in unpaired), unpaired
    return attach_verdicts(tunnels[0])


def check(row: Row) -> None:
    """A row holds if exactly its rule speaks, with exactly its remedies, or does not speak at all."""
    findings = diagnose([tunnel(row)], ASKED)
    told = [finding for finding in findings if finding.id == row.rule]
    assert bool(told) is row.fires, [str(f) for f in findings]
    assert "rule-failed" not in {finding.id for finding in findings}
    if row.fires:
        assert {finding.id for finding in findings} - {row.rule} == set(row.also)
        assert tuple(remedy for finding in told for remedy in remedies(finding)) == row.remedies
        assert all(finding.fix or finding.no_fix for finding in told)


def remedies(finding: Finding) -> tuple[str, ...]:
    """The remedies of a finding in one line each."""
    return tuple(_remedy(fix) for fix in finding.fix)


def _remedy(fix: Change | Step) -> str:
    if isinstance(fix, Change):
        return f"{fix.end}: {fix.setting} = {fix.value}"
    where = "/".join(part for part in (fix.gateway, fix.connection, fix.child) if part)
    return f"{where}: {fix.do} {fix.state or 'psk'}"


def _first(network: str) -> str:
    address, dummy, length = network.partition("/")
    return f"{address.rpartition('.')[0]}.1/{length}"
