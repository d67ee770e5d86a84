# SPDX-License-Identifier: GPL-3.0-or-later
"""What two gateways agree on, what is wrong with it, and what is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, get_args

from .gateway import Certificate, Child, Connection, Gateway, Keepalive, Problem, Secret
from .sas import IkeSa, Policy

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # worst first
SEVERE: tuple[Severity, ...] = ("critical", "high")  # a tunnel with such a finding does not work, or soon will not
State = Literal["down", "unknown", "up", "up, traffic passes", "up, no traffic"]  # of a tunnel; up: nothing was pinged
STATES: tuple[State, ...] = get_args(State)
Confidence = Literal["certain", "observed", "inferred"]
Phase = Literal["prepare", "responder", "initiator", "retire", "establish", "contract", "finish", "persist"]
Repair = Literal["load", "sas", "agreement", "dpd", "roles", "path", "persistence", "practice", "peer_word"]
REPAIRS: Mapping[Repair, str] = {  # the classes of repairs, and what each does
    "load": "start the IKE daemon and load what is configured",
    "sas": "bring up what should be up, and end SAs of the pair that stand alone, are doubled or are outdated",
    "agreement": "make both ends agree: proposals, version, identities, addresses, networks, the key that you give",
    "dpd": "have an end check that its peer is alive",
    "roles": "have one end initiate and the other answer, and start a tunnel that nothing starts",
    "path": "force ESP into UDP where it is lost",
    "persistence": "have the initiator of a tunnel that is up bring it back after every way of ending",
    "practice": "what good practice asks for where nothing is wrong: lifetimes, MOBIKE, reauthentication",
    "peer_word": "follow a peer that has proven nothing, and take wider networks over from it",
}
PskUse = Literal["only", "accept", "sign"]  # how a key is used; beside an old one while the peer may have that


@dataclass(frozen=True, slots=True)
class EndName:
    """Which end is meant: `gateway/connection` or `gateway/connection/child`, and what people call it there."""

    gateway: str
    connection: str
    child: str | None = None
    description: str = field(default="", compare=False)  # of a firewall that numbers its connections

    def __str__(self) -> str:
        return format_name((self.gateway, self.connection, self.child), self.description)


def format_name(parts: Iterable[str | None], description: str) -> str:
    """A name of these parts, with the description beside it where there is one."""
    name = "/".join(part for part in parts if part)
    return f"{name} ({description})" if description else name


@dataclass(frozen=True, slots=True)
class Site:
    """What of its gateway an end is asked: the same for each end there, so that a hub's is looked up once."""

    addresses: frozenset[str] = frozenset()  # of its interfaces
    reachable: frozenset[str] = frozenset()  # those of them that others can reach: not loopback, not link-local
    outside: tuple[str, ...] = ()  # those of them that no NAT stands before
    networks: frozenset[IPv4Network | IPv6Network] = frozenset()  # that its interfaces are in
    whole: bool = False  # all addresses are known, which is seen from the loopback address
    keys: Mapping[frozenset[str], tuple[Secret, ...]] = field(default_factory=dict)  # by all identities they are for
    keys_for: frozenset[str] = frozenset()  # every identity that it keeps a pre-shared key for
    certificates: tuple[Certificate, ...] = ()  # X.509, that it has the key of
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)  # by kind
    refused: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)  # settings, by where they stand
    carried: Mapping[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]] = field(
        default_factory=dict
    )  # connections that are up, by the local and remote networks of their CHILD_SAs
    holders: Mapping[tuple[str, str], str] = field(default_factory=dict)  # connections, by the cookies of an IKE_SA
    replacing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by connection, all that replace each other

    @property
    def unread(self) -> bool:
        """Whether a part of its configuration could not be read."""
        return any(found[0].bars_configuration for found in self.problems.values())


@dataclass(frozen=True, slots=True)
class End:
    """One connection on one gateway: one side of a tunnel, with what of the gateway belongs to it."""

    gateway: Gateway
    connection: Connection
    sas: tuple[IkeSa, ...] = ()
    policies: tuple[Policy, ...] = ()
    secret: Secret | None = None  # the one it signs with
    accepts: tuple[Secret, ...] = ()  # all that are for the same identities, that one among them
    keepalives: tuple[Keepalive, ...] = ()
    strange: tuple[IkeSa, ...] = ()  # those of its IKE_SAs that are with somebody else than the other end
    same_key: tuple[Secret, ...] = ()  # all of the gateway with the key that it signs with, that one among them
    site: Site = field(default_factory=Site)

    def name(self, child: Child | str | None = None) -> EndName:
        """The name of this end, or of one of its children."""
        named = child.name if isinstance(child, Child) else child
        return EndName(self.gateway.name, self.connection.name, named, self._description(named))

    def _description(self, child: str | None) -> str:
        """What people call the connection, and a child that has a name of its own; on one line."""
        own = [each.description for each in self.connection.children if each.name == child != self.connection.name]
        return ", ".join(" ".join(text.split()) for text in (self.connection.description, *own) if text)


@dataclass(frozen=True, slots=True)
class ChildPair:
    """The same child seen from both ends, in the order of the tunnel's ends; None where an end lacks it."""

    children: tuple[Child | None, Child | None]


@dataclass(frozen=True, slots=True)
class DeclaredEnd:
    """One end of a declared tunnel, with what this end alone is to have."""

    gateway: str
    connection: str
    settings: Mapping[str, str] = field(default_factory=dict)
    child_settings: Mapping[str, str] = field(default_factory=dict)  # of every child that both ends have


@dataclass(frozen=True, slots=True)
class Ping:
    """Addresses of one proof: `from` is a word of Python, so `source` and `target`."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of pinging through one child from one gateway."""

    gateway: str
    connection: str
    child: str
    reachable: bool
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class InitiationAttempt:
    """What came of initiating a tunnel from one end, with what both daemons logged meanwhile."""

    gateway: str  # that initiated
    connection: str
    established: bool
    log: tuple[str, ...] = ()  # of that gateway
    peer_log: tuple[str, ...] | None = None  # None: it could not be read


@dataclass(frozen=True, slots=True)
class InitiationResult:
    """Whether a tunnel can be initiated from one end, and if not, why."""

    initiator: EndName
    works: bool
    cause: str = ""  # id of the finding
    end: EndName | None = None  # that is at fault
    because: str = ""  # one sentence
    evidence: tuple[str, ...] = ()  # log lines, each with its gateway


@dataclass(frozen=True, slots=True)
class TunnelProof:
    """Whether a tunnel is proven: both ends hold the same SAs crosswise, and traffic passes both ways."""

    crosswise: bool
    traffic: bool | None  # None: not probed
    missing: tuple[str, ...] = ()  # what keeps it from being proven
    adopted: bool = True  # the SAs in common use algorithms that both ends' configuration offers
    unread: tuple[str, ...] = ()  # gateways whose SAs are not known, so that a tunnel without proof need not be down

    @property
    def proven(self) -> bool:
        """Whether it is all of that."""
        return bool(self.crosswise and self.traffic and self.adopted)

    @property
    def state(self) -> State:
        """The same in a word."""
        if not self.crosswise:
            return "unknown" if self.unread else "down"
        return "up" if self.traffic is None else "up, traffic passes" if self.traffic else "up, no traffic"


@dataclass(frozen=True, slots=True)
class DeclaredTunnel:
    """What a user says about one tunnel (`ipsec_tunnels`); it decides over what would be inferred."""

    name: str
    ends: tuple[DeclaredEnd, DeclaredEnd]
    initiator: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    ping: tuple[Ping, ...] = ()
    child_settings: Mapping[str, str] = field(default_factory=dict)  # of every child that both ends have

    def of(self, gateway: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What the end on a gateway is to have: settings of the connection, and of its children."""
        end = self.ends[0] if self.ends[0].gateway == gateway else self.ends[1]
        return {**self.settings, **end.settings}, {**self.child_settings, **end.child_settings}


@dataclass(frozen=True, slots=True)
class DesiredPsk:
    """The pre-shared key that a user gives for a tunnel, as its keyed digest; the key itself is not here."""

    digest: str = ""  # HMAC-SHA-256, hexadecimal; empty where only the tunnel was named
    key_id: str = ""  # digests compare only where this is equal


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Two ends that mean each other."""

    name: str
    ends: tuple[End, End]
    children: tuple[ChildPair, ...]
    paired_by: str  # declared, or what made them fit: "addresses, identities, selectors"
    initiator: str  # gateway that is to initiate
    initiator_because: str
    declared: DeclaredTunnel | None = None
    psk: DesiredPsk | None = None  # None: the user gives no pre-shared key for it
    probes: tuple[Probe, ...] = ()
    attempts: tuple[InitiationAttempt, ...] = ()
    own_key: bool = False  # both ends sign with one pre-shared key, which no other connection read uses
    verdicts: tuple[InitiationResult, ...] = ()  # on the attempts, by `analysis.attempts`

    def end(self, gateway: str) -> End:
        """The end on a gateway."""
        return self.ends[0] if self.ends[0].gateway.name == gateway else self.ends[1]

    def other(self, end: End) -> End:
        """The end that is not this one."""
        return self.ends[1] if end is self.ends[0] else self.ends[0]

    @property
    def initiating(self) -> End:
        """The end that is to initiate."""
        return self.end(self.initiator)

    @property
    def answering(self) -> End:
        """The end that is to answer."""
        return self.other(self.initiating)

    def named(self, step: Step) -> Step:
        """A step on one of the ends, with the description of what it is about."""
        described = self.end(step.gateway).name(step.child).description if step.connection else ""
        return replace(step, description=described)

    def pairs(self, end: End) -> tuple[tuple[Child, Child], ...]:
        """Children that both ends have: this end's first."""
        order = (0, 1) if end is self.ends[0] else (1, 0)
        both = ((pair.children[order[0]], pair.children[order[1]]) for pair in self.children)
        return tuple((own, other) for own, other in both if own is not None and other is not None)


@dataclass(frozen=True, slots=True)
class Unpaired:
    """An end whose other end was not found among the gateways given."""

    end: EndName
    remote: str  # who it talks to, as configured
    reason: str
    torn: bool = False  # there are several that fit equally well


@dataclass(frozen=True, slots=True)
class Change:
    """Set one named setting on one end to a value: `end.child` says whether a child's or the connection's."""

    end: EndName
    setting: str
    value: str
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule saw. `diagnose` makes it a Finding by adding which rule saw it."""

    end: EndName
    summary: str
    evidence: tuple[str, ...] = ()
    fix: tuple[Change | Step, ...] = ()
    no_fix: str = ""  # why there is no fix; empty where there is one
    confidence: Confidence = "certain"


@dataclass(frozen=True, slots=True)
class Finding:
    """A Fault with the rule's id, weight and source, and the tunnel it was seen on."""

    id: str
    severity: Severity
    tunnel: str
    end: EndName
    summary: str
    reference: str
    evidence: tuple[str, ...] = ()
    fix: tuple[Change | Step, ...] = ()
    no_fix: str = ""
    confidence: Confidence = "certain"


@dataclass(frozen=True, slots=True)
class Waiver:
    """What a policy lets one tunnel off, for how long, and who answers for it."""

    rule: str  # a finding's id
    tunnel: str
    reason: str
    owner: str
    expires: str  # the last day on which it holds, as 2026-12-31
    origin: str = ""  # file:line


@dataclass(frozen=True, slots=True)
class WaivedFinding:
    """A finding that a waiver covers: it is told apart from those that count."""

    finding: Finding
    waiver: Waiver


@dataclass(frozen=True, slots=True)
class Step:
    """One module call of a plan: what a role runs on a gateway, in the order of the phases."""

    phase: Phase
    gateway: str
    do: Literal["daemon", "connection", "sa", "keepalive"]
    connection: str = ""
    child: str | None = None
    state: str | None = None  # of that module
    settings: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    psk: bool = False  # needs the pre-shared key that the user gives for this tunnel
    psk_use: PskUse = "only"
    reinitiate: bool = False
    make_before_break: bool = False  # re-initiates without a break
    tunnel: str = ""
    findings: tuple[str, ...] = ()
    description: str = ""  # of the connection and the child, as people call them
    turn: int = 1  # of its tunnel: what has a later one is looked at again before

    @property
    def target(self) -> str:
        """`connection/child`, with the description beside."""
        return format_name((self.connection, self.child), self.description)


@dataclass(frozen=True, slots=True)
class Outage:
    """For how long a tunnel that is up is expected to carry nothing while its steps are taken, and why."""

    seconds: float
    because: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit has found: what `tunnel_audit` answers and what reports show."""

    tunnels: tuple[Tunnel, ...]
    unpaired: tuple[Unpaired, ...]
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    advice: tuple[str, ...]
    proofs: Mapping[str, TunnelProof]  # by tunnel
    unreadable: Mapping[str, str]  # gateway: why
    outages: Mapping[str, Outage] = field(default_factory=dict)  # by tunnel of which there are steps
    policy: str = ""  # the profile that the tunnels were judged by
    waived: tuple[WaivedFinding, ...] = ()
    read_in_part: Mapping[str, str] = field(default_factory=dict)  # gateway: why
