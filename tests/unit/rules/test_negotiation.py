"""What the two ends propose to each other: one row for each fault, and what looks like it and is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, Setting
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends

from tests.unit.build import (
    AES,
    NET_B,
    Row,
    check,
    child,
    connection,
    healthy,
    mirrored,
    remedies,
    settings,
    tunnel,
)

OLD = "aes128-sha1-modp1024"
AH = {"child": {"esp_proposals": (), "ah_proposals": ("sha256-x25519",)}}
RSA = {
    "connection": {
        "local": (Auth("local", "pubkey", "a.example"),),
        "remote": (Auth("remote", "rsa-3072", "b.example"),),
    }
}
RSA_THERE = {
    "connection": {"local": (Auth("local", "pubkey", "b.example"),), "remote": (Auth("remote", "ecdsa", "a.example"),)}
}
ROWS = (
    Row(
        "ike-proposals-disjoint",
        "of a list with a weak one only what is not weaker is taken over",
        {"connection": {"proposals": ("aes256-sha256-x448", "des-md5-modp768")}},
        {"connection": {"proposals": ("aes256-sha256-ecp256",)}},
        remedies=("b/to-a: proposals = aes256-sha256-x448",),
    ),
    Row(
        "ike-proposals-disjoint",
        "stronger on the whole, and one algorithm of it weaker",
        {"connection": {"proposals": ("aes128-sha256-x25519",)}},
        {"connection": {"proposals": ("aes256-sha256-modp2048",)}},
        remedies=(),
    ),
    Row("esp-truncation-differs", "one end cuts", b={"child": {"settings": settings(sha256_96="yes")}}, remedies=()),
    Row(
        "esp-truncation-differs",
        "both cut",
        {"child": {"settings": settings(sha256_96="yes")}},
        {"child": {"settings": settings(sha256_96="1")}},
    ),
    Row(
        "ike-proposals-disjoint",
        "the weaker end takes the stronger one's list",
        b={"connection": {"proposals": (OLD,)}},
        remedies=(f"b/to-a: proposals = {AES}",),
    ),
    Row(
        "ike-proposals-disjoint",
        "the initiator changes where both are equally strong",
        b={"connection": {"proposals": ("aes256-sha256-ecp256",)}},
        remedies=("a/to-b: proposals = aes256-sha256-ecp256",),
    ),
    Row("ike-proposals-disjoint", "one proposal in common is enough", b={"connection": {"proposals": (OLD, AES)}}),
    Row("ike-proposals-disjoint", "what default means is left open", b={"connection": {"proposals": ("default",)}}),
    Row(
        "ike-proposals-disjoint", "x25519 is curve25519", b={"connection": {"proposals": ("aes256-sha256-curve25519",)}}
    ),
    Row(
        "esp-proposals-disjoint",
        "another cipher",
        a={"child": {"esp_proposals": ("aes128-sha1-x25519",)}},
        remedies=(f"a/to-b/net: esp_proposals = {AES}",),
    ),
    Row(
        "esp-proposals-disjoint",
        "AEAD against a cipher with integrity; PFS is not told besides",
        b={"child": {"esp_proposals": ("aes128gcm16",)}},
        remedies=(f"b/to-a/net: esp_proposals = {AES}",),
    ),
    Row("esp-proposals-disjoint", "only the group differs", b={"child": {"esp_proposals": ("aes256-sha256",)}}),
    Row(
        "pfs-mismatch",
        "an end without a group takes the other's list",
        b={"child": {"esp_proposals": ("aes256-sha256",)}},
        remedies=(f"b/to-a/net: esp_proposals = {AES}",),
    ),
    Row(
        "pfs-mismatch",
        "the weaker group goes",
        a={"child": {"esp_proposals": ("aes256-sha256-modp1024",)}},
        remedies=(f"a/to-b/net: esp_proposals = {AES}",),
    ),
    Row(
        "pfs-mismatch",
        "the default of this version has no group",
        b={"child": {"esp_proposals": ("default",)}},
        remedies=(f"b/to-a/net: esp_proposals = {AES}",),
    ),
    Row(
        "pfs-mismatch",
        "the default of a later version has any",
        b={"child": {"esp_proposals": ("default",)}, "version": "6.0.2"},
    ),
    Row(
        "esp-proposals-disjoint",
        "IKEv1 compares the group at once",
        {"connection": {"version": 1}, "child": {"esp_proposals": ("aes256-sha256",)}},
        {"connection": {"version": 1}},
        (f"a/to-b/net: esp_proposals = {AES}",),
    ),
    Row("esp-proposals-disjoint", "AH on both ends", AH, AH),
    Row(
        "pfs-mismatch",
        "in no file, and the daemon tells no proposals",
        b={"connection": {"configured": False, "loaded": True}, "child": {"esp_proposals": ("default",)}},
        also=("config-drift",),
    ),
    Row(
        "esp-proposals-disjoint",
        "AH with another integrity",
        AH,
        {"child": {"esp_proposals": (), "ah_proposals": ("sha1-x25519",)}},
        ("b/to-a/net: ah_proposals = sha256-x25519",),
    ),
    Row(
        "pfs-mismatch",
        "neither asks for a group",
        {"child": {"esp_proposals": ("aes256-sha256",)}},
        {"child": {"esp_proposals": ("aes256-sha256",)}},
    ),
    Row("pfs-mismatch", "a group in common among several", b={"child": {"esp_proposals": (f"{AES}-modp2048",)}}),
    Row(
        "ike-version-mismatch",
        "the IKEv1 end moves",
        b={"connection": {"version": 1}},
        remedies=("b/to-a: version = 2",),
    ),
    Row(
        "ike-version-mismatch",
        "0 initiates IKEv2, which an end that only answers IKEv1 does not take",
        {"connection": {"version": 0}},
        {"connection": {"version": 1}},
        ("b/to-a: version = 2",),
    ),
    Row("ike-version-mismatch", "0 accepts both", {"connection": {"version": 1}}, {"connection": {"version": 0}}),
    Row(
        "ike-version-mismatch",
        "0 meets an IKEv1 end that initiates as well",
        {"connection": {"version": 0}},
        {"connection": {"version": 1}, "child": {"start_action": "trap"}},
    ),
    Row(
        "auth-method-mismatch",
        "a certificate where a key is expected",
        a={"connection": {"local": (Auth("local", "pubkey", "a.example"),)}},
        remedies=(),
    ),
    Row(
        "auth-method-mismatch",
        "any method is accepted",
        {"connection": {"local": (Auth("local", "pubkey", "a.example"),)}},
        {"connection": {"remote": (Auth("remote", "any", "a.example"),)}},
    ),
    Row(
        "auth-method-mismatch",
        "eap with its method and without",
        {"connection": {"local": (Auth("local", "eap-mschapv2", "a.example"),)}},
        {"connection": {"remote": (Auth("remote", "eap", "a.example"),)}},
    ),
    Row("auth-method-mismatch", "kinds of keys are all certificates", RSA, RSA_THERE),
    Row("mode-mismatch", "a mode that falls back to tunnel", b={"child": {"mode": "iptfs"}}),
    Row("mode-mismatch", "transport against tunnel", b={"child": {"mode": "transport"}}, remedies=()),
    Row("mode-mismatch", "both transport", {"child": {"mode": "transport"}}, {"child": {"mode": "transport"}}),
)


def test_of_equally_strong_proposals_the_one_that_is_unusual_on_its_gateway_goes() -> None:
    a, b = healthy(other=mirrored(connection(), proposals=("aes256-sha256-ecp256",)))
    usual = connection("to-c", remote_addrs=("192.0.2.3",), remote=(Auth("remote", "psk", "c.example"),))
    tunnels, dummy = pair_ends(
        (a, replace(b, connections=(*b.connections, replace(usual, local_addrs=("192.0.2.2",)))))
    )
    (found,) = diagnose(tunnels)
    assert remedies(found) == (f"b/to-a: proposals = {AES}",)
    assert "its other connections propose what its peer does" in found.summary


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_the_ends_propose_is_seen_and_nothing_else(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("native", [{"iketype": "ikev1"}, {}], ids=["a pfSense recuts them", "a strongSwan does not"])
def test_children_that_follow_from_ikev1_are_no_cause_of_their_own(native: dict[str, str]) -> None:
    more = "10.9.0.0/24"
    children = (child(), child("more", remote_ts=(more,)))
    made = {name: Setting(value, f"ipsec/phase1[ikeid=1]/{name}") for name, value in native.items()}
    split = {"connection": {"children": children, "version": 1, "native": made}, "sas": ()}
    row = Row("", "", split, {"child": {"local_ts": (NET_B, more)}, "sas": ()})
    found = {each.id for each in diagnose([tunnel(row)])}
    assert found == {"ike-version-mismatch", *(() if native else ("children-cut-differently",))}
