"""Where the two ends look for each other."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import System

from tests.unit.build import Row, check

DOWN = {"sas": ()}
WRONG = {**DOWN, "connection": {"remote_addrs": ("192.0.2.77",)}}
BOTH = System(addresses=("eth0 192.0.2.1/24", "eth1 198.51.100.1/24", "lo 127.0.0.1/8", "eth0 fe80::1/64"))
ROWS = (
    Row(
        "address-mismatch",
        "the peer decides where it is",
        DOWN,
        WRONG,
        ("b/to-a: remote_addrs = 192.0.2.1",),
    ),
    Row(
        "address-mismatch",
        "an address that the peer has and is not bound to",
        {**DOWN, "system": BOTH},
        {**DOWN, "connection": {"remote_addrs": ("198.51.100.1",)}},
        ("b/to-a: remote_addrs = 192.0.2.1",),
    ),
    Row(
        "address-mismatch",
        "a peer with several addresses says not which",
        {**DOWN, "system": BOTH, "connection": {"local_addrs": ("%any",)}},
        WRONG,
        (),
    ),
    Row("address-mismatch", "any address of a peer that is bound to none",
        {**DOWN, "system": BOTH, "connection": {"local_addrs": ("%any",)}},
        {**DOWN, "connection": {"remote_addrs": ("198.51.100.1",)}}),
    Row("address-mismatch", "one of several is right",
        DOWN, {**DOWN, "connection": {"remote_addrs": ("192.0.2.77", "192.0.2.1")}}),
    Row("address-mismatch", "a tunnel that is up proves it", b={"connection": {"remote_addrs": ("192.0.2.77",)}}),
    Row("address-mismatch", "a private address may be behind NAT",
        {**DOWN, "connection": {"local_addrs": ("192.168.1.2",)}}, WRONG),
    Row(
        "address-mismatch",
        "private, and neighbours in one network",
        {**DOWN, "connection": {"local_addrs": ("192.168.0.1",)}},
        {
            **DOWN,
            "connection": {"remote_addrs": ("192.168.0.77",)},
            "system": System(addresses=("eth0 192.168.0.2/24",)),
        },
        ("b/to-a: remote_addrs = 192.168.0.1",),
    ),
    Row("address-mismatch", "a name is not looked up", DOWN, {**DOWN, "connection": {"remote_addrs": ("a.example",)}}),
    Row("address-mismatch", "anybody", DOWN, {**DOWN, "connection": {"remote_addrs": ("%any",)}}),
    Row("address-mismatch", "the peer's addresses are not known",
        {**DOWN, "system": System(), "connection": {"local_addrs": ("%any",)}}, WRONG),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_where_the_ends_look_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
