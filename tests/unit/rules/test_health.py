"""What an end has at this moment: the SAs it holds, its addresses, its clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, ChildSa, IkeSa, System

from tests.unit.build import NET_A, A, Row, check, child_sa, live, settings, tunnel

NETS = (NET_A, "10.1.4.0/24")
NARROW = {"child": {"local_ts": NETS}, "sas": live(child_sa())}
NARROW_B = {"child": {"remote_ts": NETS}, "sas": live(child_sa(swapped=True), on="b")}
OLD = tuple(
    {"connection": {"version": 1}, "child": e["child"], "sas": tuple(replace(i, version=1) for i in e["sas"])}
    for e in (NARROW, NARROW_B)
)  # type: ignore[union-attr,call-overload]
HALVES = ("10.1.0.0/25", "10.1.0.128/25")
AGAIN = ("a/to-b/net: sa reinitiated",)


def _half(number: int, *, on: str = "a", state: str = "CONNECTING") -> tuple[IkeSa, ...]:
    up = live(child_sa(swapped=on == "b"), on=on)
    return up + tuple(replace(up[0], id=9 + i, state=state, children=(), initiator_spi=f"c{i}") for i in range(number))


LO = "lo 127.0.0.1/8"
GONE = {"sas": (), "system": System(init="systemd", addresses=(LO, "eth0 192.0.2.9/24", "lan0 10.1.0.1/24"))}
DOWN = {"sas": ()}

RSA = {"local": (Auth("local", "pubkey", "a.example"),), "remote": (Auth("remote", "pubkey", "b.example"),)}
RSA_B = {"local": (Auth("local", "pubkey", "b.example"),), "remote": (Auth("remote", "pubkey", "a.example"),)}


def _at(time: float, age: float | None = 1000.0, *, on: str = "a", **values: object) -> dict[str, object]:
    sas = tuple(replace(ike, established=age) for ike in live(child_sa(swapped=on == "b"), on=on))
    certified = {**(RSA if on == "a" else RSA_B), **values}
    return {"connection": certified, "sas": sas, "system": System(init="systemd", time=time)}


def _bare(on: str) -> dict[str, object]:
    return {"settings": settings(local__pubkeys=f"{on}.pub")}


def _own(*children: ChildSa) -> dict[str, object]:
    return {"child": {"local_ts": NETS}, "sas": live(*children)}


def _theirs(*children: ChildSa) -> dict[str, object]:
    return {"child": {"remote_ts": NETS}, "sas": live(*children, on="b")}


ROWS = (
    Row("child-narrowed", "one of two networks", NARROW, NARROW_B, AGAIN),
    Row("child-narrowed", "IKEv1 takes one network", *OLD, remedies=()),
    Row("child-narrowed", "a part of the only network",
        {"sas": live(child_sa(local_ts=HALVES[:1]))},
        {"sas": live(child_sa(swapped=True, remote_ts=HALVES[:1]), on="b")}, AGAIN),
    Row("child-narrowed", "two halves are the network",
        {"sas": live(child_sa(local_ts=HALVES))}, {"sas": live(child_sa(swapped=True, remote_ts=HALVES), on="b")}),
    Row("child-narrowed", "two SAs share the networks",
        _own(child_sa(), child_sa(number=2, local_ts=NETS[1:])),
        _theirs(child_sa(swapped=True), child_sa(number=2, swapped=True, remote_ts=NETS[1:]))),
    Row("child-narrowed", "the ends do not mirror each other, which is said already",
        NARROW, {"sas": live(child_sa(swapped=True), on="b")}),
    Row("child-narrowed", "the daemon holds other settings, which is said already",
        {**NARROW, "connection": {"differs": ("net.local_ts",)}}, NARROW_B),
    Row("child-narrowed", "other networks than configured",
        {"sas": live(child_sa(local_ts=("10.9.0.0/24",)))},
        {"sas": live(child_sa(swapped=True, remote_ts=("10.9.0.0/24",)), on="b")}),
    Row("child-narrowed", "a selector that is no network",
        {"child": {"local_ts": ("10.1.0.0/24[tcp/80]",)}}, {"child": {"remote_ts": ("10.1.0.0/24[tcp/80]",)}}),
    Row("child-narrowed", "networks of both families, all of them",
        {"child": {"local_ts": (NET_A, "fd00::/64")}, "sas": live(child_sa(local_ts=(NET_A, "fd00::/64")))},
        {"child": {"remote_ts": (NET_A, "fd00::/64")},
         "sas": live(child_sa(swapped=True, remote_ts=(NET_A, "fd00::/64")), on="b")}),
    Row("half-open-ike-sas", "three on the initiator", {"sas": _half(3)}, remedies=()),
    Row("half-open-ike-sas", "three on the responder", b={"sas": _half(3, on="b")}, remedies=()),
    Row("half-open-ike-sas", "two may be one after the other", {"sas": _half(2)}),
    Row("half-open-ike-sas", "three that are on their way out", {"sas": _half(3, state="DELETING")}),
    Row("local-address-missing", "the peer looks for an address that the end has", GONE,
        {**DOWN, "connection": {"remote_addrs": ("192.0.2.9",)}}, ("a/to-b: local_addrs = 192.0.2.9",)),
    Row("local-address-missing", "which one is meant is not known", GONE, DOWN, ()),
    Row("local-address-missing", "it is there", {**GONE, "connection": {"local_addrs": ("192.0.2.9",)}},
        {**DOWN, "connection": {"remote_addrs": ("192.0.2.9",)}}),
    Row("local-address-missing", "one of several is there",
        {**GONE, "connection": {"local_addrs": (A, "192.0.2.9")}}, DOWN),
    Row("local-address-missing", "any address", {**GONE, "connection": {"local_addrs": ("%any",)}}, DOWN),
    Row("local-address-missing", "a name", {**GONE, "connection": {"local_addrs": ("a.example",)}}, DOWN),
    Row("local-address-missing", "a range beside it",
        {**GONE, "connection": {"local_addrs": (A, "192.0.2.8-192.0.2.10")}}, DOWN),
    Row("local-address-missing", "a list without loopback may not be whole",
        {**DOWN, "system": System(init="systemd", addresses=("eth0 192.0.2.9/24",))}, DOWN),
    Row("local-address-missing", "an end with an IKE_SA", {"system": GONE["system"]}),
    Row("clock-skew", "the initiator is ahead", _at(10_400.0), _at(10_000.0, on="b"), ()),
    Row("clock-skew", "the initiator is behind", _at(10_000.0), _at(10_400.0, on="b"), ()),
    Row("clock-skew", "five minutes", _at(10_300.0), _at(10_000.0, on="b")),
    Row("clock-skew", "read ten minutes later", _at(10_600.0, 1600.0), _at(10_000.0, on="b")),
    Row("clock-skew", "a guest that slept counts less time, and its clock is right",
        _at(10_000.0, 100.0), _at(10_000.0, on="b")),
    Row("clock-skew", "nothing in common tells when they were read", _at(10_900.0, None), _at(10_000.0, on="b")),
    Row("clock-skew", "nothing in common, and more than any audit takes",
        _at(20_000.0, None), _at(10_000.0, on="b"), ()),
    Row("clock-skew", "a pre-shared key is always valid",
        {"system": System(init="systemd", time=99_999.0)}, {"system": System(init="systemd", time=1.0)}),
    Row("clock-skew", "a bare public key too",
        _at(10_400.0, **_bare("a")), _at(10_000.0, on="b", **_bare("b"))),
    Row("clock-skew", "a clock that could not be read", {"connection": RSA}, _at(10_000.0, on="b")),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_an_end_has_at_this_moment_is_seen_and_nothing_else(row: Row) -> None:
    check(row)


@pytest.mark.parametrize(
    ("case", "end", "says", "evidence"),
    [
        ("one of two networks", "a/to-b/net", "is up for 10.1.0.0/24 to 10.2.0.0/24", "a swanctl.conf:20: local_ts"),
        ("three on the responder", "b/to-a", "has 3 IKE_SAs that are half open", "b swanctl.conf:10: remote_addrs"),
        ("which one is meant is not known", "a/to-b", "bound to 192.0.2.1", "a swanctl.conf:10: local_addrs"),
        ("the initiator is behind", "a/to-b", "clock of b is 400 s ahead of the clock of a", "a: 10000 s"),
    ],
)
def test_a_finding_says_where_what_and_by_which_line(case: str, end: str, says: str, evidence: str) -> None:
    (found,) = diagnose([tunnel(next(row for row in ROWS if row.case == case))])
    assert str(found.end) == end
    assert says in found.summary
    assert any(line.startswith(evidence) for line in found.evidence)
