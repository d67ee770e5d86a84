"""What the two ends propose to each other: one row for each fault, and what looks like it and is none."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import Auth

from tests.unit.build import AES, Row, check

OLD = "aes128-sha1-modp1024"
ROWS = (
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
    Row("ike-version-mismatch", "0 accepts both", {"connection": {"version": 0}}, {"connection": {"version": 1}}),
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
    Row("mode-mismatch", "transport against tunnel", b={"child": {"mode": "transport"}}, remedies=()),
    Row("mode-mismatch", "both transport", {"child": {"mode": "transport"}}, {"child": {"mode": "transport"}}),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_the_ends_propose_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
