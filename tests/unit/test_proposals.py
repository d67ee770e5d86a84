"""Whether two lists of proposals can agree, what keeps them from it, and which is the weaker."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.proposals import (
    NegotiatedAlgorithms,
    Proposal,
    describe_difference,
    expand_default,
    have_common,
    includes_proposal,
    is_weaker,
    measure_strength,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st


def _proposal(encryption: str, *others: str) -> Proposal:
    return Proposal(*(frozenset(words.split()) for words in (encryption, *others, "", "", "")[:6]))


PARSED = (
    ("aes256-sha256-x25519", _proposal("aes256", "sha256", "sha256", "curve25519")),
    ("aes256-sha256-prfsha384-ecp256", _proposal("aes256", "sha256", "sha384", "ecp256")),
    ("aes256gcm16-prfsha256-modp2048", _proposal("aes256gcm16", "", "sha256", "modp2048")),
    ("chacha20poly1305-prfsha256-x448", _proposal("chacha20poly1305", "", "sha256", "curve448")),
    ("AES128-AES256-SHA1-MODP1024!", _proposal("aes128 aes256", "sha1", "sha1", "modp1024")),
    ("aes128-sha2_256", _proposal("aes128", "sha256", "sha256")),
    ("aes128-aesxcbc-modp2048", _proposal("aes128", "aesxcbc", "aesxcbc", "modp2048")),
    ("aes128-sha256-esn-noesn", _proposal("aes128", "sha256", "sha256", "", "", "esn noesn")),
    ("aes-sha", _proposal("aes128", "sha1", "sha1")),
    ("aes256gcm128-aes256ccm-aes128gcm64", _proposal("aes256gcm16 aes256ccm16 aes128gcm8")),
    ("aes256gcm16-sha256-modpnone", _proposal("aes256gcm16", "", "sha256", "none")),
    ("aes256-sha256_96-x448", _proposal("aes256", "sha256_96", "sha256", "curve448")),
    ("sha256-x25519", _proposal("", "sha256", "sha256", "curve25519")),
    ("aes256-sha256-none", _proposal("aes256", "sha256", "sha256", "none")),
    ("3des-md5-modp1536", _proposal("3des", "md5", "md5", "modp1536")),
    ("null-sha256", _proposal("null", "sha256", "sha256")),
    ("aes256-sha384-ecp384-ke1_mlkem768", _proposal("aes256", "sha384", "sha384", "ecp384", "ke1_mlkem768")),
    ("default", None),
    ("aes256-sha256-quantum", None),
    ("", None),
)


@pytest.mark.parametrize(("text", "expected"), PARSED)
def test_a_proposal_is_its_algorithms_by_type(text: str, expected: Proposal | None) -> None:
    assert parse(text) == expected


IKE = (
    (["aes256-sha256-x25519"], ["aes256-sha256-curve25519"], True),
    (["aes256-sha256-x25519"], ["aes256-sha256-ecp256"], False),
    (["aes256-sha256-x25519"], ["aes128-sha256-x25519"], False),
    (["aes256-sha256-x25519"], ["aes256-sha1-x25519"], False),
    (["aes256-sha256-x25519-ecp256"], ["aes256-sha256-ecp256"], True),
    (["aes256-sha256-x25519", "aes128-sha1-modp1024"], ["aes128-sha1-modp1024"], True),
    (["aes256-sha256-prfsha256-x25519"], ["aes256-sha256-x25519"], True),
    (["aes256-sha256-prfsha384-x25519"], ["aes256-sha256-x25519"], False),
    (["aes256gcm16-prfsha256-x25519"], ["aes256-sha256-x25519"], False),
    (["aes256-sha256-x25519-ke1_mlkem768"], ["aes256-sha256-x25519"], False),
    (["aes256-sha256-x25519-ke1_mlkem768-ke1_none"], ["aes256-sha256-x25519"], True),
    (["aes256-sha256-x25519-ke1_mlkem768-ke2_kyber3"], ["aes256-sha256-x25519-ke2_kyber3-ke1_mlkem768"], True),
    (["aes256-sha256-x25519-ke1_mlkem768"], ["aes256-sha256-x25519-ke2_mlkem768"], False),
    (["aes256-sha256-x25519-esn"], ["aes256-sha256-x25519"], True),  # ESN is no matter of IKE
    ([], ["aes256-sha256-x25519"], None),
    (["aes256gcm16-prfsha256-x25519"], ["aes256gcm16-prfsha384-x25519"], False),
    (["aes256gcm16-prfsha256-x25519"], ["aes256gcm16-x25519"], True),  # a PRF that is not named is the daemon's choice
    (["default"], ["default"], None),
    (["default"], ["aes256-sha256-x25519"], None),
    (["default", "aes256-sha256-x25519"], ["aes256-sha256-x25519"], True),
)


@pytest.mark.parametrize(("ours", "theirs", "expected"), IKE)
def test_ike_proposals_agree_if_they_share_one_of_every_type(
    ours: list[str], theirs: list[str], expected: bool | None
) -> None:
    assert have_common(ours, theirs) is have_common(ours=theirs, theirs=ours) is expected


ESP = (
    ("aes256-sha256-x25519", "aes256-sha256-x25519", True, True),
    ("aes256-sha256", "aes256-sha256", True, True),
    ("aes256-sha256", "aes256-sha256-x25519", True, False),
    ("aes256-sha256-none-x25519", "aes256-sha256", True, True),
    ("aes256-sha256-modp2048", "aes256-sha256-x25519", True, False),
    ("aes256gcm16", "aes256gcm16-sha256", True, True),
    ("aes256gcm16", "aes256-sha256", False, False),
    ("aes256-sha256-prfsha384", "aes256-sha256", True, True),
    ("aes256-sha256-modpnone", "aes256-sha256", True, True),
    ("aes256-sha256-esn", "aes256-sha256", False, False),
    ("aes256-sha256-esn-noesn", "aes256-sha256", True, True),
    ("aes256gcm16", "aes256gcm128", True, True),
    ("aes256-sha256_96", "aes256-sha256", False, False),
    ("sha256-x25519", "sha256", True, False),
    ("sha1", "sha256", False, False),
)


@pytest.mark.parametrize(("ours", "theirs", "first", "rekeyed"), ESP)
def test_the_group_of_esp_counts_only_at_a_rekey(ours: str, theirs: str, first: bool, rekeyed: bool) -> None:
    assert have_common([ours], [theirs], esp=True, rekey=False) is first
    assert have_common([ours], [theirs], esp=True) is have_common([theirs], [ours], esp=True) is rekeyed


DIFFERENCES = (
    (["aes256-sha256-x25519"], ["aes256-sha256-modp2048"], False, "key exchange curve25519 here, modp2048 there"),
    (
        ["aes256-sha256-x25519"],
        ["aes128-sha1-x25519"],
        True,
        "encryption aes256 here, aes128 there; integrity sha256 here, sha1 there",
    ),
    (["aes256-sha256"], ["aes256-sha256-x25519"], True, "key exchange none here, curve25519 there"),
    (
        ["aes256-sha256-ecp256"],
        ["aes128-sha1-modp1024", "aes256-sha256-x25519"],
        False,
        "key exchange ecp256 here, curve25519 there",
    ),
    (["default"], ["aes256-sha256-x25519"], False, ""),
)


@pytest.mark.parametrize(("ours", "theirs", "esp", "text"), DIFFERENCES)
def test_what_keeps_the_closest_two_apart_is_said(ours: list[str], theirs: list[str], esp: bool, text: str) -> None:
    assert describe_difference(ours, theirs, esp=esp) == text


WEAKER = (
    ("aes128-sha1-modp1024", "aes256-sha256-x25519"),
    ("aes256-sha256-modp1024", "aes256-sha256-x25519"),
    ("aes256-sha256-modp2048", "aes256-sha256-ecp256"),
    ("aes128-sha256-x25519", "aes256-sha256-x25519"),
    ("3des-sha1-modp2048", "aes128-sha256-modp2048"),
    ("aes256-sha256", "aes256-sha256-modp1024"),
    ("aes128gcm16-x25519", "aes256gcm16-ecp384"),
    ("default", "des-md5-modp768"),
)


@pytest.mark.parametrize(("weak", "strong"), WEAKER)
def test_the_weaker_of_two_proposals_is_told(weak: str, strong: str) -> None:
    assert measure_strength([weak]) < measure_strength([strong])
    assert measure_strength([weak, strong]) == measure_strength([strong])


@pytest.mark.parametrize(
    ("text", "held", "expected"),
    [
        ("aes256-sha256-x25519", ("aes128-sha1-modp2048",), False),
        ("aes256-sha256-x25519", ("aes256-sha256-x25519",), False),
        ("aes256gcm16-x25519", ("aes256-sha512-x25519",), False),
        ("aes256-sha256-x25519", ("aes256gcm16-x25519",), False),
        ("aes128-sha256-x25519", ("aes256-sha256-x25519", "3des-sha1-modp1024"), False),
        ("aes256-sha256-x25519", ("aes256-sha256",), False),
        ("aes256-sha256-x25519", ("default",), False),
        ("default", ("default",), False),
        ("aes128-sha256-x25519", ("aes256-sha256-x25519",), True),
        ("3des-md5-modp768", ("default",), True),
        ("aes256-md5-x25519", ("aes256gcm16-x25519",), True),
        ("aes256-x25519", ("aes256-sha256-x25519",), True),
        ("aes256-sha256", ("aes256-sha256-x25519",), True),
        ("aes256gcm8-x25519", ("aes256gcm16-x25519",), True),
        ("aes256-sha256-modp768", ("aes256-sha256",), True),
        ("aes256-sha512-ecp521", ("aes128-sha256-x25519-ke1_mlkem768",), True),
        ("default", ("aes256gcm16-sha384-ecp384",), True),
        ("aes256-sha257-x25519", ("aes128-sha256-x25519",), True),
    ],
)
def test_what_is_weaker_than_all_that_is_held(text: str, held: tuple[str, ...], expected: bool) -> None:
    assert is_weaker(text, held) is expected


def test_groups_of_one_strength_are_equally_strong() -> None:
    assert measure_strength(["aes256-sha256-x25519"]) == measure_strength(["aes256-sha256-ecp256"])


DEFAULTS = (
    ("5.9.8", "aes256-sha256", True),
    ("5.9.8", "aes256gcm16", True),
    ("5.9.8", "3des-sha1", False),
    ("5.9.8", "aes256-sha256-x25519", False),
    ("6.0.1", "aes256-sha256-x25519", False),
    ("6.0.2", "aes256-sha256-x25519", None),  # names every group and none
    ("5.8.4", "aes256-sha256", None),
    (None, "aes256-sha256", None),
)


@pytest.mark.parametrize(("version", "theirs", "expected"), DEFAULTS)
def test_what_default_means_for_esp_is_known_of_some_versions(
    version: str | None, theirs: str, expected: bool | None
) -> None:
    assert have_common(expand_default(["default"], version), [theirs], esp=True) is expected


def test_a_default_among_others_is_spelled_out_in_its_place() -> None:
    found = expand_default(["null-sha1", "Default"], "5.9.8")
    assert (found[0], len(found)) == ("null-sha1", 3)


USED = (
    (
        ["aes256-sha256-x25519"],
        NegotiatedAlgorithms("AES_CBC-256", "HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256", "CURVE_25519"),
        True,
    ),
    (["aes256-sha256-x25519"], NegotiatedAlgorithms("AES_CBC-128", "HMAC_SHA2_256_128"), False),
    (["aes256-sha256-x25519"], NegotiatedAlgorithms("AES_CBC-256", "HMAC_SHA2_256_128", None, "MODP_2048"), False),
    (
        ["aes128-sha1", "aes256gcm16-prfsha384-ecp384"],
        NegotiatedAlgorithms("AES_GCM_16-256", None, "PRF_HMAC_SHA2_384", "ECP_384"),
        True,
    ),
    (
        ["aes256-sha256"],
        NegotiatedAlgorithms("AES_CBC-256", "HMAC_SHA2_256_128", None, "MODP_2048"),
        True,
    ),  # of its own no group
    (["chacha20poly1305-x448"], NegotiatedAlgorithms("CHACHA20_POLY1305-256", None, None, "CURVE_448"), True),
    (["3des-sha1-modp1024"], NegotiatedAlgorithms("3DES_CBC", "HMAC_SHA1_96", "PRF_HMAC_SHA1", "MODP_1024"), True),
    (["aes128ctr-sha512"], NegotiatedAlgorithms("AES_CTR-128", "HMAC_SHA2_512_256"), True),
    (["aes256-sha256", "default"], NegotiatedAlgorithms("AES_CBC-128"), None),
    (["aes256-sha256"], NegotiatedAlgorithms("SEED_CBC-128"), None),
    (["aes256-sha256"], NegotiatedAlgorithms(), None),
    ([], NegotiatedAlgorithms("AES_CBC-128"), None),
)


@pytest.mark.parametrize(("texts", "used", "expected"), USED)
def test_what_a_live_sa_uses_is_offered_or_not(
    texts: list[str], used: NegotiatedAlgorithms, expected: bool | None
) -> None:
    assert includes_proposal(texts, used) is expected


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    parse(text)
    measure_strength([text])
    have_common([text], [text])


@given(st.lists(st.sampled_from([text for text, parsed in PARSED if parsed]), min_size=1))
def test_a_list_agrees_with_itself(texts: list[str]) -> None:
    assert have_common(texts, texts) is have_common(texts, texts, esp=True) is True
