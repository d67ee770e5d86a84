# SPDX-License-Identifier: GPL-3.0-or-later
"""What one gateway is: configured, loaded and installed, with where each setting comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from .sas import IkeSa, Policy

Action = Literal["none", "trap", "start", "trap|start"]
PARALLEL = "-tunnelwright-next"  # at the end of a parallel connection's name; loading.sh knows it too


@dataclass(frozen=True, slots=True)
class Setting:
    """One configured value and where it was set (`file:line`), through which template if any."""

    value: str
    origin: str
    template: str | None = None
    also: tuple[str, ...] = ()  # other places that give it another value, which the last of them hides


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
    description: str = ""  # by people, where the platform has one
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
    unapplied: tuple[str, ...] = ()  # the same of what a firewall keeps and what it has generated from that
    omitted: Literal["", "disabled", "no-address", "no-proposal"] = ""  # why a firewall generates nothing of it
    standby: bool = False  # another firewall of the cluster has its address now, and the tunnel
    description: str = ""  # by people, where the platform has one
    origin: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)  # "encap", "local.id", …: without children
    native: Mapping[str, Setting] = field(default_factory=dict)  # what a firewall's own configuration says of it

    @property
    def is_parallel(self) -> bool:
        """Whether it carries the traffic of another one while that is changed (make before break)."""
        return self.name.endswith(PARALLEL)


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
    means: str  # systemd, cron; of pfSense itself: keepalive, pinghost
    interval: float
    origin: str
    target: str = ""  # address that is pinged
    idle: str = ""  # why it does nothing, if so


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

    @property
    def begins(self) -> float | None:
        """When it is valid from, as Unix time; None where that is not known."""
        return _parse_timestamp(self.not_before)

    @property
    def expires(self) -> float | None:
        """When it expires, as Unix time; None where that is not known."""
        return _parse_timestamp(self.not_after)


@dataclass(frozen=True, slots=True)
class Logger:
    """One place that the daemon logs to, and how much by strongswan.conf: `default`, and the groups that differ."""

    name: str  # filelog.main, syslog.daemon, journal
    levels: Mapping[str, int] = field(default_factory=dict)
    origin: str = ""  # where the configuration first names it, if it does

    def level(self, group: str) -> int:
        """How much it logs of a group, from -1 (nothing) to 4 (also keys)."""
        return self.levels.get(group, self.levels.get("default", 1))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept a part of a gateway from being read: what, where, what to do."""

    kind: str  # daemon-stopped, no-permission, no-swanctl, config-unreadable, config-broken, unknown-setting, …
    what: str
    where: str = ""
    hint: str = ""

    @property
    def bars_daemon(self) -> bool:
        """Whether the daemon cannot be asked because of it."""
        return self.kind in ("no-swanctl", "no-permission", "no-vici", "daemon-hangs")

    @property
    def bars_listing(self) -> bool:
        """Whether something that the daemon was asked for is not known because of it."""
        return self.kind in ("listing-failed", "listing-unreadable")

    @property
    def bars_configuration(self) -> bool:
        """Whether the configuration is not known whole because of it."""
        return self.kind.startswith("config-")


@dataclass(frozen=True, slots=True)
class Retransmission:
    """How long charon waits for an answer: charon.retransmit_* of strongswan.conf, with their defaults."""

    tries: int = 5
    timeout: float = 4.0
    base: float = 1.8
    limit: float = 0.0  # seconds between two; 0: none
    jitter: int = 0  # percent by which one is early, at random

    @property
    def total(self) -> float:
        """Seconds from a request to giving up (strongSwan docs: Retransmission)."""
        total, wait = 0.0, self.timeout
        for dummy in range(min(self.tries, 100) + 1):
            total, wait = total + min(wait, self.limit or wait), wait * self.base
        return total


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a firewall's whole configuration: when it was written, by whom, and what they said of it."""

    time: float | None  # Unix time
    by: str
    description: str


@dataclass(frozen=True, slots=True)
class Carp:
    """One address that a cluster of firewalls shares."""

    interface: str
    vhid: str
    address: str
    state: str = ""  # MASTER, BACKUP, INIT; empty: not known


@dataclass(frozen=True, slots=True)
class Appliance:
    """What a firewall that writes the daemon's configuration by itself says of its own."""

    product: str  # pfSense CE, pfSense Plus
    version: str
    config_version: str = ""
    fingerprint: str = ""  # of its whole configuration, keyed as digests are
    revision: Revision | None = None  # the one that is in force
    revisions: tuple[Revision, ...] = ()  # earlier ones, the newest first
    unapplied: bool = False  # it says that changes to its tunnels wait to be applied
    booting: bool = False
    role: Literal["alone", "primary", "secondary"] = "alone"  # in a cluster
    carp: tuple[Carp, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """What rolls the configuration of a gateway back unless that is confirmed in time; times are seconds."""

    id: str
    name: str  # whose it is, for people
    run: str  # the run that armed it
    state: Literal["armed", "proven", "confirmed", "rolling_back"] = "armed"
    alive: bool = True  # whether what would roll back runs
    age: float | None = None  # None: the gateway was restarted since
    left: float | None = None
    at_boot: Literal["systemd", "cron", "rc_d", "none"] = "none"  # what rolls back after a restart of the gateway
    files: int = 0


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a guard did that was not confirmed."""

    name: str
    run: str
    why: str
    time: float | None = None  # Unix time of its end
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Daemon:
    """The IKE daemon: None means that it could not be found out."""

    installed: bool
    running: bool | None
    since: str | None = None
    uptime: str | None = None
    ike_sas: int | None = None
    half_open: int | None = None
    plugins: tuple[str, ...] = ()  # in the order they were loaded
    workers: int | None = None  # threads
    idle: int | None = None  # threads without a job
    queued: int | None = None  # jobs that wait for a thread
    retransmission: Retransmission = field(default_factory=Retransmission)
    starter: str = ""  # the unit or script that starts it with the machine; empty: not known
    loads: bool | None = None  # whether that has it load its connections


@dataclass(frozen=True, slots=True)
class System:
    """What surrounds the daemon."""

    hostname: str = ""
    time: float | None = None  # Unix time
    zone: str = ""  # "+0100"; empty: not known
    kernel: str = ""
    init: str = ""  # systemd, other
    cron: bool = False
    addresses: tuple[str, ...] = ()  # "eth0 192.0.2.1/24"
    routes: tuple[str, ...] | None = None  # "10.2.0.0/24 eth0"; None: not known, too many, or rules of its own decide
    nat: tuple[str, ...] = ()  # "snat 10.2.0.0/24 172.27.2.0/24": what a rule does, and the addresses it names
    load: tuple[float, ...] = ()  # averages of 1, 5 and 15 minutes
    cores: int | None = None
    managed_from: str = ""  # the address that this session came from; empty: not known

    @property
    def clock(self) -> datetime | None:
        """What the gateway's clock showed, in its own time zone; None where either is not known."""
        if self.time is None or not self.zone:
            return None
        return datetime.fromtimestamp(self.time, datetime.strptime(self.zone, "%z").tzinfo)


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
    log_end: str | None = None  # position in the log, to read on from
    loggers: tuple[Logger, ...] | None = None  # None: strongswan.conf could not be found or read
    guard: Guard | None = None
    rollback: Rollback | None = None  # the last
    system: System = field(default_factory=System)
    appliance: Appliance | None = None  # None: its configuration is the daemon's own
    settable: tuple[str, ...] | None = None  # settings that the platform has a place for; None: all of swanctl's
    dpd_follows_close: bool = False  # the platform makes dpd_action of the close action
    problems: tuple[Problem, ...] = ()

    def can_set(self, setting: str) -> bool:
        """Whether a setting, such as `keyingtries` or `local.id`, has a place in the gateway's configuration."""
        return self.settable is None or setting in self.settable

    @property
    def generates(self) -> bool:
        """Whether its platform writes the daemon's files itself, from a configuration of its own."""
        return self.settable is not None


def _parse_timestamp(text: str | None) -> float | None:
    """Unix time of ISO 8601; None where it is none."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
