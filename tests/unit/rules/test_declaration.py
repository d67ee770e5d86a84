"""What a user has declared, as against what is there."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.analysis.declared_settings import (
    find_deviations as come,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import DeclaredEnd, Setting
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.plan.desired import find_desired
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.appliance import SETTABLE

from tests.unit.build import ASKED, Edit, Row, check, declared, settings, tunnel

TIMES = declared(settings={"rekey_time": "4h"})
SET = {"connection": {"settings": settings(rekey_time="4h")}}
OTHER = {"connection": {"settings": settings(rekey_time="1h")}}
PFSENSE: Edit = {"platform": "pfsense", "settable": SETTABLE, "dpd_follows_close": True}
BOTH = {"start_action": "trap|start"}
TOGETHER = {"close_action": "start", "dpd_action": "start"}
VTI: Edit = {**PFSENSE, "child": {"policies": False, "start_action": "start"}}


def actions(**given: str) -> dict[str, Setting]:
    """The three actions as a file has them: what starts, what follows a close and a dead peer."""
    return settings(**{"start_action": "start", "close_action": "start", "dpd_action": "start", **given})


ROWS = (
    Row(
        "setting-deviates",
        "another value and none",
        OTHER,
        remedies=("a/to-b: rekey_time = 4h", "b/to-a: rekey_time = 4h"),
        declared=TIMES,
    ),
    Row("setting-deviates", "one end", SET, OTHER, ("b/to-a: rekey_time = 4h",), declared=TIMES),
    Row("setting-deviates", "both have it", SET, SET, declared=TIMES),
    Row("setting-deviates", "nothing is declared", OTHER),
    Row(
        "setting-deviates",
        "the same in another notation",
        {"connection": {"settings": settings(rekey_time="14400", proposals="a, b")}},
        {"connection": {"settings": settings(rekey_time="240m", proposals="a,b")}},
        declared=declared(settings={"rekey_time": "4h", "proposals": "a,b"}),
    ),
    Row(
        "setting-deviates",
        "a child of both ends",
        {"child": {"settings": settings(rekey_time="1h")}},
        remedies=("b/to-a/net: rekey_time = 1h",),
        declared=declared(child_settings={"rekey_time": "1h"}),
    ),
    Row(
        "setting-deviates",
        "an end of its own, over what both should have",
        SET,
        remedies=("b/to-a: rekey_time = 5h", "b/to-a/net: close_action = trap"),
        declared=declared(
            settings={"rekey_time": "4h"},
            ends=(
                DeclaredEnd("a", "to-b"),
                DeclaredEnd("b", "to-a", {"rekey_time": "5h"}, {"close_action": "trap"}),
            ),
        ),
    ),
    Row(
        "setting-deviates",
        "one that must be removed",
        SET,
        remedies=("a/to-b: rekey_time = ",),
        declared=declared(settings={"rekey_time": ""}),
    ),
    Row(
        "setting-deviates",
        "there is no file to change",
        SET,
        {"connection": {"configured": False}},
        declared=TIMES,
    ),
    Row(
        "setting-deviates",
        "the nearest that a pfSense can have",
        {**PFSENSE, "child": {"settings": actions(start_action="none")}},
        remedies=("a/to-b/net: start_action = start",),
        also=("setting-impossible",),
        declared=declared(
            ends=(DeclaredEnd("a", "to-b", {}, {"start_action": "trap|start"}), DeclaredEnd("b", "to-a"))
        ),
    ),
    Row(
        "setting-impossible",
        "two start actions",
        {**PFSENSE, "child": {"settings": actions()}},
        remedies=(),
        declared=declared(
            ends=(DeclaredEnd("a", "to-b", {}, {"start_action": "trap|start"}), DeclaredEnd("b", "to-a"))
        ),
    ),
    Row(
        "setting-impossible",
        "a setting that pfSense has no place for",
        PFSENSE,
        remedies=(),
        declared=declared(ends=(DeclaredEnd("a", "to-b", {"keyingtries": "0"}), DeclaredEnd("b", "to-a"))),
    ),
    Row(
        "setting-impossible",
        "actions that go together",
        {**PFSENSE, "child": {"settings": actions(dpd_action="restart")}},
        declared=declared(
            ends=(
                DeclaredEnd("a", "to-b", {}, {"close_action": "start", "dpd_action": "start"}),
                DeclaredEnd("b", "to-a"),
            )
        ),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_deviates_from_the_declaration_is_seen_and_nothing_else(row: Row) -> None:
    check(row)


NEAREST: tuple[tuple[str, str, Edit, dict[str, str], dict[str, str]], ...] = (
    ("start", "a", PFSENSE, {"start_action": "trap|start"}, {"start_action": "start"}),
    ("start, answering", "b", PFSENSE, {"start_action": "trap|start"}, {"start_action": "trap"}),
    ("a trap", "b", PFSENSE, {"start_action": "trap"}, {"start_action": "trap"}),
    ("a trap of a routed child", "a", VTI, {"start_action": "trap"}, {"start_action": "start"}),
    ("answering, routed", "b", VTI, {"start_action": "trap"}, {"start_action": "none"}),
    ("close alone", "a", PFSENSE, {"close_action": "trap"}, {"close_action": "trap", "dpd_action": "trap"}),
    ("dead peer alone", "b", PFSENSE, {"dpd_action": "clear"}, {"close_action": "none", "dpd_action": "clear"}),
    ("apart", "a", PFSENSE, {"close_action": "none", "dpd_action": "start"},
     {"close_action": "start", "dpd_action": "start"}),
    ("apart, answering", "b", PFSENSE, {"close_action": "none", "dpd_action": "start"},
     {"close_action": "none", "dpd_action": "none"}),
    ("apart and possible", "b", PFSENSE, {"close_action": "none", "dpd_action": "trap"},
     {"close_action": "none", "dpd_action": "trap"}),
    ("routed", "a", VTI, {"close_action": "none", "dpd_action": "restart"},
     {"close_action": "none", "dpd_action": "restart"}),
    ("two after a close", "a", PFSENSE, {"close_action": "trap|start"},
     {"close_action": "start", "dpd_action": "start"}),
    ("no peer is checked", "a", {**PFSENSE, "connection": {"dpd_delay": 0.0}},
     {"close_action": "none", "dpd_action": "start"}, {"close_action": "none", "dpd_action": "none"}),
    ("no word", "a", PFSENSE, {"start_action": "begin"}, {"start_action": "begin"}),
    ("strongSwan", "a", {}, {"start_action": "trap|start", "keyingtries": "0"},
     {"start_action": "trap|start", "keyingtries": "0"}),
)  # fmt: skip


@pytest.mark.parametrize(("case", "on", "kind", "given", "comes_to"), NEAREST, ids=[case[0] for case in NEAREST])
def test_what_is_declared_comes_to_what_the_platform_can_have(
    case: str, on: str, kind: Edit, given: dict[str, str], comes_to: dict[str, str]
) -> None:
    ends = (DeclaredEnd("a", "to-b", {}, given if on == "a" else {}), DeclaredEnd("b", "to-a", {}, given))
    one = tunnel(Row(case, case, **{on: kind}, declared=declared(ends=ends, initiator="a")))
    end = one.end(on)
    assert on == ("a" if end is one.initiating else "b")
    assert come(one, end, end.connection.children[0]) == comes_to


def test_no_other_finding_has_a_declared_setting_changed() -> None:
    """On a strongSwan too: each run would undo what the last one did."""
    ends = (DeclaredEnd("a", "to-b", {}, {"dpd_action": "none"}), DeclaredEnd("b", "to-a"))
    once = {"start_action": "start", "close_action": "none", "dpd_action": "none"}
    a: Edit = {"child": {**once, "settings": settings(**once)}}
    one = tunnel(Row("", "", a, declared=declared(ends=ends)))
    found = diagnose([one], ASKED)
    assert {finding.id for finding in found} == {"initiator-not-persistent"}
    wanted, dummy = find_desired(one, found)
    assert wanted["a"].children == {"net": {"close_action": "start"}}
    assert wanted["a"].settings == {"keyingtries": "0"}
