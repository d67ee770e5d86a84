"""One table for all checks: what is changed on each healthy gateway, and whether a profile's demand then speaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.profile import Profile
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, Secret

from tests.unit.build import AES, Row, child_sa, connection, ike_sa, live, settings

FIRES: tuple[str, ...] = ()
ASKED = {"post-quantum-absent": "cnsa_2_0", "authentication-weak": "cnsa_2_0"}  # by which profile; the others: baseline


def no_file(name: str) -> str:
    raise AssertionError(name)


def asking(check: str) -> Profile:
    """A profile that asks this one thing."""
    profile = load(ASKED.get(check, "baseline"), no_file)
    return replace(profile, demands=tuple(demand for demand in profile.demands if demand.check == check))


def ike(**values: Any) -> dict[str, Any]:
    """Gateway `a` with a live IKE_SA that is so."""
    return {"sas": (ike_sa(connection(), **values),)}


def esp(**values: Any) -> dict[str, Any]:
    """Gateway `a` with a live CHILD_SA that is so."""
    return {"sas": live(child_sa(**values))}


def offers(ike: str = AES, esp: str = AES) -> dict[str, Any]:
    return {"connection": {"proposals": tuple(ike.split(","))}, "child": {"esp_proposals": tuple(esp.split(","))}}


def keys(*secrets: Secret) -> dict[str, Any]:
    return {"secrets": secrets}


OWN = Secret("ike-to-b", ("a.example", "b.example"), "d1", "k1", "swanctl.conf:90")
ROWS = (
    Row("ike-version-old", "IKEv1", a={"connection": {"version": 1}}, remedies=FIRES),
    Row("ike-version-old", "either version", a={"connection": {"version": 0}}, remedies=FIRES),
    Row("ike-version-old", "the live SA is IKEv1", a=ike(version=1), remedies=FIRES),
    Row("ike-version-old", "IKEv2"),
    Row(
        "aggressive-mode",
        "with IKEv1",
        a={"connection": {"version": 1, "settings": settings(aggressive="yes")}},
        remedies=FIRES,
    ),
    Row("aggressive-mode", "IKEv2 has none", a={"connection": {"settings": settings(aggressive="yes")}}),
    Row("aggressive-mode", "refused", a={"connection": {"version": 1, "settings": settings(aggressive="no")}}),
    Row("ike-encryption-weak", "3DES next to AES, not selected", a=offers(f"{AES},3des-sha256-x25519"), remedies=FIRES),
    Row("ike-encryption-weak", "3DES in use, not offered any more", a=ike(encr="3DES_CBC"), remedies=FIRES),
    Row("ike-encryption-weak", "AES-GCM", a=offers("aes128gcm16-prfsha256-x25519")),
    Row("ike-integrity-weak", "SHA-1 offered", a=offers("aes256-sha1-x25519"), remedies=FIRES),
    Row("ike-integrity-weak", "MD5 in use", a=ike(integ="HMAC_MD5_96"), remedies=FIRES),
    Row("ike-integrity-weak", "none is needed with AES-GCM", a=offers("aes256gcm16-prfsha384-ecp384")),
    Row("ike-prf-weak", "SHA-1 by its integrity algorithm", a=offers("aes256-sha1-x25519"), remedies=FIRES),
    Row("ike-prf-weak", "SHA-1 named next to AES-GCM", a=offers("aes256gcm16-prfsha1-ecp384"), remedies=FIRES),
    Row("ike-prf-weak", "SHA-384", a=offers("aes256-sha1-prfsha384-x25519")),
    Row("ike-key-exchange-weak", "group 2 next to group 31", a=offers(f"{AES}-modp1024"), remedies=FIRES),
    Row("ike-key-exchange-weak", "group 24, however high its number", a=offers(f"{AES}-modp2048s256"), remedies=FIRES),
    Row("ike-key-exchange-weak", "group 24 in use", a=ike(dh_group="MODP_2048_256"), remedies=FIRES),
    Row("ike-key-exchange-weak", "group 14", a=offers("aes256-sha256-modp2048")),
    Row("esp-encryption-weak", "no encryption", a=offers(esp="null-sha256"), remedies=FIRES),
    Row("esp-encryption-weak", "DES in use", a=esp(encr="DES_CBC"), remedies=FIRES),
    Row("esp-encryption-weak", "chacha20", a=offers(esp="chacha20poly1305-x25519")),
    Row("esp-integrity-weak", "the default offers SHA-1 too", a=offers(esp="default"), remedies=FIRES),
    Row("esp-integrity-weak", "SHA-1 in use", a=esp(integ="HMAC_SHA1_96"), remedies=FIRES),
    Row("esp-integrity-weak", "SHA-256"),
    Row("esp-key-exchange-weak", "group 5", a=offers(esp="aes256-sha256-modp1536"), remedies=FIRES),
    Row("esp-key-exchange-weak", "group 5 used by the last rekey", a=esp(dh_group="MODP_1536"), remedies=FIRES),
    Row("esp-key-exchange-weak", "no group is another matter", a=offers(esp="aes256-sha256")),
    Row("pfs-absent", "a proposal without a group", a=offers(esp=f"{AES},aes256-sha256"), remedies=FIRES),
    Row("pfs-absent", "a group that may be left out", a=offers(esp="aes256-sha256-x25519-none"), remedies=FIRES),
    Row("pfs-absent", "the default", a=offers(esp="default"), remedies=FIRES),
    Row("pfs-absent", "a group in each"),
    Row("post-quantum-absent", "one proposal without", a=offers(f"{AES}-ke1_mlkem1024,{AES}"), remedies=FIRES),
    Row("post-quantum-absent", "too small a one", a=offers(f"{AES}-ke1_mlkem512"), remedies=FIRES),
    Row(
        "post-quantum-absent",
        "ML-KEM-1024",
        a=offers(f"{AES}-ke1_mlkem1024"),
        b=offers(f"{AES}-ke2_mlkem1024-ke2_none"),
    ),
    Row("proposals-default", "of IKE", a=offers("default"), remedies=FIRES),
    Row("proposals-default", "spelled out"),
    Row("ike-lifetime-long", "two days", a={"connection": {"rekey_time": 172800.0}}, remedies=FIRES),
    Row("ike-lifetime-long", "never", a={"connection": {"rekey_time": 0.0}}, remedies=FIRES),
    Row("ike-lifetime-long", "a live SA from before", a=ike(established=90000.0, rekey_time=60.0), remedies=FIRES),
    Row(
        "ike-lifetime-long", "reauthenticated often", a={"connection": {"rekey_time": 172800.0, "reauth_time": 3600.0}}
    ),
    Row("esp-lifetime-long", "a day", a={"child": {"rekey_time": 86400.0}}, remedies=FIRES),
    Row("esp-lifetime-long", "never", a={"child": {"rekey_time": 0.0}}, remedies=FIRES),
    Row("esp-lifetime-long", "a live SA from before", a=esp(install_time=30000.0, rekey_time=9.0), remedies=FIRES),
    Row("esp-lifetime-long", "eight hours", a={"child": {"rekey_time": 28800.0}}),
    Row("tunnel-mode-absent", "transport mode", a={"child": {"mode": "transport"}}, remedies=FIRES),
    Row("tunnel-mode-absent", "AH", a={"child": {"ah_proposals": ("sha256",)}}, remedies=FIRES),
    Row("tunnel-mode-absent", "tunnel mode"),
    Row("replay-window-small", "none", a={"child": {"settings": settings(replay_window="0")}}, remedies=FIRES),
    Row("replay-window-small", "strongSwan's own"),
    Row("authentication-weak", "a pre-shared key", remedies=FIRES),
    Row(
        "authentication-weak",
        "certificates",
        a={"connection": {"local": (Auth("local", "pubkey", "a"),), "remote": (Auth("remote", "pubkey", "b"),)}},
        b={"connection": {"local": (Auth("local", "pubkey", "b"),), "remote": (Auth("remote", "pubkey", "a"),)}},
    ),
    Row(
        "psk-reused",
        "another peer has the same",
        a=keys(OWN, replace(OWN, name="ike-to-c", ids=("a.example", "c.example"))),
        remedies=FIRES,
    ),
    Row("psk-reused", "one for several", a=keys(replace(OWN, ids=(*OWN.ids, "c.example"))), remedies=FIRES),
    Row("psk-reused", "another key", a=keys(OWN, replace(OWN, name="c", ids=("a.example", "c.example"), digest="d2"))),
)
