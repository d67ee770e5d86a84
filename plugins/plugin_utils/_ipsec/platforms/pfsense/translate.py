# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of swanctl as elements of config.xml that pfSense makes them of: the way back from phase1.py and phase2.py.

What is made of the edited entries is checked afterwards (solve.py), so a table here says where a value goes, and
need not know what else follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network

from ...errors import RefusedError
from ...swanctl import keys
from ...swanctl.normalize import is_numeric
from . import algorithms, times
from .edits import Elements, Value, XmlEdit, list_edits
from .element import Element
from .generate import GeneratedConnection
from .interfaces import INET, INET6, Interfaces
from .phase2 import splits_children

TIMERS = ("rekey_time", "reauth_time", "rand_time", "over_time")  # of phase 1, all made of one lifetime
ACTIONS = ("start_action", "close_action", "dpd_action")  # of all children, and not one by one: actions.py
_SHARE = 10  # of the lifetime of a connection that is never renewed, one of so many is over_time
_MAXFAIL = "5"  # pfSense's own default, where dead peer detection was off
_VERSIONS = {0: "auto", 1: "ikev1", 2: "ikev2"}
_METHODS = {"psk": "pre_shared_key", "pubkey": "cert"}
_ID_TYPES = {"fqdn": "fqdn", "userfqdn": "user_fqdn", "keyid": "keyid tag", "dns": "dyn_dns"}


def translate_phase1(name: str, value: str, one: GeneratedConnection, interfaces: Interfaces) -> list[XmlEdit]:
    """The edits of a phase 1 that give its connection a setting, such as `encap` or `local.id`.

    Raises:
        RefusedError: pfSense has no place for the setting, or for this value of it.
    """
    if name == "local_addrs":
        return list_edits(one.phase1, "phase1", {"interface": _find_interface(value, one.phase1, interfaces)})
    place = _PHASE1.get(name)
    if place is None:
        raise refuse_setting(f"{one.name}.{name}")
    return list_edits(one.phase1, "phase1", place(value, one.phase1))


def translate_timers(asked: Mapping[str, str], phase1: Element) -> list[XmlEdit]:
    """The edits that give a connection an over_time: its lifetime, and so that no other timer follows from that."""
    seconds = {key: int(_format_seconds(value)) for key, value in asked.items()}
    now = {"rekey_time": times.compute_rekey(phase1), "reauth_time": times.compute_reauth(phase1)}
    renewed = max(seconds.get(key, held) for key, held in now.items())
    life = renewed + seconds["over_time"] if renewed else seconds["over_time"] * _SHARE
    elements: dict[str, Value] = {key: str(value) for key, value in seconds.items() if key != "over_time"}
    if life != times.compute_life(phase1):
        elements["lifetime"] = str(life)
        elements |= {key: str(held) for key, held in now.items() if held and key not in elements}
    return list_edits(phase1, "phase1", elements)


def translate_phase2(child: str, key: str, value: str, one: GeneratedConnection) -> list[XmlEdit]:
    """The edits of the phase 2 entries behind a child that give it a setting.

    Raises:
        RefusedError: pfSense has no place for the setting, or for this value of it.
    """
    if key == "enabled":
        flag = None if keys.parse_boolean(value) else ""
        return [
            edit for entry in find_connection(child, one) for edit in list_edits(entry, "phase2", {"disabled": flag})
        ]
    entries = find_entries(child, one)
    if key in ("local_ts", "remote_ts"):
        return _translate_selectors(key, keys.split_list(value), entries)
    if key in ("life_time", "rekey_time", "rand_time"):
        timed = [entry for entry in entries if entry.text("lifetime") not in ("", "0")] or list(entries)
        element = "lifetime" if key == "life_time" else key
        return list_edits(
            timed[-1], "phase2", {element: _format_seconds(value)}
        )  # of several, the last one's times count
    place = _PHASE2.get(key)
    if place is None:
        raise refuse_setting(f"{one.name}.children.{child}.{key}")
    return [edit for entry in entries for edit in list_edits(entry, "phase2", place(value))]


def find_entries(child: str, one: GeneratedConnection) -> tuple[Element, ...]:
    """The phase 2 entries that a child is made of."""
    if not splits_children(one.phase1):
        return one.entries
    return tuple(entry for entry in one.entries if f"{one.name}_{entry.text('reqid')}" == child)


def find_connection(child: str, one: GeneratedConnection) -> tuple[Element, ...]:
    """The phase 2 entries, disabled ones too, that a name stands for: one, or all that are one child."""
    entries = (*one.entries, *one.disabled)
    if child == one.name and not splits_children(one.phase1):
        return entries
    return tuple(entry for entry in entries if f"{one.name}_{entry.text('reqid')}" == child)


def refuse_setting(where: str) -> RefusedError:
    """That pfSense has no place for a setting."""
    hint = "gateway_info lists in gateway.settable those that it has one for"
    return RefusedError("pfSense has no place for this setting", where=where, hint=hint)


def _translate_encap(value: str, dummy: Element) -> Elements:
    return {"nat_traversal": "force" if keys.parse_boolean(value) else "on"}


def _translate_mobike(value: str, dummy: Element) -> Elements:
    return {"mobike": "on" if keys.parse_boolean(value) else "off"}


def _translate_aggressive(value: str, dummy: Element) -> Elements:
    return {"mode": "aggressive" if keys.parse_boolean(value) else "main"}


def _translate_version(value: str, phase1: Element) -> Elements:
    """Of IKEv1 each entry is a child of its own, and of the others one only where the connection is split."""
    found = _VERSIONS.get(keys.parse_whole(value) or 0, "ikev2")
    splits = splits_children(phase1) and found != "ikev1" and not phase1.has("splitconn")
    return {"iketype": found} | ({"splitconn": ""} if splits else {})


def _translate_split_children(value: str, phase1: Element) -> Elements:
    if not keys.parse_boolean(value) and phase1.text("iketype") not in ("ikev2", "auto"):
        raise RefusedError(
            "IKEv1 has a child for each phase 2 entry, whatever is set",
            where=phase1.origin("splitconn"),
            hint="make it IKEv2 first",
        )
    return {"splitconn": "" if keys.parse_boolean(value) else None}


def _translate_enabled(value: str, dummy: Element) -> Elements:
    return {"disabled": None if keys.parse_boolean(value) else ""}


def _translate_dpd_delay(value: str, phase1: Element) -> Elements:
    """Both figures make dead peer detection, and neither turns it off."""
    seconds = _format_seconds(value)
    if seconds == "0":
        return {"dpd_delay": None, "dpd_maxfail": None}
    return {"dpd_delay": seconds} | ({} if phase1.number("dpd_maxfail") else {"dpd_maxfail": _MAXFAIL})


def _translate_dpd_timeout(value: str, phase1: Element) -> Elements:
    """Its own multiple of the delay; the first of them is the check that was answered."""
    delay, seconds = phase1.number("dpd_delay"), int(_format_seconds(value))
    if not delay or seconds % delay or seconds < 2 * delay:
        raise RefusedError(
            f"pfSense cannot have a dpd_timeout of {value}",
            where=phase1.path,
            hint=f"give a multiple of dpd_delay, which is {delay} s, from twice on",
        )
    return {"dpd_maxfail": str(seconds // delay - 1)}


def _build_timer_translator(element: str) -> Callable[[str, Element], Elements]:
    return lambda value, dummy: {element: _format_seconds(value)}


def _translate_remote_addrs(value: str, phase1: Element) -> Elements:
    if len(keys.split_list(value)) != 1 or "/" in value or value.startswith("%"):
        raise RefusedError(
            f"pfSense cannot have remote_addrs of {value}", where=phase1.path, hint="give one address or one name"
        )
    return {"remote-gateway": value.strip()}


def _translate_auth(value: str, phase1: Element) -> Elements:
    found = _METHODS.get(value)
    if found is None or (found == "cert" and not phase1.text("certref")):
        raise RefusedError(
            f"{value} cannot be set as the method of this connection",
            where=phase1.origin("authentication_method"),
            hint="choose the method and its certificate in the web interface",
        )
    return {"authentication_method": found}


def _build_id_translator(side: str) -> Callable[[str, Element], Elements]:
    def place(value: str, dummy: Element) -> Elements:
        kind, told = _parse_identity(value, side)
        return {f"{side}_type": kind, f"{side}_data": told}

    return place


def _parse_identity(value: str, side: str) -> tuple[str, str]:
    """The type and the data of an identity, as strongSwan tells types apart (identification_create_from_string)."""
    prefix, colon, rest = value.partition(":")
    if colon and prefix.lower() in _ID_TYPES and (prefix.lower() != "dns" or side == "myid"):
        return _ID_TYPES[prefix.lower()], rest
    if is_numeric(value):
        return "address", value
    if value == "%any" and side == "peerid":
        return "any", ""
    if "=" in value:
        return "asn1dn", value
    plain = value.removeprefix("@")
    return ("user_fqdn" if "@" in plain else "fqdn"), plain


def _format_seconds(value: str) -> str:
    return f"{keys.parse_duration(value) or 0:.0f}"


def _find_interface(value: str, phase1: Element, interfaces: Interfaces) -> str:
    """The interface, or virtual address, that has an address."""
    names = [*(name for name, dummy in interfaces.config.child("interfaces").children())]
    names += [f"_vip{vip.text('uniqid')}" for vip in interfaces.vips]
    family = INET6 if phase1.text("protocol") == "inet6" else INET
    found = [name for name in names if interfaces.address(name, family) == value.strip()]
    if not found:
        raise RefusedError(
            f"no interface of this pfSense has the address {value}",
            where=phase1.origin("interface"),
            hint="add a virtual address, or choose the interface in the web interface",
        )
    return found[0]


def _translate_selectors(key: str, wanted: tuple[str, ...], entries: tuple[Element, ...]) -> list[XmlEdit]:
    """One for each entry, in their order, or one for all of them."""
    spread = wanted * len(entries) if len(wanted) == 1 else wanted
    if len(spread) != len(entries):
        raise RefusedError(
            f"pfSense has {len(entries)} phase 2 entries here, and {key} names {len(wanted)} networks",
            where=entries[0].path if entries else key,
            hint="add or remove entries in the web interface: each is one network here to one network there",
        )
    element = "localid" if key == "local_ts" else "remoteid"
    made = []
    for entry, network in zip(entries, spread, strict=True):
        if entry.text("mode") not in ("tunnel", "tunnel6") or entry.has("natlocalid"):
            raise RefusedError(
                f"{key} of this entry follows from its mode or its NAT",
                where=entry.path,
                hint="change it in the web interface",
            )
        made += list_edits(entry, "phase2", {element: _translate_network(network, entry)})
    return made


def _translate_network(text: str, entry: Element) -> Value:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise RefusedError(
            f"pfSense cannot have {text} as a traffic selector", where=entry.path, hint="give a network or an address"
        ) from None
    if network.prefixlen == network.max_prefixlen:
        return {"type": "address", "address": str(network.network_address)}
    return {"type": "network", "address": str(network.network_address), "netbits": str(network.prefixlen)}


def _translate_mode(value: str) -> Elements:
    if value not in ("tunnel", "transport"):
        raise refuse_setting(f"mode = {value}")
    return {"mode": value}


_PHASE1: Mapping[str, Callable[[str, Element], Elements]] = {
    "enabled": _translate_enabled,
    "split_children": _translate_split_children,
    "version": _translate_version,
    "aggressive": _translate_aggressive,
    "proposals": algorithms.translate_ike,
    "encap": _translate_encap,
    "mobike": _translate_mobike,
    "dpd_delay": _translate_dpd_delay,
    "dpd_timeout": _translate_dpd_timeout,
    "rekey_time": _build_timer_translator("rekey_time"),
    "reauth_time": _build_timer_translator("reauth_time"),
    "rand_time": _build_timer_translator("rand_time"),
    "remote_addrs": _translate_remote_addrs,
    "local.id": _build_id_translator("myid"),
    "remote.id": _build_id_translator("peerid"),
    "local.auth": _translate_auth,
    "remote.auth": _translate_auth,
}
_PHASE2: Mapping[str, Callable[[str], Elements]] = {
    "mode": _translate_mode,
    "esp_proposals": algorithms.translate_esp,
    "ah_proposals": algorithms.translate_ah,
}
