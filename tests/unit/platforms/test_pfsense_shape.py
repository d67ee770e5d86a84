"""Entries of a pfSense that are disabled, connections that are split, and the timers that one lifetime makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import ChildSa, IkeSa, Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import sa
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import ConnectionShape
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.snapshot import take_snapshot
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.solve import (
    ConfigXmlCandidate,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.sas import DesiredSas

from ..corpus import CORPUS, needs_corpus
from .pfsense_box import OPTIONS, reply, told
from .test_pfsense_prepare import BOTH, P1, P2, SPLIT, Edits, asked, config, edits_of, prepared
from .test_pfsense_read import phase1, phase2

SECOND = "phase2[uniqid=u2]"
OFF = "<disabled></disabled>"
V1 = phase1().replace("ikev2", "ikev1")
HALF = phase2() + phase2(reqid=2, more=OFF)
ROUTED = phase2(mode="vti")
UP = (IkeSa("con1", 1, "ESTABLISHED", children=(ChildSa("con1", 2, "INSTALLED"),)),)


def shaped(
    path: Path, first: str, second: str, settings: Mapping[str, str] | None = None, **shape: Any
) -> ConfigXmlCandidate:
    return prepared(path / "config.xml", asked(settings or {}, shape=ConnectionShape(**shape)), first, second)


SHAPES: list[tuple[str, str, dict[str, Any], Edits]] = [
    (phase1(), BOTH, {"split_children": True}, {f"{P1}/splitconn": ""}),
    (phase1(), BOTH, {"split_children": False}, {}),
    (phase1(more=SPLIT), BOTH, {"split_children": False}, {f"{P1}/splitconn": None}),
    (V1, BOTH, {"split_children": True}, {}),
    (phase1() + phase1(2), phase2(), {"enabled": False}, {f"{P1}/disabled": ""}),
    (phase1(), phase2(), {"enabled": False, "stop_daemon": True}, {f"{P1}/disabled": ""}),
    (phase1(), phase2(), {"enabled": True}, {}),
    (phase1(more=OFF), phase2(), {"enabled": True}, {f"{P1}/disabled": None}),
    (phase1(more=OFF), phase2(), {"enabled": False}, {}),
    (phase1(), BOTH, {"children": {"con1_2": False}}, {f"{SECOND}/disabled": ""}),
    (phase1(), HALF, {"children": {"con1_2": True}}, {f"{SECOND}/disabled": None}),
    (phase1(), HALF, {"children": {"con1": True}}, {f"{SECOND}/disabled": None}),
    (phase1(), HALF, {"children": {"con1": False}}, {f"{P2}/disabled": ""}),
    (phase1(more=SPLIT), BOTH, {"children": {"con1_2": False}}, {f"{SECOND}/disabled": ""}),
    (V1, BOTH, {"children": {"con1_1": False, "con1_2": True}}, {f"{P2}/disabled": ""}),
    (phase1(), ROUTED, {"split_children": True}, {f"{P1}/splitconn": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "shape", "wanted"), SHAPES)
def test_one_flag_is_one_element(tmp_path: Path, first: str, second: str, shape: dict[str, Any], wanted: Edits) -> None:
    assert edits_of(shaped(tmp_path, first, second, **shape)) == wanted


@pytest.mark.parametrize(
    ("first", "second", "shape", "why"),
    [
        (phase1(), phase2(), {"enabled": False}, "pfSense stops the IKE daemon"),
        (phase1() + phase1(2, more=OFF), phase2(), {"enabled": False}, "last phase 1 that is enabled"),
        (V1, BOTH, {"split_children": False}, "IKEv1 has a child for each phase 2 entry"),
        (phase1(), BOTH, {"children": {"con1_9": False}}, "has no phase 2 entry 'con1_9'"),
        (phase1(more=SPLIT), BOTH, {"children": {"con1": False}}, "no phase 2 entry 'con1'"),
    ],
)  # fmt: skip
def test_what_would_stop_or_miss_something_is_refused(
    tmp_path: Path, first: str, second: str, shape: dict[str, Any], why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        shaped(tmp_path, first, second, **shape)


@pytest.mark.parametrize(
    "shape",
    [{"enabled": False, "stop_daemon": True}, {"children": {"con1_1": False}}, {"split_children": True}],
    ids=str,
)
def test_a_routed_entry_whose_interface_is_assigned_stays(tmp_path: Path, shape: dict[str, Any]) -> None:
    path = tmp_path / "config.xml"
    wish = asked({}, shape=ConnectionShape(**shape))
    config(path, phase1(), ROUTED)
    text = path.read_text(encoding="utf-8").replace("</lan>", "</lan><opt1><if>ipsec1</if></opt1>")
    path.write_text(text, encoding="utf-8")
    made = reply(told(path))
    gateway = pfsense.read("fw", made, OPTIONS)
    with pytest.raises(RefusedError, match="interface ipsec1 of this routed"):
        pfsense.prepare(wish, gateway, gateway.connections[0], made, OPTIONS)


def test_children_that_get_other_names_are_told_and_no_twin_carries_them(tmp_path: Path) -> None:
    change = shaped(tmp_path, phase1(), BOTH, split_children=True)
    assert change.renamed == (("con1",), ("con1_1", "con1_2"))
    assert change.changes["connections", "con1", "split_children"] == ("no", "yes")
    assert change.changes["connections", "con1", "children", "con1_2", "remote_ts"] == (None, "10.2.0.0/24")
    with pytest.raises(RefusedError, match="make_before_break cannot be had for other children"):
        change.bridge(UP)
    assert shaped(tmp_path, phase1(), BOTH, {"dpd_delay": "7s"}).renamed is None


def test_what_becomes_of_the_daemon_and_of_the_connection_is_known_before(tmp_path: Path) -> None:
    last = shaped(tmp_path, phase1(), phase2(), enabled=False, stop_daemon=True)
    assert (last.gone, last.runs(before=True)) == (True, False)
    one_of_two = shaped(tmp_path, phase1() + phase1(2), phase2(), enabled=False)
    assert (one_of_two.gone, one_of_two.runs(before=True)) == (True, True)
    first = shaped(tmp_path, phase1(more=OFF), phase2(), enabled=True)
    assert (first.gone, first.runs(before=False), first.order.enabled) == (False, True, True)


@pytest.mark.parametrize(
    ("sas", "left"), [("", ""), ("con1: #1, ESTABLISHED", "were not ended"), (None, "were not ended")], ids=str
)
def test_sas_of_what_is_gone_are_ended_or_that_fails(sas: str | None, left: str) -> None:
    listed = "list-sa event {\n  con1 {\n    uniqueid = 1\n    state = ESTABLISHED\n  }\n}\n" if sas else ""
    parts = {
        "terminate": ReplySection(0, b"[IKE] deleting\n"),
        "sas": ReplySection(1 if sas is None else 0, listed.encode()),
    }
    if not left:
        assert sa.parse_termination(DesiredSas("con1", "terminated"), Reply(parts)) == (("[IKE] deleting",), ())
        return
    with pytest.raises(Exception, match=left):
        sa.parse_termination(DesiredSas("con1", "terminated"), Reply(parts))


TIMERS: list[tuple[str, dict[str, str], Edits]] = [
    ("", {"over_time": "2880s"}, {}),
    ("", {"over_time": "1h"}, {"lifetime": "29520", "rekey_time": "25920"}),
    ("", {"rekey_time": "7h", "over_time": "1h"}, {"rekey_time": "25200"}),
    ("", {"rekey_time": "4h", "over_time": "1h"}, {"rekey_time": "14400", "lifetime": "18000"}),
    ("", {"rekey_time": "8h", "over_time": "2880"}, {"rekey_time": "28800", "lifetime": "31680"}),
    (
        "",
        {"rekey_time": "4h", "reauth_time": "5h", "over_time": "30m", "rand_time": "10m"},
        {"rekey_time": "14400", "reauth_time": "18000", "lifetime": "19800", "rand_time": "600"},
    ),
    ("<rekey_time>20000</rekey_time>", {"over_time": "1000s"}, {"lifetime": "21000"}),
    ("<rekey_time>0</rekey_time>", {"over_time": "1h"}, {"lifetime": "36000"}),
]  # fmt: skip


@pytest.mark.parametrize(("more", "settings", "wanted"), TIMERS)
def test_over_time_moves_the_lifetime_and_no_other_timer(
    tmp_path: Path, more: str, settings: dict[str, str], wanted: Edits
) -> None:
    change = prepared(tmp_path / "config.xml", asked(settings), phase1(more=more))
    assert edits_of(change) == {f"{P1}/{element}": value for element, value in wanted.items()}
    moved = {path[-1] for path in change.changes}
    assert moved - set(settings) <= {"rand_time"}, change.changes


@needs_corpus
@pytest.mark.parametrize("release", ["2.6.0", "2.7.2", "2.9-dev"])
@pytest.mark.parametrize(
    ("before", "after", "shape"),
    [
        ("base", "p1_disabled", ConnectionShape(enabled=False, stop_daemon=True)),
        ("p1_disabled", "base", ConnectionShape(enabled=True)),
        ("base", "p2_disabled", ConnectionShape(children={"con1": False})),
        ("p2_disabled", "base", ConnectionShape(children={"con1": True})),
        ("2xP2_nosplit", "2xP2_split", ConnectionShape(split_children=True)),
        ("2xP2_split", "2xP2_nosplit", ConnectionShape(split_children=False)),
        ("base", "split_1xP2", ConnectionShape(split_children=True)),
    ],
)
def test_from_one_case_of_pfsense_the_other_is_reached(
    release: str, before: str, after: str, shape: ConnectionShape
) -> None:
    folder = CORPUS / "pfsense" / release
    here, there = (reply(told(folder / name / "config.xml")) for name in (before, after))
    gateway = pfsense.read("fw", here, OPTIONS)
    change = pfsense.prepare(asked({}, shape=shape), gateway, gateway.connections[0], here, OPTIONS)
    assert take_snapshot(here, OPTIONS).after(change.order.edits) == take_snapshot(there, OPTIONS).after(())
