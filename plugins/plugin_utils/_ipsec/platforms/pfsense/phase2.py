# SPDX-License-Identifier: GPL-3.0-or-later
"""The children that pfSense makes of phase 2 entries (ipsec_setup_tunnels() of ipsec.inc, 2.6.0 and later)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...model import Setting
from ...swanctl.section_tree import Sections, Tree
from . import proposals, times
from .element import Element
from .interfaces import INET, INET6, Interfaces

EVERYTHING = ("0.0.0.0/0", "::/0")
_VTI_REQID = 5000  # of a VTI it is this and its reqid
Values = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class GenerationContext:
    """What entries of config.xml are read with: interfaces, and what was generated last where a value is open."""

    interfaces: Interfaces
    generated: Sections
    release: tuple[int, ...]  # (2, 7, 2), (23, 9, 1)


def splits_children(phase1: Element) -> bool:
    """Whether each phase 2 becomes a child of its own."""
    return phase1.has("splitconn") or phase1.text("iketype") not in ("ikev2", "auto")


def build_children(phase1: Element, entries: Sequence[Element], around: GenerationContext) -> Mapping[str, Tree]:
    """The children of a phase 1 of these enabled phase 2 entries, by name."""
    name = f"con{phase1.text('ikeid')}"
    made = [(entry, _build_child(phase1, entry, around)) for entry in entries]
    able = [(entry, values) for entry, values in made if values.get("remote_ts")]
    if splits_children(phase1):
        return {
            f"{name}_{entry.text('reqid')}": Tree(
                _fill_selectors(values, f"{name}_{entry.text('reqid')}", around), {}, entry.path
            )
            for entry, values in able
        }
    if not able:
        return {}
    return {name: Tree(_fill_selectors(_merge_children(able), name, around), {}, able[0][0].path)}


def _merge_children(made: Sequence[tuple[Element, Values]]) -> Values:
    """One child for all: the last entry's settings win, selectors and proposals are joined."""
    merged: Values = {}
    for dummy, values in made:
        merged.update(values)
    for key in ("local_ts", "remote_ts"):
        each = [values[key].value for dummy, values in made if key in values]
        tail = f",{','.join(EVERYTHING)}" if "reqid" in merged else ""
        joined = ",".join(value.removesuffix(tail) for value in each) + tail
        merged[key] = Setting(joined if all(each) else "", made[0][1][key].origin)
    for key in ("esp_proposals", "ah_proposals"):
        each = [one for dummy, values in made if key in values for one in values[key].value.split(",")]
        if each:
            merged[key] = Setting(",".join(dict.fromkeys(each)), merged[key].origin)
    return merged


def _fill_selectors(values: Values, child: str, around: GenerationContext) -> Values:
    """Selectors that config.xml leaves open, as last generated: those of an interface without a fixed address."""
    connection = child.partition("_")[0]
    held = {key: around.generated.get(("connections", connection, "children", child, key)) for key in values}
    return {key: setting if setting.value else held[key] or setting for key, setting in values.items()}


def _build_child(phase1: Element, entry: Element, around: GenerationContext) -> Values:
    mode = entry.text("mode")
    values = {"policies": entry.setting("no" if mode == "vti" else "yes", "mode")}
    if mode != "vti":
        values["mode"] = entry.setting("tunnel" if mode in ("tunnel", "tunnel6") else "transport", "mode")
    values |= _build_traffic_selectors(phase1, entry, around)
    if entry.text("lifetime") not in ("", "0"):
        for key, seconds in (
            ("life_time", times.compute_life),
            ("rekey_time", times.compute_rekey),
            ("rand_time", times.compute_rand),
        ):
            element = "lifetime" if key == "life_time" or not entry.text(key) else key
            values[key] = entry.setting(f"{seconds(entry)}s", element)
    protocol = entry.text("protocol")
    found = (
        proposals.list_esp_proposals(entry)
        if protocol == "esp"
        else proposals.list_ah_proposals(entry)
        if protocol == "ah"
        else ()
    )
    if found:
        element = "encryption-algorithm-option" if protocol == "esp" else "hash-algorithm-option"
        values[f"{protocol}_proposals"] = entry.setting(",".join(found), element)
    return values | _build_actions(phase1, entry, standby=around.interfaces.standby(phase1.text("interface")))


def _build_actions(phase1: Element, entry: Element, *, standby: bool) -> Values:
    """What starts a child and what follows its end; a start action of trap is not for VTI, which gets start."""
    routed = entry.text("mode") == "vti"
    start = "none" if standby else "start" if routed else "trap"
    wanted, close = phase1.text("startaction"), phase1.text("closeaction")
    if wanted and not standby and not (routed and wanted == "trap"):
        start = wanted
    values = {"start_action": phase1.setting(start, "startaction")}
    if close:
        values["close_action"] = phase1.setting(close, "closeaction")
    if not list_checks(phase1):
        dead = "clear"
    else:
        dead = {"": "clear" if standby else "trap", "trap": "trap", "start": "restart"}.get(close, "clear")
    values["dpd_action"] = phase1.setting("restart" if routed and dead == "trap" else dead, "closeaction")
    return values


def list_checks(phase1: Element) -> bool:
    """Whether dead peer detection is on: both figures are set."""
    return phase1.number("dpd_delay") > 0 and phase1.number("dpd_maxfail") > 0


def _build_traffic_selectors(phase1: Element, entry: Element, around: GenerationContext) -> Values:
    mode = entry.text("mode")
    if mode == "transport":
        family = INET6 if phase1.text("protocol") == "inet6" else INET
        local: str | None = around.interfaces.address(phase1.text("interface") or "wan", family)
        remote: str | None = phase1.text("remote-gateway")
    else:
        local, remote = (build_selector(entry.child(name), mode, around) for name in ("localid", "remoteid"))
        translated = build_selector(entry.child("natlocalid"), mode, around) if entry.has("natlocalid") else ""
        local = f"{translated}|{local}" if translated and local else local
    values = {"local_ts": entry.setting(local or "", "localid"), "remote_ts": entry.setting(remote or "", "remoteid")}
    if mode == "vti":
        everything = ",".join(EVERYTHING)
        values = {key: Setting(f"{one.value},{everything}", one.origin) for key, one in values.items() if one.value}
        values["reqid"] = entry.setting(str(_VTI_REQID + entry.number("reqid")), "reqid")
    return values


def build_selector(about: Element, mode: str, around: GenerationContext) -> str | None:
    """The network of one side of an entry; empty where there is none, None where that is open."""
    kind, address = about.text("type"), about.text("address")
    if kind == "address":
        return address
    if kind == "network":
        return f"{address}/{about.text('netbits')}"
    if kind in ("none", "mobile"):
        return EVERYTHING[0]
    family = INET6 if mode == "tunnel6" else INET
    found = around.interfaces.network(kind, family)
    if found is None and not around.generated.sections(("connections",)):
        held = around.interfaces.held(kind, family)
        return str(held.network) if held else None
    return found
