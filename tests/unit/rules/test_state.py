"""What is loaded and installed, as against what is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Auth,
    ChildSa,
    Daemon,
    IkeSa,
    Policy,
    Problem,
    System,
)

from tests.unit.build import Row, check, child, child_sa, connection, declared, ike_sa, live, settings

STOPPED = {"daemon": Daemon(installed=True, running=False), "sas": None, "policies": None}
UNKNOWN = {"daemon": Daemon(installed=True, running=None), "sas": None}
UNLOADED = {"connection": {"loaded": False}, "sas": ()}
NOTHING = {"sas": ()}
REFUSED, LINE = {"settings": settings(dpdd="30s")}, "swanctl.conf:11"


def _two(on: str, *more: ChildSa, **values: object) -> dict[str, object]:
    swapped = on == "b"
    return {"sas": live(child_sa(swapped=swapped), child_sa(number=2, swapped=swapped, **values), *more, on=on)}


def _leaving(on: str) -> dict[str, object]:
    """A second IKE_SA with the same child, on its way out."""
    (stays,) = live(child_sa(swapped=on == "b"), on=on)
    (leaves,) = live(child_sa(number=2, swapped=on == "b"), on=on)
    return {"sas": (stays, replace(leaves, state="DELETING", initiator_spi="i2"))}


REKEYING, REKEYING_THERE = ((child_sa(number=3, swapped=end, state="REKEYING"),) for end in (False, True))

WEAK = {"encr": "AES_CBC-128", "integ": "HMAC_SHA1_96"}
AES_SA = {"encr": "AES_CBC-256", "integ": "HMAC_SHA2_256_128"}


def _used(on: str, ike: Mapping[str, object], **child: object) -> dict[str, object]:
    (sa,) = live(child_sa(swapped=on == "b", **child), on=on)
    return {"sas": (replace(sa, **ike),)}  # type: ignore[arg-type]


def _with(identity: str, host: str = "192.0.2.2", *, far: bool = False, **values: Any) -> tuple[IkeSa, ...]:
    """The SAs of the initiator, with somebody of this identity and address, of which the peer knows nothing."""
    (sa,) = live(child_sa(number=9, remote_ts=("10.9.0.0/24",)) if far else child_sa())
    cookies: dict[str, Any] = {"initiator_spi": "i0000009", "responder_spi": "r0000009"}
    return (replace(sa, remote_id=identity, remote_host=host, **{**cookies, **values}),)


TO_B = connection()
TO_C = connection(
    "to-c", remote_addrs=("192.0.2.3",), remote=(Auth("remote", "psk", "c.example"),), children=(child("far"),)
)
ROWS = (
    Row(
        "sa-outdated",
        "a child with algorithms that its end no longer offers",
        _used("a", {}, **WEAK),
        remedies=("a/to-b: sa reinitiated",),
    ),
    Row(
        "sa-outdated",
        "an IKE_SA, at the responder",
        b=_used("b", {**AES_SA, "prf": "PRF_HMAC_SHA2_256", "dh_group": "MODP_1024"}),
        remedies=("a/to-b: sa reinitiated",),
    ),
    Row(
        "sa-outdated",
        "an IKEv1 tunnel that should be IKEv2",
        _used("a", {"version": 1}),
        _used("b", {"version": 1}),
        ("a/to-b: sa reinitiated",) * 2,
    ),
    Row(
        "sa-outdated",
        "what the ends offer",
        _used("a", {**AES_SA, "prf": "PRF_HMAC_SHA2_256", "dh_group": "CURVE_25519"}, **AES_SA),
        _used("b", {**AES_SA, "prf": "PRF_HMAC_SHA2_256", "dh_group": "CURVE_25519"}, **AES_SA, dh_group="CURVE_25519"),
    ),
    Row("sa-outdated", "an algorithm that is not known here", _used("a", {}, encr="SEED_CBC-128")),
    Row(
        "sa-outdated",
        "a default",
        {**_used("a", {"dh_group": "MODP_1024"}), "connection": {"proposals": ("default",)}},
        {"connection": {"proposals": ("default",)}},
    ),
    Row("daemon-stopped", "the responder's", b=STOPPED, remedies=("b: daemon started", "a/to-b: sa established")),
    Row("daemon-stopped", "the initiator's", STOPPED, remedies=("a: daemon started", "a/to-b: sa established")),
    Row("daemon-stopped", "whether it runs could not be found out", b=UNKNOWN),
    Row("not-loaded", "a connection", b=UNLOADED, remedies=("b: daemon loaded", "a/to-b: sa established")),
    Row(
        "not-loaded",
        "a child",
        b={"child": {"loaded": False}},
        remedies=("b: daemon loaded", "a/to-b: sa established"),
    ),
    Row("not-loaded", "a stopped daemon has nothing loaded", b={**STOPPED, "connection": {"loaded": False}}),
    Row("not-loaded", "in no file", b={"connection": {"configured": False, "loaded": True}}),
    Row(
        "setting-refused",
        "a setting of the connection that strongSwan does not know; that it is not loaded follows from it",
        b={"connection": {**REFUSED, "loaded": False}, "problems": (Problem("unknown-setting", "dpdd", LINE),)},
        remedies=(),
    ),
    Row(
        "setting-refused",
        "of another connection",
        b={"connection": REFUSED, "problems": (Problem("unknown-setting", "dpdd", "swanctl.conf:99"),)},
    ),
    Row(
        "setting-refused",
        "a name that is only long",
        b={"connection": REFUSED, "problems": (Problem("long-name", "long", LINE),)},
    ),
    Row(
        "config-drift",
        "edited and not loaded",
        b={"connection": {"differs": ("rekey_time: 1h in the file, 4h in the daemon",)}},
        remedies=("b: daemon loaded",),
    ),
    Row("config-drift", "loaded and not written down", b={"connection": {"configured": False}}, remedies=()),
    Row(
        "config-drift",
        "a stopped daemon holds nothing",
        b={**STOPPED, "connection": {"differs": ("rekey_time",), "loaded": False}},
    ),
    Row(
        "not-installed",
        "nothing brings it up",
        NOTHING,
        NOTHING,
        ("a/to-b/net: sa established",),
    ),
    Row(
        "not-installed",
        "the IKE_SA alone",
        {"sas": live()},
        {"sas": live(on="b")},
        ("a/to-b/net: sa established",),
    ),
    Row(
        "not-installed",
        "a trap waits for traffic",
        {**NOTHING, "child": {"start_action": "trap"}, "policies": (Policy("to-b", "net", "trap"),)},
        NOTHING,
    ),
    Row("not-installed", "the live state of the peer is not known", NOTHING, {"sas": None}),
    Row("not-installed", "it is"),
    Row(
        "duplicate-child-sas",
        "the initiator retires them, once for both ends",
        _two("a"),
        _two("b"),
        ("a/to-b/net: sa deduplicated",),
    ),
    Row(
        "duplicate-child-sas",
        "the rekeyed one is on its way out",
        _two("a", state="REKEYED"),
        _two("b", state="REKEYED"),
    ),
    Row(
        "duplicate-child-sas",
        "other networks",
        _two("a", local_ts=("10.7.0.0/24",)),
        _two("b", remote_ts=("10.7.0.0/24",)),
    ),
    Row(
        "duplicate-child-sas",
        "a second one that is only just made",
        _two("a", install_time=1.0),
        _two("b", install_time=1.0),
    ),
    Row(
        "duplicate-child-sas",
        "a rekey whose delete is not answered yet",
        _two("a", state="REKEYING", install_time=3600.0),
        _two("b", state="REKEYING", install_time=3600.0),
    ),
    Row("duplicate-child-sas", "an IKE_SA that is being deleted has the other one", _leaving("a"), _leaving("b")),
    Row(
        "duplicate-child-sas",
        "two that stay, and a third that is being rekeyed",
        _two("a", *REKEYING),
        _two("b", *REKEYING_THERE),
        ("a/to-b/net: sa deduplicated",),
    ),
    Row(
        "sa-mismatch",
        "the responder forgot: the initiator starts over",
        b=NOTHING,
        remedies=("a/to-b: sa reinitiated",),
    ),
    Row(
        "sa-mismatch",
        "the initiator forgot: the responder drops, the initiator starts",
        NOTHING,
        remedies=("b/to-a: sa terminated", "a/to-b: sa established"),
    ),
    Row(
        "sa-mismatch",
        "each has another one",
        {"sas": live(child_sa(number=3))},
        remedies=("a/to-b: sa reinitiated", "b/to-a: sa terminated", "a/to-b: sa established"),
    ),
    Row(
        "sa-mismatch",
        "one that is younger than the time between two readings",
        {"sas": live(child_sa(), child_sa(number=2, install_time=2.0))},
    ),
    Row(
        "sa-mismatch",
        "the peer's is already being deleted",
        b={"sas": live(child_sa(state="DELETING", swapped=True), on="b")},
    ),
    Row("sa-mismatch", "the live state of the peer is not known", b={"sas": None}),
    Row("sa-mismatch", "an SA of another node is left alone", {"sas": _with("node2.example")}, NOTHING),
    Row("up-with-another-peer", "another identity", {"sas": _with("node2.example")}, NOTHING, remedies=()),
    Row(
        "up-with-another-peer",
        "another address, and all of the peer's are known",
        {"sas": _with("b.example", "192.0.2.9")},
        {**NOTHING, "system": System(addresses=("lo 127.0.0.1/8", "eth0 192.0.2.2/24"))},
        remedies=(),
    ),
    Row(
        "up-with-another-peer",
        "a declaration that names the wrong end",
        {"sas": _with("node2.example"), "child": {"local_ts": ("10.7.0.0/24",)}},
        NOTHING,
        remedies=(),
        declared=declared(settings={"encap": "yes"}),
    ),
    Row("up-with-another-peer", "the peer forgot it: it is still the peer's", {"sas": _with("b.example")}, NOTHING),
    Row(
        "up-with-another-peer",
        "behind NAT the address is the router's",
        {"sas": _with("b.example", "192.0.2.9", nat_remote=True)},
        {**NOTHING, "system": System(addresses=("lo 127.0.0.1/8", "eth0 192.0.2.2/24"))},
    ),
    Row(
        "networks-carried-twice",
        "another connection is up for the same networks",
        {"more": (TO_C,), "sas": (*live(child_sa()), ike_sa(TO_C, 7))},
        remedies=(),
    ),
    Row(
        "networks-carried-twice",
        "narrower ones of another connection",
        {
            "more": (TO_C,),
            "sas": (*live(child_sa()), ike_sa(TO_C, 7, children=(child_sa(number=7, remote_ts=("10.2.0.0/25",)),))),
        },
    ),
    Row(
        "unique-replaces",
        "another connection between the same two",
        {"connection": {"unique": "replace"}, "more": (replace(TO_C, remote=TO_B.remote, unique="replace"),)},
        remedies=(),
    ),
    Row(
        "unique-replaces",
        "one for each family of addresses",
        {
            "connection": {"unique": "replace"},
            "more": (replace(TO_C, remote=TO_B.remote, unique="replace", remote_addrs=("2001:db8::3",)),),
        },
    ),
    Row(
        "networks-carried-twice",
        "a routed child beside",
        {
            "more": (replace(TO_C, children=(child("far", route_based=True),)),),
            "sas": (*live(child_sa()), ike_sa(TO_C, 7)),
        },
    ),
    Row(
        "up-with-another-peer",
        "a connection for several peers, and another of them is up for its own networks",
        {
            "connection": {"remote_addrs": ("%any",), "remote": (Auth("remote", "psk", "*.example"),)},
            "sas": (*live(child_sa()), *_with("c.example", far=True)),
        },
    ),
    Row(
        "up-with-another-peer",
        "what the peer holds was not read",
        {"sas": _with("node2.example")},
        {"sas": None},
    ),
    Row(
        "unique-replaces",
        "each may be up",
        {"connection": {"unique": "never"}, "more": (replace(TO_C, remote=TO_B.remote),)},
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_loaded_and_installed_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
