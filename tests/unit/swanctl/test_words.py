"""Identities, addresses and traffic selectors in one spelling."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, Connection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.normalize import (
    list_explicit,
    normalize_identities,
    normalize_identity,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.selectors import normalize_selector
from hypothesis import given
from hypothesis import strategies as st

SAME = (
    ("a.example", "@a.example", "fqdn:a.example", "A.Example", " a.example "),
    ("2001:db8::1", "2001:0DB8:0::1", "ipv6:2001:db8::1"),
    ("joe@a.example", "@@joe@a.example", "email:joe@a.example", "rfc822:Joe@a.example"),
    ("C=CH, O=Linux strongSwan, CN=a", "c=ch,o=Linux  strongSwan , cn=A", "/C=CH/O=Linux strongSwan/CN=a"),
    ("E=a@b.example, CN=a", "emailAddress=a@b.example,CN=a"),
    ("@#0102ab", "@#0102AB"),
    ("%any", "", "*", "0.0.0.0", "::", "0::0", "%any6"),
)
OTHERS = (
    ("C=CH, CN=a", "CN=a, C=CH"),  # the order of a distinguished name counts
    ("192.0.2.1", "192.0.2.10"),
    ("a.example", "b.example"),
    ("@#0102ab", "0102ab"),
)


@pytest.mark.parametrize("spellings", SAME, ids=lambda spellings: spellings[0])
def test_spellings_of_one_identity_are_the_same(spellings: tuple[str, ...]) -> None:
    assert len({normalize_identity(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize("others", OTHERS, ids=str)
def test_different_identities_stay_different(others: tuple[str, str]) -> None:
    assert normalize_identity(others[0]) != normalize_identity(others[1])


@given(st.text(max_size=40))
def test_an_identity_in_its_one_spelling_has_no_blanks_around(text: str) -> None:
    assert normalize_identity(text) == normalize_identity(text).strip()


def _connection(local: str | None, addresses: tuple[str, ...], method: str = "psk") -> Connection:
    return Connection("x", local_addrs=addresses, local=(Auth("local", method, local),))


OWN = (
    (_connection("a.example", ("192.0.2.1",)), "a.example"),
    (_connection(None, ("192.0.2.1",)), "192.0.2.1"),
    (_connection(None, ("192.0.2.1", "192.0.2.2")), None),
    (_connection(None, ("192.0.2.1", "%any")), None),
    (_connection(None, ("%any",)), None),
    (_connection(None, ("192.0.2.1",), "pubkey"), None),  # the subject of a certificate
    (Connection("x"), None),
)


@pytest.mark.parametrize(("connection", "own"), OWN)
def test_an_identity_that_is_not_set_is_the_only_address_of_a_psk_end(connection: Connection, own: str | None) -> None:
    assert normalize_identities(connection)[0] == own


@pytest.mark.parametrize("anybody", [None, "%any", "0.0.0.0", ""])
def test_a_peer_that_may_be_anybody_has_no_identity(anybody: str | None) -> None:
    assert normalize_identities(Connection("x", remote=(Auth("remote", "psk", anybody),)))[1] is None


ADDRESSES = (
    (("192.0.2.1", " 2001:0db8::1 "), ("192.0.2.1", "2001:db8::1")),
    (("fw-hq.example", "Fw1.Example"), ("fw-hq.example", "fw1.example")),
    (("%any", "%any6", "0.0.0.0", "::"), ()),
    (("192.0.2.0/24", "192.0.2.1-192.0.2.9", "2001:db8::1 - 2001:db8::9"), ()),
)


@pytest.mark.parametrize(("given", "hosts"), ADDRESSES)
def test_only_single_hosts_are_explicit(given: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    assert list_explicit(given) == hosts


SELECTORS = (
    ("10.1.0.7/24", "10.1.0.0/24"),
    ("10.1.0.7", "10.1.0.7/32"),
    ("2001:DB8:0::/64", "2001:db8::/64"),
    ("10.1.0.0/24[TCP/80]", "10.1.0.0/24[tcp/80]"),
    ("10.1.0.1 - 10.1.0.20", "10.1.0.1-10.1.0.20"),
    ("dynamic[gre]", "dynamic[gre]"),
)


@pytest.mark.parametrize(("text", "one"), SELECTORS)
def test_a_selector_has_one_spelling(text: str, one: str) -> None:
    assert normalize_selector(text) == one
