"""Digests of pre-shared keys on the controller: published vectors. That gateways make the same is test_redaction's."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import (
    compute_digest,
    compute_key_id,
    compute_pads,
    decode_secret,
)
from hypothesis import given
from hypothesis import strategies as st


def test_it_is_hmac_sha_256_of_rfc_4231() -> None:
    assert compute_digest("Jefe", "what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@given(key=st.text(max_size=200), message=st.binary(max_size=200))
def test_the_pads_make_hmac(key: str, message: bytes) -> None:
    inner, outer = compute_pads(key)
    made = hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).hexdigest()
    assert made == hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


DECODED = (
    ("plain", b"plain"),
    ("0x61626364", b"abcd"),
    ("0X6", b"\x06"),
    ("0x1:23", b"\x01\x23"),
    ("0x0x61", b"a"),
    ("0xzz", b"\x00"),
    ("0sYWJjZA==", b"abcd"),
    ("0SYWJj", b"abc"),
    ("0sYWJjZ", b"abc"),
    ("0x", b""),
    ("0s", b""),
    ("", b""),
)


@pytest.mark.parametrize(("value", "key"), DECODED)
def test_a_value_is_decoded_as_swanctl_decodes_it(value: str, key: bytes) -> None:
    assert decode_secret(value.encode()) == key


def test_the_key_id_tells_keys_apart_and_not_the_key() -> None:
    assert compute_key_id("a") != compute_key_id("b")
    assert "secret" not in compute_key_id("secret")
