"""What only a firewall can have wrong that writes its daemon's configuration by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Appliance,
    Carp,
    Keepalive,
    Revision,
    Setting,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.appliance import SETTABLE

from tests.unit.build import A, Edit, Row, check, child, child_sa, connection, edited, healthy, live, mirrored, secret

PFSENSE: Edit = {"platform": "pfsense", "settable": SETTABLE}
EDITOR = Revision(1790000000.0, "admin@192.0.2.99", "/vpn_ipsec_phase1.php: Saved tunnel")
DIRTY = Appliance("pfSense CE", "2.7.2-RELEASE", revision=EDITOR, unapplied=True)
STANDBY = replace(DIRTY, role="secondary")
LAN_VIP = Carp("lan", "2", "10.1.0.254", "MASTER")
CLUSTER = Appliance("pfSense CE", "2.7.2-RELEASE", role="primary", carp=(Carp("wan", "1", A, "MASTER"), LAN_VIP))
WAITING = {"unapplied": ("dpd_delay: 30s in config.xml, 10s generated",)}


def native(**values: str) -> dict[str, dict[str, Setting]]:
    """Elements of phase 1."""
    return {"native": {name: Setting(value, f"ipsec/phase1[ikeid=1]/{name}") for name, value in values.items()}}


def checked(name: str = "to-b", means: str = "keepalive", idle: str = "") -> tuple[Keepalive, ...]:
    return (Keepalive(name, "net", means, 300.0, "ipsec/phase2[uniqid=1]/keepalive", idle=idle),)


SPLIT = (child(), child("net_2", local_ts=("10.1.8.0/24",), remote_ts=("10.2.8.0/24",)))
JOINED = child("con1", local_ts=("10.2.0.0/24", "10.2.8.0/24"), remote_ts=("10.1.0.0/24", "10.1.8.0/24"),
               start_action="none")  # fmt: skip
HALVES = ("10.2.0.0/24", "10.2.8.0/24")
BOTH_NETS: Edit = {"child": {"local_ts": ("10.1.0.0/24", "10.1.8.0/24"), "remote_ts": HALVES}}
MIRRORED: Edit = {"child": {"local_ts": HALVES, "remote_ts": ("10.1.0.0/24", "10.1.8.0/24")}}
KEY, OTHER = secret(connection(), ids=("%any", "b.example")), secret(
    connection(), "d2", ids=("%any", "b.example"), name="con2", origin="ipsec/phase1[ikeid=2]/pre-shared-key"
)  # fmt: skip
RESPONDS: Edit = {"child": {"dpd_action": "trap"}, "connection": native(startaction="none")}
AGAIN = {"start_action": "start", "close_action": "start", "dpd_action": "start"}
ROWS = (
    Row(
        "connection-disabled",
        "on one end",
        b={"connection": {"omitted": "disabled", "loaded": False, **native(disabled="")}, "sas": (), "secrets": ()},
        a={"sas": ()},
        remedies=(),
    ),
    Row("connection-disabled", "on neither", a=PFSENSE, b=PFSENSE),
    Row(
        "connection-omitted",
        "its interface has no address",
        a={"sas": ()},
        b={"connection": {"omitted": "no-address", "loaded": False, **native(interface="opt9")}, "sas": ()},
        remedies=(),
    ),
    Row(
        "connection-omitted",
        "it has no algorithm",
        a={"sas": ()},
        b={"connection": {"omitted": "no-proposal", "loaded": False}, "sas": ()},
        remedies=(),
    ),
    Row("connection-omitted", "it is generated", b=PFSENSE),
    Row("changes-unapplied", "saved and not applied", b={"connection": WAITING, "appliance": DIRTY}, remedies=()),
    Row(
        "changes-unapplied",
        "the revision is unknown",
        b={"connection": WAITING, "appliance": replace(DIRTY, revision=None, unapplied=False)},
        remedies=(),
    ),
    Row("changes-unapplied", "a secondary, which has other settings", b={"connection": WAITING, "appliance": STANDBY}),
    Row("changes-unapplied", "changes to other tunnels wait", b={"appliance": DIRTY}),
    Row("psk-ambiguous", "two keys for one peer", a={**PFSENSE, "secrets": (KEY, OTHER)}, remedies=()),
    Row("psk-ambiguous", "two keys that somebody wrote by hand", a={"secrets": (OTHER, KEY)}),
    Row("psk-ambiguous", "two equal keys for one peer", a={**PFSENSE, "secrets": (KEY, replace(OTHER, digest="d1"))}),
    Row(
        "psk-ambiguous",
        "two keys for two peers",
        a={**PFSENSE, "secrets": (KEY, replace(OTHER, ids=("%any", "c.example")))},
    ),
    Row("dpd-traps-responder", "the default close action", b=RESPONDS, remedies=("b/to-a/net: dpd_action = none",)),
    Row("dpd-traps-responder", "a close action of none", b={"connection": native(startaction="none")}),
    Row("dpd-traps-responder", "it is to trap", b={"child": {"start_action": "trap", "dpd_action": "trap"}}),
    Row(
        "keepalive-both",
        "both check",
        {"keepalives": checked()},
        {"keepalives": checked("to-a")},
        ("b/to-a/net: keepalive absent",),
    ),
    Row("keepalive-both", "the initiator checks", {"keepalives": checked()}),
    Row("keepalive-both", "the peer pings", {"keepalives": checked()}, {"keepalives": checked("to-a", "pinghost")}),
    Row("keepalive-idle", "no such child", {"keepalives": checked(idle="pfSense asks for con1_1")}, remedies=()),
    Row("keepalive-idle", "pings from nowhere", {"keepalives": checked("to-b", "pinghost", "no address")}, remedies=()),
    Row("keepalive-idle", "it checks", {"keepalives": checked()}),
    Row(
        "keepalive-narrowed",
        "the peer has one of two networks",
        {**BOTH_NETS, "keepalives": checked(), "sas": live(child_sa())},
        remedies=(),
        also=("selectors-not-mirrored",),
    ),
    Row(
        "keepalive-narrowed",
        "both have two networks",
        {**BOTH_NETS, "keepalives": checked(), "sas": ()},
        {**MIRRORED, "sas": ()},
    ),
    Row("keepalive-narrowed", "one network", {"keepalives": checked()}),
    Row(
        "version-auto",
        "not split",
        {"connection": {"version": 0, **native(iketype="auto")}},
        remedies=("a/to-b: version = 2",),
    ),
    Row("version-auto", "split", {"connection": {"version": 0, **native(iketype="auto", splitconn="")}}),
    Row("version-auto", "IKEv2", {"connection": native(iketype="ikev2")}),
    Row("version-auto", "a strongSwan of either version", {"connection": {"version": 0}}),
    Row(
        "split-one-end",
        "three networks, one child there",
        {**PFSENSE, "connection": {"children": SPLIT, **native(splitconn="")}, "sas": ()},
        {**PFSENSE, "connection": {"children": (JOINED,)}, "sas": ()},
        (),
    ),
    Row(
        "split-one-end",
        "split on both",
        {**PFSENSE, "connection": {"children": SPLIT}},
        {**PFSENSE, "connection": {"children": mirrored(connection(children=SPLIT)).children}},
    ),
    Row("split-one-end", "one network", PFSENSE, PFSENSE),
    Row(
        "reauth-breaks",
        "every hour",
        {"connection": {"reauth_time": 3600.0, **native(reauth_time="3600")}},
        remedies=("a/to-b: reauth_time = 0s",),
    ),
    Row(
        "reauth-breaks",
        "make before break",
        {"connection": {"reauth_time": 3600.0, **native(reauth_time="3600", makebeforebreak="")}},
    ),
    Row(
        "reauth-breaks",
        "a strongSwan that does so by default",
        {"version": "6.0.1", "connection": {"reauth_time": 3600.0, **native(reauth_time="3600")}},
    ),
    Row("reauth-breaks", "rekeyed", {"connection": native(rekey_time="3600")}),
    Row(
        "mobike-shared-address",
        "it is on",
        {"appliance": CLUSTER},
        remedies=("a/to-b: mobike = no",),
    ),
    Row("mobike-shared-address", "it is off", {"appliance": CLUSTER, "connection": {"mobike": False}}),
    Row("mobike-shared-address", "an address of its own", {"appliance": replace(CLUSTER, carp=()), **PFSENSE}),
    Row("cluster-own-address", "of one alone", {"appliance": replace(CLUSTER, carp=(LAN_VIP,))}, remedies=()),
    Row("cluster-own-address", "shared", {"appliance": CLUSTER, "connection": {"mobike": False}}),
    Row("cluster-own-address", "no cluster", {"appliance": replace(CLUSTER, role="alone", carp=(LAN_VIP,))}),
)
# what the means of a firewall change in other families
OTHERS = (
    Row(
        "initiator-not-persistent",
        "a firewall has no place for keyingtries, so it gets a check",
        {**PFSENSE, "child": AGAIN},
        remedies=("a/to-b/net: keepalive present",),
    ),
    Row(
        "no-initiator",
        "a firewall cannot trap and start at once",
        {**PFSENSE, "child": {"start_action": "none", "close_action": "start", "dpd_action": "start"}},
        {"child": {"start_action": "none"}},
        ("a/to-b/net: start_action = start", "a/to-b/net: keepalive present"),
    ),
    Row(
        "gave-up",
        "a firewall that has no place for keyingtries",
        {**PFSENSE, "child": AGAIN, "sas": ()},
        {"sas": ()},
        ("a/to-b/net: keepalive present", "a/to-b/net: sa established"),
        also=("initiator-not-persistent",),
    ),
)


@pytest.mark.parametrize("row", [*ROWS, *OTHERS], ids=str)
def test_rows(row: Row) -> None:
    check(row)


def test_a_tunnel_that_is_disabled_on_both_ends_is_none() -> None:
    off = {"omitted": "disabled"}
    assert pair_ends([edited(g, connection=off, sas=()) for g in healthy()]) == ((), ())


def test_of_a_cluster_the_firewall_that_has_the_address_is_the_end() -> None:
    a, b = healthy()
    standby = replace(edited(a, connection={"standby": True}, sas=()), name="a2")
    tunnels, unpaired = pair_ends([standby, a, b])
    assert [str(end.name()) for tunnel in tunnels for end in tunnel.ends] == ["a/to-b", "b/to-a"]
    assert unpaired == ()


def test_a_disabled_end_takes_no_peer_from_an_enabled_one() -> None:
    a, b = healthy()
    spare = replace(a.connections[0], name="old", omitted="disabled", loaded=False)
    tunnels, unpaired = pair_ends([replace(a, connections=(spare, *a.connections)), b])
    assert [str(end.name()) for tunnel in tunnels for end in tunnel.ends] == ["a/to-b", "b/to-a"]
    assert unpaired == ()


def test_a_disabled_end_is_the_peer_of_one_that_is_left() -> None:
    a, b = healthy()
    tunnels, unpaired = pair_ends([edited(a, sas=()), edited(b, connection={"omitted": "disabled"}, sas=())])
    assert (len(tunnels), unpaired) == (1, ())
