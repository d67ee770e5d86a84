"""The words every stage speaks: frozen values. No I/O, no Ansible, no vendor.

Times are seconds as float; `0.0` means off where the field allows it. Names are swanctl's, except
that `-` becomes `_`. `plain` turns any of these values into what JSON and Ansible know;
`restore` turns that back into the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from .errors import ParseError

Severity = Literal["critical", "high", "medium", "low", "info"]
Confidence = Literal["certain", "observed", "inferred"]
Phase = Literal["prepare", "responder", "initiator", "retire", "establish", "persist"]
Action = Literal["none", "trap", "start", "trap|start"]

T = TypeVar("T")
NOTHING: Mapping[str, Any] = MappingProxyType({})


# ---- what a transport carries ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Script:
    """A POSIX shell program and the variables it starts with; `transport.frames` packs it."""

    source: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # also variables, never shown anywhere


@dataclass(frozen=True, slots=True)
class Section:
    """What one step of a script printed."""

    status: int
    out: bytes
    err: str = ""

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become surrogates and survive a round trip."""
        return self.out.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a gateway answered: sections by name, in the order they came."""

    sections: Mapping[str, Section]


# ---- what a gateway is ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """One configured value and where it was set (`file:line`), through which template if any."""

    value: str
    origin: str
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Auth:
    """One authentication round of one side: `local`, `remote-2`."""

    section: str
    method: str = "pubkey"  # swanctl's `auth`: pubkey, psk, eap-…; what the daemon calls class
    id: str | None = None
    certs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """One configured CHILD_SA with strongSwan's defaults filled in (swanctl.conf(5))."""

    name: str
    local_ts: tuple[str, ...] = ("dynamic",)
    remote_ts: tuple[str, ...] = ("dynamic",)
    esp_proposals: tuple[str, ...] = ("default",)
    ah_proposals: tuple[str, ...] = ()
    mode: str = "tunnel"
    start_action: Action = "none"
    close_action: Action = "none"
    dpd_action: Action = "none"
    rekey_time: float = 3600.0
    life_time: float = 3960.0
    rand_time: float = 360.0
    policies: bool = True
    route_based: bool = False  # if_id, mark or policies = no: no trap can be installed for it
    configured: bool = True  # in the file
    loaded: bool = False  # in the daemon
    origin: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)  # what the file says, by swanctl's key


@dataclass(frozen=True, slots=True)
class Connection:
    """One configured connection with strongSwan's defaults filled in (swanctl.conf(5))."""

    name: str
    local_addrs: tuple[str, ...] = ("%any",)
    remote_addrs: tuple[str, ...] = ("%any",)
    version: int = 0  # 0: initiates IKEv2, accepts both
    local: tuple[Auth, ...] = ()
    remote: tuple[Auth, ...] = ()
    proposals: tuple[str, ...] = ("default",)
    encap: bool = False
    mobike: bool = True
    dpd_delay: float = 0.0
    dpd_timeout: float = 0.0  # IKEv1 only; IKEv2 goes by charon's retransmission settings
    keyingtries: int = 1  # 0: for ever
    unique: str = "no"
    rekey_time: float = 14400.0
    reauth_time: float = 0.0
    children: tuple[Child, ...] = ()
    configured: bool = True
    loaded: bool = False
    differs: tuple[
        str, ...
    ] = ()  # settings whose value in the daemon is not the file's: "net.rekey_time: 1h in the file, …"
    origin: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)  # "encap", "local.id", …: without children


@dataclass(frozen=True, slots=True)
class ChildSa:
    """One CHILD_SA as the daemon lists it."""

    name: str
    id: int
    state: str
    mode: str = "TUNNEL"
    protocol: str = "ESP"
    encap: bool = False  # ESP in UDP in fact, whoever asked for it
    reqid: int | None = None
    spi_in: str | None = None
    spi_out: str | None = None
    encr: str | None = None
    integ: str | None = None
    dh_group: str | None = None  # only after a rekey with PFS
    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()
    install_time: float | None = None  # seconds ago
    rekey_time: float | None = None  # seconds from now
    life_time: float | None = None


@dataclass(frozen=True, slots=True)
class IkeSa:
    """One IKE_SA as the daemon lists it."""

    connection: str
    id: int
    state: str
    version: int = 2
    initiator: bool = False
    local_host: str = ""
    local_port: int = 500
    local_id: str = ""
    remote_host: str = ""
    remote_port: int = 500
    remote_id: str = ""
    initiator_spi: str = ""
    responder_spi: str = ""
    nat_local: bool = False
    nat_remote: bool = False
    nat_fake: bool = False
    encr: str | None = None
    integ: str | None = None
    prf: str | None = None
    dh_group: str | None = None
    established: float | None = None  # seconds ago
    rekey_time: float | None = None
    reauth_time: float | None = None
    tasks: tuple[str, ...] = ()
    children: tuple[ChildSa, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy installed without an SA: a trap, a drop or a pass."""

    connection: str
    child: str
    kind: Literal["trap", "drop", "pass"]
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """Which identities a pre-shared key is for, and its keyed digest; the key itself never leaves the gateway."""

    name: str
    ids: tuple[str, ...]
    digest: str | None  # HMAC-SHA-256, hexadecimal; None where the gateway has no tool to make one
    key_id: str  # digests compare only where this is equal
    origin: str


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A periodic check installed for a child."""

    connection: str
    child: str
    means: str  # systemd, cron
    interval: float
    origin: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate the daemon holds."""

    subject: str
    type: str = "X509"
    issuer: str | None = None
    serial: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    private_key: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept a part of a gateway from being read: what, where, what to do."""

    kind: str  # daemon-stopped, no-permission, no-swanctl, config-unreadable, config-broken, unknown-setting, …
    what: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Daemon:
    """The IKE daemon: None means that it could not be found out."""

    installed: bool
    running: bool | None
    since: str | None = None
    uptime: str | None = None
    ike_sas: int | None = None
    half_open: int | None = None
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """What surrounds the daemon."""

    hostname: str = ""
    time: float | None = None  # Unix time
    kernel: str = ""
    init: str = ""  # systemd, other
    cron: bool = False
    addresses: tuple[str, ...] = ()  # "eth0 192.0.2.1/24"


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway as one pass found it: configured, loaded and installed, each by itself."""

    name: str
    platform: str
    daemon: Daemon
    version: str | None = None
    connections: tuple[Connection, ...] = ()
    sas: tuple[IkeSa, ...] | None = None  # None: not asked, or not to be had (see problems)
    policies: tuple[Policy, ...] | None = None
    secrets: tuple[Secret, ...] = ()
    keepalives: tuple[Keepalive, ...] = ()
    certificates: tuple[Certificate, ...] | None = None
    log: tuple[str, ...] | None = None
    system: System = field(default_factory=System)
    problems: tuple[Problem, ...] = ()


# ---- what two gateways agree on -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EndName:
    """Which end is meant: `gateway/connection` or `gateway/connection/child`."""

    gateway: str
    connection: str
    child: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.gateway, self.connection, self.child) if part)


@dataclass(frozen=True, slots=True)
class End:
    """One connection on one gateway: one side of a tunnel, with what of the gateway belongs to it."""

    gateway: Gateway
    connection: Connection
    sas: tuple[IkeSa, ...] = ()
    policies: tuple[Policy, ...] = ()
    secret: Secret | None = None
    keepalives: tuple[Keepalive, ...] = ()

    def name(self, child: Child | str | None = None) -> EndName:
        """The name of this end, or of one of its children."""
        return EndName(self.gateway.name, self.connection.name, child.name if isinstance(child, Child) else child)


@dataclass(frozen=True, slots=True)
class ChildPair:
    """The same child seen from both ends, in the order of the tunnel's ends; None where an end lacks it."""

    children: tuple[Child | None, Child | None]


@dataclass(frozen=True, slots=True)
class DeclaredEnd:
    """One end of a declared tunnel."""

    gateway: str
    connection: str


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
class Proof:
    """Whether a tunnel is proven: both ends hold the same SAs crosswise, and traffic passes both ways."""

    crosswise: bool
    traffic: bool | None  # None: not probed
    missing: tuple[str, ...] = ()  # what keeps it from being proven


@dataclass(frozen=True, slots=True)
class Declared:
    """What a user says about one tunnel (`ipsec_tunnels`); it decides over what would be inferred."""

    name: str
    ends: tuple[DeclaredEnd, DeclaredEnd]
    initiator: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    ping: tuple[Ping, ...] = ()


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Two ends that mean each other."""

    name: str
    ends: tuple[End, End]
    children: tuple[ChildPair, ...]
    paired_by: str  # declared, or what made them fit: "addresses, identities, selectors"
    initiator: str  # gateway that is to initiate
    initiator_because: str
    declared: Declared | None = None
    psk_given: bool = False  # the user gives a pre-shared key for it
    probes: tuple[Probe, ...] = ()

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
    reinitiate: bool = False
    tunnel: str = ""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit has found: what `tunnel_audit` answers and what reports show."""

    tunnels: tuple[Tunnel, ...]
    unpaired: tuple[Unpaired, ...]
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    advice: tuple[str, ...]
    proofs: Mapping[str, Proof]  # by tunnel
    unreadable: Mapping[str, str]  # gateway: why


# ---- the edge -------------------------------------------------------------------------------


def plain(value: object) -> Any:
    """Model values as what JSON and Ansible know: dicts, lists, str, numbers, bool, None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    return str(value)


def restore(kind: type[T], value: object, where: str) -> T:
    """The value of this kind that `plain` made `value` of.

    Unknown keys are refused, missing ones take the field's default; a `str` where a number is expected
    is converted, because templating turns numbers into text.

    Raises:
        ParseError: names the path of the first part that does not fit.
    """
    return cast("T", _restore(kind, value, where))


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


@cache
def _hints(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(kind)
    return tuple((f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind))


def _restore(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _restore_dataclass(kind, value, where)
    if origin in (Union, UnionType):
        return _restore_union(get_args(kind), value, where)
    if origin is tuple:
        return _restore_tuple(get_args(kind), value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ParseError(f"expected a mapping, not {type(value).__name__}", where=where)
        item = get_args(kind)[1]
        return {str(k): _restore(item, v, f"{where}.{k}") for k, v in value.items()}
    if origin is Literal:
        if value not in get_args(kind):
            raise ParseError(f"{value!r} is none of {', '.join(map(repr, get_args(kind)))}", where=where)
        return str(value)
    return _restore_scalar(kind, value, where)


def _restore_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ParseError(f"expected a mapping, not {type(value).__name__}", where=where)
    if unknown := sorted(set(value) - set(_names(kind))):
        raise ParseError(f"unknown key {unknown[0]!r}", where=where, hint=f"known are {', '.join(_names(kind))}")
    given = {}
    for name, hint, required in _hints(kind):
        if name in value:
            given[name] = _restore(hint, value[name], f"{where}.{name}")
        elif required:
            raise ParseError(f"{name!r} is missing", where=where)
    return kind(**given)


def _restore_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    error = ParseError(f"{value!r} does not fit", where=where)
    for kind in kinds:
        if kind is not NoneType:
            try:
                return _restore(kind, value, where)
            except ParseError as mismatch:
                error = mismatch
    raise error


def _restore_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise ParseError(f"expected a list, not {type(value).__name__}", where=where)
    items = list(value)
    each = [kinds[0]] * len(items) if kinds[-1] is Ellipsis else kinds
    if len(each) != len(items):
        raise ParseError(f"expected {len(each)} items, not {len(items)}", where=where)
    return tuple(_restore(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(each, items, strict=True)))


_FITS: Mapping[Any, tuple[type, ...]] = {bool: (bool,), str: (str,), int: (int, str), float: (int, float, str)}
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def _restore_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is bool and isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    wanted = _FITS.get(kind, ())
    if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
        raise ParseError(f"expected {getattr(kind, '__name__', kind)}, not {type(value).__name__}", where=where)
    try:
        return kind(value)
    except ValueError as error:
        raise ParseError(f"{value!r} is not a number", where=where) from error
