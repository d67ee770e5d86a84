"""What the machine is like that an end runs on: its load and its routes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, Daemon, Policy, System
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends

from tests.unit.build import NET_A, NET_B, Edit, Row, check, child_sa, connection, edited, healthy, live, tunnel

EXHAUSTED = Daemon(installed=True, running=True, workers=16, idle=0, queued=7)
BUSY = Daemon(installed=True, running=True, workers=16, idle=0, queued=0)
GAVE_UP = ("Nov 20 10:00:00 05[IKE] <to-b|3> giving up after 5 retransmits",)
LONG_AGO = ("Nov 20 09:58:59 05[IKE] <to-b|3> giving up after 5 retransmits",)
GAVE_UP_ANOTHER = ("Nov 20 10:00:00 05[IKE] <to-c|3> giving up after 5 retransmits",)
NAMELESS = ("Nov 20 10:00:00 05[IKE] giving up after 5 retransmits",)
RARE = {"connection": {"dpd_delay": 300.0}}


CLOCK = {"time": datetime(2026, 11, 20, 10, 14, tzinfo=UTC).timestamp(), "zone": "+0000"}


def _load(*averages: float, cores: int | None = 2, **values: object) -> Edit:
    return {"system": System(init="systemd", load=averages, cores=cores, **CLOCK), **values}


def _sas(on: str = "a", **values: object) -> Edit:
    return {"sas": tuple(replace(ike, **{"established": 300.0} | values) for ike in live(child_sa(), on=on))}


def _started(by: str, *, loads: bool | None) -> Edit:
    return {"daemon": Daemon(installed=True, running=True, starter=by, loads=loads)}


HIGH = (2.0, 9.0, 6.0)
OWN, KERNEL = (
    Daemon(installed=True, running=True, plugins=plugins)
    for plugins in (("kernel-libipsec", "kernel-netlink"), ("kernel-netlink", "kernel-libipsec"))
)
WAN, TUN, ELSEWHERE = "0.0.0.0/0 eth0", f"{NET_B} ipsec0", "10.9.0.0/16 eth0"


def _routed(daemon: Daemon, *routes: str, **values: object) -> Edit:
    return {"daemon": daemon, "system": System(init="systemd", routes=routes), **values}


TRAPPED = {
    "sas": (),
    "policies": (Policy("to-b", "net", "trap", (NET_A,), (NET_B,)),),
    "child": {"start_action": "trap"},
}
DOWN: Edit = {"sas": ()}
NO_POLICY = {**DOWN, "child": {"start_action": "trap"}, "policies": None}
TCP = {"sas": live(child_sa(remote_ts=(f"{NET_B}[tcp/80]",)))}
ROWS = (
    Row("load-too-high", "no worker is idle", _load(*HIGH, daemon=EXHAUSTED), remedies=()),
    Row("load-too-high", "on the responder", b=_load(*HIGH, daemon=EXHAUSTED), remedies=()),
    Row("load-too-high", "its log gave the peer up", _load(*HIGH, log=GAVE_UP, **_sas()), remedies=()),
    Row("load-too-high", "the log of its only tunnel gave up", _sas(), _load(*HIGH, log=NAMELESS), ()),
    Row("load-too-high", "the peer gave it up", _load(0.0, 0.0, 0.0, log=GAVE_UP, **_sas()), _load(*HIGH), ()),
    Row("load-too-high", "it gives nobody up", _load(*HIGH, log=("05[IKE] retransmit 1 of request",), **_sas())),
    Row("load-too-high", "that was long ago", _load(*HIGH, log=LONG_AGO, **_sas())),
    Row("load-too-high", "when that was is not known",
        _sas(), {**_load(*HIGH), "system": System(load=HIGH, cores=2), "log": GAVE_UP}),
    Row("load-too-high", "the peer does not live", _load(*HIGH, log=GAVE_UP, **_sas(state="CONNECTING")), DOWN),
    Row("load-too-high", "the daemon copes", _load(*HIGH, daemon=BUSY)),
    Row("load-too-high", "a peak", _load(20.0, 9.0, 3.0, daemon=EXHAUSTED)),
    Row("load-too-high", "it is over", _load(1.0, 3.0, 9.0, daemon=EXHAUSTED)),
    Row("load-too-high", "many cores", _load(*HIGH, cores=8, daemon=EXHAUSTED)),
    Row("load-too-high", "how many cores is not known", _load(*HIGH, cores=None, daemon=EXHAUSTED)),
    Row("load-too-high", "the load is not known", _load(daemon=EXHAUSTED)),
    Row("load-too-high", "both check seldom", _load(*HIGH, daemon=EXHAUSTED, **RARE), RARE),
    Row("route-missing", "a trap without its route", _routed(OWN, WAN, ELSEWHERE, **TRAPPED), DOWN, ()),
    Row("route-missing", "an SA without its route", _routed(OWN, WAN), remedies=()),
    Row("route-missing", "no route at all, the kernel's ESP", _routed(KERNEL, ELSEWHERE, "10.2.7.0/24 ipsec0"),
        remedies=()),
    Row("route-missing", "on the responder", b=_routed(OWN, WAN), remedies=()),
    Row("route-missing", "it is there", _routed(OWN, WAN, TUN)),
    Row("route-missing", "a part of it is there", _routed(OWN, WAN, "10.2.0.128/25 ipsec0")),
    Row("route-missing", "the default route is enough for the kernel", _routed(KERNEL, WAN)),
    Row("route-missing", "routes are not known", {"daemon": OWN}),
    Row("route-missing", "a route that cannot be read", _routed(OWN, WAN, "10.2 ipsec0")),
    Row("route-missing", "neither trap nor SA", _routed(OWN, WAN, **NO_POLICY), NO_POLICY),
    Row("route-missing", "it came up after the routes were read",
        _routed(OWN, WAN, sas=live(child_sa(install_time=1.0)))),
    Row("route-missing", "strongSwan makes none for a port", _routed(OWN, WAN, **TCP)),
    Row("loads-nothing", "the init script", b=_started("/etc/init.d/strongswan", loads=False), remedies=()),
    Row("loads-nothing", "the unit", _started("strongswan.service", loads=False), remedies=()),
    Row("loads-nothing", "it loads them", b=_started("strongswan.service", loads=True)),
    Row("loads-nothing", "other programs might", b=_started("strongswan.service", loads=None)),
    Row("loads-nothing", "a connection that is in no file",
        b={**_started("strongswan.service", loads=False), "connection": {"configured": False}}),
    Row("route-missing", "the peer is in that network",
        _routed(OWN, WAN, sas=live(child_sa(remote_ts=("0.0.0.0/0",))))),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_the_machine_does_to_a_tunnel_is_seen_and_nothing_else(row: Row) -> None:
    check(row)


@pytest.mark.parametrize(
    ("case", "end", "says", "evidence"),
    [
        ("no worker is idle", "a/to-b", "a has 3.0 threads for each of its 2 cores", "a: none of 16 workers"),
        ("the peer gave it up", "b/to-a", "b has 3.0 threads", f"a: {GAVE_UP[0]}"),
        ("a trap without its route", "a/to-b/net", "no route into ipsecN", "a swanctl.conf:20: remote_ts"),
        ("the unit", "a/to-b", "strongswan.service starts the daemon of a and loads nothing", "a strongswan.service: "),
        ("no route at all, the kernel's ESP", "a/to-b/net", f"no route at all to {NET_B}", f"a: {ELSEWHERE}"),
    ],
)
def test_a_finding_says_where_what_and_by_which_line(case: str, end: str, says: str, evidence: str) -> None:
    (found,) = diagnose([tunnel(next(row for row in ROWS if row.case == case))])
    assert str(found.end) == end
    assert says in found.summary
    assert any(line.startswith(evidence) for line in found.evidence)


@pytest.mark.parametrize("line", [*GAVE_UP_ANOTHER, *NAMELESS])
def test_a_peer_that_another_connection_gave_up_says_nothing_of_this_one(line: str) -> None:
    a, b = healthy()
    other = connection("to-c", remote_addrs=("198.51.100.7",), remote=(Auth("remote", "psk", "c.example"),))
    both = replace(edited(a, **_load(*HIGH, log=(line,), **_sas())), connections=(*a.connections, other)), b
    assert "load-too-high" not in {finding.id for finding in diagnose(pair_ends(both)[0])}


def test_a_load_asks_for_rarer_checks_and_not_for_none() -> None:
    (found,) = diagnose([tunnel(ROWS[0])])
    assert "set dpd_delay to 60s on both ends, not to 0" in found.no_fix
