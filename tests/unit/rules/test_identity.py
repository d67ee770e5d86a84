"""Who the two ends say they are, and how they prove it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, DesiredPsk, Problem

from tests.unit.build import Edit, Row, check, connection, given, mirrored, secret

OURS, THEIRS = secret(connection()), secret(mirrored(connection()))
OTHER = "other.example"
SAYS_OTHER = {"connection": {"local": (Auth("local", "psk", OTHER),)}}
DOWN: Edit = {"sas": ()}
EXPECTS_OTHER = {"connection": {"remote": (Auth("remote", "psk", OTHER),)}}


def _expects(identity: str | None) -> dict[str, object]:
    return {"connection": {"remote": (Auth("remote", "psk", identity),)}}


ROWS = (
    Row(
        "identity-mismatch",
        "who says it decides, so the verifier changes",
        b=EXPECTS_OTHER,
        remedies=("b/to-a: remote.id = a.example",),
    ),
    Row(
        "identity-mismatch",
        "both keep the key for the expected identity, so the owner changes",
        a=SAYS_OTHER,
        remedies=("a/to-b: local.id = a.example",),
    ),
    Row(
        "identity-mismatch",
        "a changed identity has its key on both ends, so the verifier follows",
        {**SAYS_OTHER, "secrets": (secret(connection(), ids=(OTHER, "b.example")),)},
        {"secrets": (secret(connection(), ids=(OTHER, "b.example")),)},
        ("b/to-a: remote.id = other.example",),
    ),
    Row("identity-mismatch", "the same identity in other spelling", b=_expects("fqdn:A.example")),
    Row("identity-mismatch", "a wildcard", b=_expects("*.example")),
    Row("identity-mismatch", "anybody", b=_expects("%any")),
    Row("identity-mismatch", "anybody by another name", b=_expects("0.0.0.0")),
    Row("identity-mismatch", "a pattern", b=_expects("^a[.].*$")),
    Row(
        "identity-mismatch",
        "an end without an identity takes the name that is expected",
        a={"connection": {"local": (Auth("local", "psk"),)}},
        remedies=("a/to-b: local.id = a.example",),
    ),
    Row(
        "identity-mismatch",
        "an end without an identity is not given one that nothing on it shows",
        {"connection": {"local": (Auth("local", "psk"),), "local_addrs": ("192.168.1.2",)}},
        {"connection": {"remote": (Auth("remote", "psk", "192.0.2.1"),)}},
        (),
    ),
    Row(
        "identity-mismatch",
        "an address that is expected and belongs to neither",
        {"connection": {"local": (Auth("local", "psk"),)}},
        {"connection": {"remote": (Auth("remote", "psk", "192.0.2.9"),)}},
        ("b/to-a: remote.id = 192.0.2.1",),
    ),
    Row("identity-mismatch", "no identity expected", b=_expects(None)),
    Row("psk-mismatch", "no key is given", DOWN, {"secrets": (secret(connection(), "d2"),), **DOWN}, remedies=()),
    Row(
        "psk-mismatch",
        "the key that is given is set on both ends",
        DOWN,
        {"secrets": (secret(connection(), "d2"),), **DOWN},
        remedies=("a/to-b: connection psk", "b/to-a: connection psk"),
        psks=given("a-b"),
    ),
    Row(
        "psk-mismatch",
        "digests by different keys do not compare",
        b={"secrets": (secret(connection(), "d2", key_id="k2"),)},
    ),
    Row("psk-mismatch", "a gateway without a tool for digests", b={"secrets": (secret(connection(), digest=None),)}),
    Row(
        "psk-mismatch",
        "a key of another tunnel differs",
        b={"secrets": (THEIRS, secret(connection(), "d2", ids=("c.example",)))},
    ),
    Row(
        "psk-mismatch",
        "an end accepts what its peer signs with, beside its own",
        b={"secrets": (secret(mirrored(connection()), "d1"), secret(mirrored(connection()), "d1", name="ike-2"))},
    ),
    Row(
        "psk-mismatch",
        "an end signs with the last of two, which its peer does not have",
        DOWN,
        {"secrets": (THEIRS, secret(mirrored(connection()), "d2", name="ike-2")), **DOWN},
        remedies=(),
    ),
    Row("psk-mismatch", "up: one was changed since", b={"secrets": (secret(connection(), "d2"),)}),
    Row("psk-changed", "up with one key", b={"secrets": (secret(connection(), "d2"),)}, remedies=()),
    Row(
        "psk-changed",
        "the key that is given is set on both ends",
        b={"secrets": (secret(connection(), "d2"),)},
        remedies=("a/to-b: connection psk", "b/to-a: connection psk"),
        psks=given("a-b"),
    ),
    Row("psk-changed", "down: they differ", DOWN, {"secrets": (secret(connection(), "d2"),), **DOWN}),
    Row(
        "identity-type-mismatch",
        "an address as a name",
        {"connection": {"local": (Auth("local", "psk", "fqdn:192.0.2.1"),)}, **DOWN},
        {"connection": {"remote": (Auth("remote", "psk", "192.0.2.1"),)}, **DOWN},
        remedies=("b/to-a: remote.id = fqdn:192.0.2.1",),
    ),
    Row(
        "identity-type-mismatch",
        "a key id as a name",
        {"connection": {"local": (Auth("local", "psk", "keyid:a.example"),)}, **DOWN},
        DOWN,
        remedies=("b/to-a: remote.id = keyid:a.example",),
    ),
    Row(
        "identity-type-mismatch",
        "one type in two spellings",
        {"connection": {"local": (Auth("local", "psk", "@a.example"),)}},
    ),
    Row(
        "psk-to-rotate",
        "both ends have another key",
        remedies=("a/to-b: connection psk", "b/to-a: connection psk"),
        psks=given("a-b", digest="d2"),
    ),
    Row(
        "psk-to-rotate",
        "an end still accepts the old key",
        a={"secrets": (OURS, replace(OURS, name="ike-2", digest="d2"))},
        b={"secrets": (replace(THEIRS, digest="d2"),)},
        remedies=("a/to-b: connection psk",),
        psks=given("a-b", digest="d2"),
    ),
    Row("psk-to-rotate", "both ends have it", psks=given("a-b", digest="d1")),
    Row("psk-to-rotate", "digests by another key do not compare", psks={"a-b": DesiredPsk("d2", "k2")}),
    Row("psk-to-rotate", "it is only named", psks=given("a-b")),
    Row("psk-missing", "no key at all", b={"secrets": ()}, remedies=()),
    Row(
        "psk-missing",
        "the key that is given is set on the end that lacks it",
        b={"secrets": (secret(connection(), ids=("c.example", "d.example")),)},
        remedies=("b/to-a: connection psk",),
        psks=given("a-b"),
    ),
    Row("psk-missing", "a key for anybody", b={"secrets": (secret(connection(), ids=()),)}),
    Row(
        "psk-missing",
        "an identity that is not set may have any key",
        {
            "connection": {"local": (Auth("local", "psk"),), "remote": (Auth("remote", "psk"),)},
            "secrets": (secret(connection(), ids=("192.0.2.1", "192.0.2.2")),),
        },
    ),
    Row(
        "psk-missing",
        "two keys name the peer",
        a={"secrets": tuple(secret(connection(), ids=("b.example", name)) for name in ("c.example", "d.example"))},
    ),
    Row(
        "psk-missing",
        "secrets could not be read",
        b={"secrets": (), "problems": (Problem("config-unreadable", "no permission"),)},
    ),
    Row(
        "psk-missing", "loaded by another program than swanctl", b={"secrets": (), "connection": {"configured": False}}
    ),
    Row(
        "psk-missing",
        "certificates",
        {
            "secrets": (),
            "connection": {
                "local": (Auth("local", "pubkey", "a.example"),),
                "remote": (Auth("remote", "pubkey", "b.example"),),
            },
        },
        {
            "secrets": (),
            "connection": {
                "local": (Auth("local", "pubkey", "b.example"),),
                "remote": (Auth("remote", "pubkey", "a.example"),),
            },
        },
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_the_ends_are_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
