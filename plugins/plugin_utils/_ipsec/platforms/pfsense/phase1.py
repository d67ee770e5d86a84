# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection that pfSense makes of a phase 1 entry, and why it makes none (ipsec.inc, 2.6.0 and later)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...model import Setting
from ...swanctl.normalize import is_numeric
from ...swanctl.section_tree import Tree
from . import proposals, times
from .element import Element
from .interfaces import INET, INET6
from .phase2 import GenerationContext, Values, list_checks

Omitted = Literal["", "disabled", "no-address", "no-proposal"]
_VERSIONS = {"ikev2": "2", "auto": "0"}
_UNIQUE = ("replace", "no", "never", "keep")
_NAT_T = "4500"
_ID_FORMS = {"fqdn": "fqdn:{}", "user_fqdn": "userfqdn:{}", "keyid tag": "keyid:{}", "dyn_dns": "dns:{}"}
_METHODS: Mapping[str, tuple[str, str]] = {
    "pre_shared_key": ("psk", "psk"),
    "cert": ("pubkey", "pubkey"),
    "pkcs11": ("pubkey", "pubkey"),
    "eap-tls": ("eap-tls", "eap-tls"),
    "eap-radius": ("eap-radius", "eap-radius"),
}
_NEEDS_PROPOSAL = (2, 7)  # since then a connection without one is left out


def explain_omission(phase1: Element, around: GenerationContext) -> Omitted:
    """Why pfSense leaves a phase 1 out of what it generates; empty where it does not."""
    if phase1.has("disabled"):
        return "disabled"
    if not _resolve_local_addrs(phase1, around).value:
        return "no-address"
    if not proposals.list_ike_proposals(phase1) and around.release >= _NEEDS_PROPOSAL:
        return "no-proposal"
    return ""


def build_connection(phase1: Element, ipsec: Element, children: Mapping[str, Tree], around: GenerationContext) -> Tree:
    """The connection `con` and its ikeid, each value with the element that it follows from."""
    unique = ipsec.text("uniqueids") if ipsec.text("uniqueids") in _UNIQUE else ""
    version = _VERSIONS.get(phase1.text("iketype"), "1")
    values = {
        "fragmentation": phase1.setting("yes"),
        "unique": ipsec.setting(unique, "uniqueids") if unique else ipsec.setting("replace"),
        "version": phase1.setting(version, "iketype"),
        "local_addrs": _resolve_local_addrs(phase1, around),
        "remote_addrs": phase1.setting(phase1.text("remote-gateway"), "remote-gateway"),
        "encap": phase1.setting("yes" if phase1.text("nat_traversal") == "force" else "no", "nat_traversal"),
        "mobike": phase1.setting("yes" if phase1.text("mobike") == "on" else "no", "mobike"),
        **_build_timers(phase1, version),
        **_build_dpd(phase1, version),
        **_build_ports(phase1, ipsec),
    }
    if version != "2":
        values["aggressive"] = phase1.setting("yes" if phase1.text("mode") == "aggressive" else "no", "mode")
    if found := proposals.list_ike_proposals(phase1):
        values["proposals"] = phase1.setting(",".join(found), "encryption")
    if phase1.has("tfc_enable"):
        size = phase1.text("tfc_bytes")
        values["tfc_padding"] = phase1.setting(size if size.isdigit() else "mtu", "tfc_enable")
    if phase1.text("authentication_method") != "pre_shared_key" and phase1.text("certref"):
        values["send_cert"] = phase1.setting("always", "certref")
    inner = {"local": _build_auth(phase1, "local", around), "remote": _build_auth(phase1, "remote", around)}
    return Tree(values, {**inner, **({"children": Tree({}, children)} if children else {})}, phase1.path)


def choose_peer_id(phase1: Element, around: GenerationContext) -> Setting:
    """The identity that the peer is to have, for which its pre-shared key is."""
    return _build_identity(phase1, "peerid", around)


def _resolve_local_addrs(phase1: Element, around: GenerationContext) -> Setting:
    """The addresses of the interface: those configured, else as last generated, else those it has; empty for none."""
    name, protocol = phase1.text("interface") or "wan", phase1.text("protocol")
    families = {"inet6": (INET6,), "both": (INET, INET6)}.get(protocol, (INET,))
    found = [around.interfaces.address(name, family) for family in families]
    if None in found:
        last = around.generated.get(("connections", f"con{phase1.text('ikeid')}", "local_addrs"))
        if last:
            return last
        there = (around.interfaces.held(name, family) for family in families)
        found = [str(each.ip) if each else "" for each in there]
    return phase1.setting(",".join(address for address in found if address), "interface")


def _build_timers(phase1: Element, version: str) -> Values:
    seconds = {
        "rekey_time": times.compute_rekey,
        "reauth_time": times.compute_reauth,
        "rand_time": times.compute_rand,
        "over_time": times.compute_over,
    }
    if version == "1":
        del seconds["rekey_time"]
    return {
        key: phase1.setting(f"{make(phase1)}s", key if phase1.text(key) else "lifetime")
        for key, make in seconds.items()
    }


def _build_dpd(phase1: Element, version: str) -> Values:
    if not list_checks(phase1):
        return {}
    delay, fails = phase1.number("dpd_delay"), phase1.number("dpd_maxfail")
    values = {"dpd_delay": phase1.setting(f"{delay}s", "dpd_delay")}
    if version == "1":
        values["dpd_timeout"] = phase1.setting(f"{delay * (fails + 1)}s", "dpd_maxfail")
    return values


def _build_ports(phase1: Element, ipsec: Element) -> Values:
    if phase1.has("ikeport"):
        return {"remote_port": phase1.setting(phase1.text("ikeport"), "ikeport")}
    if not phase1.has("nattport"):
        return {}
    own = ipsec.setting(ipsec.text("port_nat_t"), "port_nat_t") if ipsec.has("port_nat_t") else None
    return {
        "local_port": own or phase1.setting(_NAT_T, "nattport"),
        "remote_port": phase1.setting(phase1.text("nattport"), "nattport"),
    }


def _build_auth(phase1: Element, side: Literal["local", "remote"], around: GenerationContext) -> Tree:
    method = _METHODS.get(phase1.text("authentication_method"))
    values = {"id": _build_identity(phase1, "myid" if side == "local" else "peerid", around)}
    if method:
        values["auth"] = phase1.setting(method[side == "remote"], "authentication_method")
    return Tree({key: setting for key, setting in values.items() if setting.value}, {}, phase1.path)


def _build_identity(phase1: Element, which: Literal["myid", "peerid"], around: GenerationContext) -> Setting:
    kind, told = phase1.text(f"{which}_type"), phase1.text(f"{which}_data")
    if kind == "any":
        return phase1.setting("%any", f"{which}_type")
    if kind == "myaddress":
        return phase1.setting(_resolve_local_addrs(phase1, around).value.partition(",")[0], f"{which}_type")
    if kind == "peeraddress":
        gateway = phase1.text("remote-gateway")
        held = around.generated.get(("connections", f"con{phase1.text('ikeid')}", "remote", "id"))
        return held if held and not is_numeric(gateway) else phase1.setting(gateway, f"{which}_type")
    return phase1.setting(_ID_FORMS.get(kind, "{}").format(told), f"{which}_data")
