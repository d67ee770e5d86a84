"""Traffic selectors as networks: what is one, what is more than one, and what two lists have in common."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.selectors import (
    Network,
    collapse_networks,
    lies_inside,
    list_all_networks,
    list_networks,
    overlap,
    parse_network,
    strip_protocol,
)
from hypothesis import given
from hypothesis import strategies as st

NETWORKS = st.ip_addresses().flatmap(
    lambda host: (
        st.integers(0, host.max_prefixlen).map(lambda bits: ip_network((int(host), bits), strict=False))
        if host.version == 4
        else st.integers(0, 128).map(lambda bits: ip_network(f"{host}/{bits}", strict=False))
    )
)


@pytest.mark.parametrize(
    "text", ["dynamic", "10.1.0.1-10.1.0.9", "10.1.0.0/24[tcp/443]", "", "10.1.0.0/33", "a.example"]
)
def test_what_is_more_or_other_than_a_network_is_none(text: str) -> None:
    assert parse_network(text) is None
    assert list_networks([text, "10.2.0.0/16"]) == (ip_network("10.2.0.0/16"),)
    assert list_all_networks([text, "10.2.0.0/16"]) is None


def test_a_selector_is_a_network_in_any_spelling() -> None:
    assert list_all_networks([" 10.1.0.7/24", "10.2.0.1", "FD00::1/64"]) == (
        ip_network("10.1.0.0/24"),
        ip_network("10.2.0.1/32"),
        ip_network("fd00::/64"),
    )
    assert list_all_networks(map(strip_protocol, ["10.1.0.0/24[tcp/443]"])) == (ip_network("10.1.0.0/24"),)


@pytest.mark.parametrize(
    ("some", "others", "common"),
    [
        (["10.1.0.0/16"], ["10.1.7.0/24"], True),
        (["10.1.7.0/24"], ["10.2.0.0/16", "10.1.0.0/16"], True),
        (["10.1.0.0/16"], ["10.2.0.0/16"], False),
        (["0.0.0.0/0"], ["fd00::/64"], False),
        ([], ["10.1.0.0/16"], False),
    ],
)
def test_networks_overlap_where_an_address_is_in_both(some: Sequence[str], others: Sequence[str], common: bool) -> None:
    assert overlap(list_networks(some), list_networks(others)) is common
    assert overlap(list_networks(others), list_networks(some)) is common


@given(st.lists(NETWORKS, max_size=6))
def test_collapsed_networks_have_the_same_addresses_and_are_the_same_in_any_order(networks: list[Network]) -> None:
    found = collapse_networks(networks)
    assert all(any(lies_inside(one, other) for other in found) for one in networks)
    assert not any(overlap([one], found - {one}) for one in found)
    assert collapse_networks(reversed(networks)) == collapse_networks(found) == found
