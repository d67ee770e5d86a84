"""Findings to steps: in which order, on which end, how often, and what is only advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose, list_causes
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Change,
    Daemon,
    EndName,
    Finding,
    Gateway,
    Keepalive,
    Step,
    Tunnel,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.plan import PHASES, LiveTunnels, Plan, plan

from tests.unit.build import (
    AES,
    ASKED,
    Edit,
    child,
    child_sa,
    connection,
    declared,
    edited,
    gateway,
    given,
    healthy,
    ike_sa,
    live,
    mirrored,
    secret,
    settings,
)

OLD = "aes128-sha1-modp1024"
STOPPED = {"daemon": Daemon(installed=True, running=False), "sas": None}
WEAK = {"connection": {"proposals": (OLD,)}}
FORGOT = {"sas": ()}
TWICE = [child_sa(number=number) for number in (1, 2)]
TWICE_ANSWERED = [child_sa(number=number, swapped=True) for number in (1, 2)]
OTHER_KEY = {"secrets": (secret(connection(), "d2"),)}
ROUTED = {"child": {"route_based": True, "start_action": "start", "close_action": "start"}}


def _planned(both: Sequence[Gateway], *, limit: Any = None, working: Any = (), **given: Any) -> Plan:
    tunnels, dummy = pair_ends(both, **given)
    return plan(tunnels, diagnose(tunnels, ASKED), LiveTunnels(working=working), limit=limit, causes=list_causes())


def _line(step: Step) -> str:
    """A step in one line: its turn, if it is not the first, phase, where, what; a + where it re-initiates."""
    where = "/".join(part for part in (step.gateway, step.connection, step.child) if part)
    turn = f"{step.turn}: " if step.turn > 1 else ""
    return f"{turn}{step.phase} {where} {step.do} {step.state or ''}".strip() + "+" * step.reinitiate


ORDERS: tuple[tuple[str, Edit, Edit, tuple[str, ...], list[str]], ...] = (
    ("nothing is wrong", {}, {}, (), []),
    (
        "only the responder changes: the initiator makes it live",
        {},
        {"connection": {"dpd_delay": 0.0}},
        (),
        ["responder b/to-a connection", "establish a/to-b sa reinitiated"],
    ),
    (
        "only the initiator changes",
        {"connection": {"dpd_delay": 0.0}},
        {},
        (),
        ["initiator a/to-b connection+"],
    ),
    (
        "both change: responder first, and only the initiator's step re-initiates",
        {"connection": {"dpd_delay": 0.0}},
        {"connection": {"dpd_delay": 0.0}},
        (),
        ["responder b/to-a connection", "initiator a/to-b connection+"],
    ),
    (
        "a key on both ends: it may be right on the initiator, so the tunnel is made anew besides",
        {},
        OTHER_KEY,
        ("a-b",),
        ["responder b/to-a connection", "initiator a/to-b connection+", "establish a/to-b sa reinitiated"],
    ),
    ("a key that is not given", {}, OTHER_KEY, (), []),
    (
        "a stopped daemon",
        {},
        STOPPED,
        (),
        ["prepare b daemon started", "establish a/to-b sa established"],
    ),
    (
        "a stopped daemon with a wrong setting: it is looked at in between",
        {},
        {**STOPPED, **WEAK},
        (),
        [
            "prepare b daemon started",
            "2: responder b/to-a connection",
            "2: establish a/to-b sa reinitiated",
        ],
    ),
    ("stale SAs at the initiator", {}, FORGOT, (), ["retire a/to-b sa reinitiated"]),
    (
        "stale SAs at the responder",
        FORGOT,
        {},
        (),
        ["retire b/to-a sa terminated", "establish a/to-b sa established"],
    ),
    (
        "stale SAs at both: the responder drops its own before the initiator starts over, once",
        {"sas": live(child_sa(number=3))},
        {},
        (),
        ["retire b/to-a sa terminated", "establish a/to-b sa reinitiated"],
    ),
    (
        "stale SAs and a wrong setting that did not make them stale",
        {"connection": {"dpd_delay": 0.0}},
        FORGOT,
        (),
        ["retire a/to-b sa reinitiated", "2: initiator a/to-b connection+"],
    ),
    (
        "it is up twice, and a close action would start both again: what came up is made anew once",
        {"child": {"close_action": "start"}, "sas": live(*TWICE)},
        {"child": {"close_action": "start"}, "sas": live(*TWICE_ANSWERED, on="b")},
        (),
        ["responder b/to-a connection", "retire b/to-a sa terminated", "establish a/to-b sa reinitiated"],
    ),
    (
        "a periodic check comes last",
        {**ROUTED, "sas": ()},
        FORGOT,
        (),
        ["establish a/to-b/net sa established", "2: persist a/to-b/net keepalive present"],
    ),
)


@pytest.mark.parametrize(("a", "b", "psks", "expected"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_steps_come_in_the_order_that_keeps_tunnels_up(
    a: Edit, b: Edit, psks: tuple[str, ...], expected: list[str]
) -> None:
    one, other = healthy()
    steps = _planned((edited(one, **a), edited(other, **b)), psks=given(*psks)).steps
    assert [_line(step) for step in steps] == expected


def test_all_that_an_end_is_to_get_is_one_step_that_names_its_findings() -> None:
    a, b = healthy()
    both = a, edited(b, connection={"dpd_delay": 0.0, "proposals": (OLD,)}, child={"esp_proposals": ("aes256-sha256",)})
    step = _planned(both, working={"a-b"}).steps[0]
    assert dict(step.settings) == {"dpd_delay": "30s", "proposals": AES}
    assert {name: dict(given) for name, given in step.children.items()} == {"net": {"esp_proposals": AES}}
    assert set(step.findings) == {"dpd-off", "ike-proposals-disjoint", "pfs-mismatch"}
    assert step.tunnel == "a-b"


def test_the_tunnel_is_made_anew_for_all_that_changed_and_whole_rather_than_by_child() -> None:
    a, b = healthy()
    both = edited(a, sas=()), edited(b, sas=(), connection={"dpd_delay": 0.0})
    last = _planned(both, working={"a-b"}).steps[-1]
    assert (_line(last), last.findings) == ("establish a/to-b sa reinitiated", ("dpd-off",))


def test_what_is_declared_has_the_last_word() -> None:
    a, b = healthy()
    both = edited(a, connection={"settings": settings(dpd_delay="15s")}), edited(b, connection={"dpd_delay": 0.0})
    (step, dummy) = _planned(both, working={"a-b"}, declared=[declared(settings={"dpd_delay": "15s"})]).steps
    assert (step.gateway, dict(step.settings)) == ("b", {"dpd_delay": "15s"})
    assert step.findings == ("dpd-off", "setting-deviates")


@pytest.mark.parametrize(
    ("working", "expected"),
    [
        ((), [(1, {"proposals"}), (2, {"esp_proposals"}), (3, {"dpd_delay"})]),
        ({"a-b"}, [(1, {"proposals", "esp_proposals", "dpd_delay"})]),
    ],
    ids=["it does not work: one cause after the other, then the rest", "it works: it is re-established once"],
)
def test_what_does_not_work_is_repaired_cause_by_cause(working: Any, expected: list[tuple[int, set[str]]]) -> None:
    a, b = healthy()
    other = edited(
        b, connection={"proposals": (OLD,), "dpd_delay": 0.0}, child={"esp_proposals": ("aes128-sha1-modp1024",)}
    )
    steps = _planned((a, other), working=working).steps
    changed = [
        (step.turn, {*step.settings, *(key for given in step.children.values() for key in given)})
        for step in steps
        if step.do == "connection"
    ]
    assert sorted(changed) == sorted(expected)
    assert [step.turn for step in steps] == sorted(step.turn for step in steps)


def test_what_two_causes_ask_for_is_done_once() -> None:
    tunnels, dummy = pair_ends(healthy())
    tries = Change(EndName("b", "to-a"), "keyingtries", "0")
    up = Step("establish", "a", "sa", "to-b", None, "established", tunnel="a-b")
    asked = {
        "one": (tries, up),
        "two": (tries,),
        "three": (up, Change(EndName("b", "to-a"), "dpd_delay", "9s")),
        "four": (up,),
    }
    found = [replace(_finding(name, tries), fix=fix) for name, fix in asked.items()]
    both = plan(tunnels, found[:2], causes=asked).steps
    assert [_line(step) for step in both] == ["responder b/to-a connection", "establish a/to-b sa reinitiated"]
    steps = plan(tunnels, found, causes=asked).steps
    assert [_line(step) for step in steps] == [
        "responder b/to-a connection",
        "3: responder b/to-a connection",
        "3: establish a/to-b sa reinitiated",
    ]
    assert [dict(step.settings) for step in steps if step.do == "connection"] == [
        {"keyingtries": "0"},
        {"dpd_delay": "9s"},
    ]


def test_what_is_only_loaded_is_established_after_it() -> None:
    tunnels, dummy = pair_ends(healthy())
    load = Step("prepare", "b", "daemon", state="loaded", tunnel="a-b")
    up = Step("establish", "a", "sa", "to-b", None, "established", tunnel="a-b")
    found = [replace(_finding(name, load), fix=(fix,)) for name, fix in (("one", up), ("two", load))]
    steps = plan(tunnels, found, causes={"one"}).steps
    assert [_line(step) for step in steps] == ["prepare b daemon loaded", "2: establish a/to-b sa established"]


def test_what_is_declared_comes_before_the_causes() -> None:
    a, b = healthy()
    both = a, edited(b, connection={"proposals": (OLD,)})
    steps = _planned(both, declared=[declared(settings={"dpd_delay": "15s"})]).steps
    turns = {(step.turn, key) for step in steps for key in step.settings}
    assert turns == {(1, "dpd_delay"), (2, "proposals")}


def test_re_initiating_retires_what_is_stale() -> None:
    a, b = healthy()
    both = edited(a, connection={"dpd_delay": 0.0}), edited(b, sas=())
    assert [_line(step) for step in _planned(both, working={"a-b"}).steps] == ["initiator a/to-b connection+"]


def test_a_declared_initiator_is_changed_last() -> None:
    a, b = (edited(g, connection={"dpd_delay": 0.0}) for g in healthy())
    steps = _planned((a, b), declared=[declared(initiator="b")]).steps
    assert [_line(s) for s in steps] == ["responder a/to-b connection", "initiator b/to-a connection+"]


def _star(spokes: int, **of_hub: Any) -> list[Gateway]:
    ours = [
        connection("up", local_addrs=(f"192.0.2.{10 + i}",), children=(child(local_ts=(f"10.{i}.0.0/24",)),))
        for i in range(spokes)
    ]
    theirs = [mirrored(each, f"s{i}") for i, each in enumerate(ours)]
    there = {"sas": tuple(ike_sa(c, 10 * i, swapped=True) for i, c in enumerate(theirs))}
    hub = gateway("hub", *theirs, **(there | of_hub))
    return [hub, *(gateway(f"s{i}", c, sas=(ike_sa(c, 10 * i),)) for i, c in enumerate(ours))]


def test_one_daemon_is_started_once_however_many_tunnels_ask_for_it() -> None:
    steps = _planned(_star(3, **STOPPED)).steps
    assert [_line(s) for s in steps if s.phase == "prepare"] == ["prepare hub daemon started"]
    assert [_line(s) for s in steps[1:]] == [f"establish s{i}/up sa established" for i in range(3)]


def test_a_daemon_that_is_started_is_not_loaded_besides() -> None:
    tunnels, dummy = pair_ends(healthy())
    steps = [Step("prepare", "b", "daemon", state=state) for state in ("loaded", "started")]
    found = [_finding(f"f{i}", step) for i, step in enumerate(steps)]
    assert [_line(s) for s in plan(tunnels, found).steps] == ["prepare b daemon started"]


def test_phases_hold_over_all_tunnels() -> None:
    both = _star(3)
    hub = edited(both[0], connection={"dpd_delay": 0.0}, child={"start_action": "start"})
    steps = _planned([hub, *(edited(g, connection={"dpd_delay": 0.0}) for g in both[1:])]).steps
    phases = [PHASES.index(step.phase) for step in steps]
    assert phases == sorted(phases)
    assert sum(step.reinitiate or step.state == "reinitiated" for step in steps) == 3


LIMITS = (
    ("all", None, ["responder b/to-a connection", "initiator a/to-b connection+"], ()),
    ("only the responder: it makes its own setting live", ["b"], ["responder b/to-a connection+"], ("a",)),
    ("only the initiator", ["a"], ["initiator a/to-b connection+"], ("b",)),
    ("neither", [], [], ()),
)


@pytest.mark.parametrize(("limit", "expected", "told"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_what_is_not_ours_to_change_becomes_advice(
    limit: list[str] | None, expected: list[str], told: tuple[str, ...]
) -> None:
    planned = _planned([edited(g, connection={"dpd_delay": 0.0}) for g in healthy()], limit=limit)
    assert [_line(step) for step in planned.steps] == expected
    assert tuple(text.partition(":")[0] for text in planned.advice) == told


def test_a_responder_that_cannot_reach_its_peer_does_not_re_initiate() -> None:
    a, b = (edited(g, connection={"dpd_delay": 0.0}) for g in healthy())
    planned = _planned((a, edited(b, connection={"remote_addrs": ("%any",)})), limit=["b"])
    assert [_line(step) for step in planned.steps] == ["responder b/to-a connection"]


ADVICE: tuple[tuple[Any, str], ...] = (
    (Change(EndName("b", "to-a"), "encap", "yes"), "b: connection to-a: set encap = yes (a-b: f)"),
    (
        Change(EndName("b", "to-a", "net"), "mode", "tunnel"),
        "b: connection to-a: set mode = tunnel of child net (a-b: f)",
    ),
    (Step("prepare", "b", "daemon", state="started", tunnel="a-b"), "b: have the IKE daemon started (a-b: f)"),
    (
        Step("retire", "b", "sa", "to-a", None, "terminated", tunnel="a-b"),
        "b: connection to-a: have the tunnel terminated (a-b: f)",
    ),
    (
        Step("persist", "b", "keepalive", "to-a", "net", "present", tunnel="a-b"),
        "b: connection to-a: install a periodic check for net (a-b: f)",
    ),
    (
        Step("responder", "b", "connection", "to-a", psk=True, tunnel="a-b"),
        "b: connection to-a: set the pre-shared key that was agreed on (a-b: f)",
    ),
)


@pytest.mark.parametrize(("fix", "text"), ADVICE)
def test_advice_is_a_sentence_to_send(fix: Change | Step, text: str) -> None:
    tunnels, dummy = pair_ends(healthy())
    assert text in plan(tunnels, [_finding("f", fix)], limit=["a"]).advice


def test_findings_of_no_tunnel_and_of_other_tunnels_ask_for_nothing() -> None:
    tunnels, dummy = pair_ends(healthy())
    step = Step("prepare", "b", "daemon", state="started")
    assert plan(tunnels, [_finding("f", step, tunnel=name) for name in ("", "elsewhere")]) == Plan()


def test_a_repaired_tunnel_asks_for_nothing() -> None:
    a, b = healthy()
    kept = (Keepalive("to-b", "net", "cron", 60.0, ""),)
    assert _planned((edited(a, **ROUTED, keepalives=kept), b)) == Plan()


def _finding(name: str, fix: Change | Step, tunnel: str = "a-b") -> Finding:
    return Finding(name, "high", tunnel, EndName("b", "to-a"), "", "", (), (fix,))


def test_every_phase_of_the_model_has_its_place() -> None:
    assert len(set(PHASES)) == len(PHASES)
    assert isinstance(pair_ends(healthy())[0][0], Tunnel)
