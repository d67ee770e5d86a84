"""The course of a change: what follows from each event, until every tunnel is done, what it was, or untouched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    ChangeRecord,
    ChangeRequest,
    EndName,
    Finding,
    Gateway,
    Guard,
    OutageMeasurement,
    Probe,
    Setting,
    Step,
    TunnelProof,
    build_from_plain,
    to_plain,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout import state_machine
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout.snapshot import (
    AuditedTunnel,
    FleetSnapshot,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout.state_machine import RunEvent
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout.steps import list_results
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout.todo import list_actions, list_due_steps

from tests.unit.build import child, child_sa, connection, gateway, ike_sa

NOW = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
UP, DUMB = TunnelProof(crosswise=True, traffic=True), TunnelProof(crosswise=True, traffic=None)
DOWN = TunnelProof(crosswise=False, traffic=None, missing=("no CHILD_SA of net that both ends hold",))
SILENT = TunnelProof(crosswise=True, traffic=False, missing=("a got 0 of 3 pings back",))
FINE, LOST = {"changed": True}, {"unreachable": True, "msg": "Connection timed out"}


def network(name: str, side: int) -> str:
    """What one side of a tunnel protects."""
    return f"10.{side + 1}.{sum(map(ord, name)) % 200}"


def ends(name: str) -> tuple[EndName, EndName]:
    """The ends of a tunnel that is called by its gateways: `hub-x`."""
    one, other = name.split("-")
    return EndName(one, f"to-{other}"), EndName(other, f"to-{one}")


def step(name: str, on: str | None = None, **values: Any) -> Step:
    end = next(end for end in ends(name) if on in (None, end.gateway))
    about: dict[str, Any] = {"settings": {"encap": "yes"}, "tunnel": name, "findings": ("nat-traversal-needed",)}
    return Step("responder", end.gateway, "connection", end.connection, **(about | values))


def look(
    *names: str, steps: tuple[Step, ...] = (), proofs: dict[str, TunnelProof] | None = None, **more: Any
) -> FleetSnapshot:
    """A look at tunnels between gateways; `encap`: who has that setting already; `managed`: from where."""
    proofs, encap, managed = proofs or {}, more.pop("encap", ()), more.pop("managed", {})
    read: dict[str, Gateway] = {}
    for name in names:
        for end in ends(name):
            settings = {"encap": Setting("yes", "f:1")} if end.gateway in encap else {}
            own = read.get(end.gateway) or gateway(end.gateway)
            side = ends(name).index(end)
            nets = [(f"{network(name, s)}.0/24",) for s in (side, 1 - side)]
            made = connection(end.connection, settings=settings, children=(child(local_ts=nets[0], remote_ts=nets[1]),))
            system = replace(own.system, managed_from=managed.get(end.gateway, ""))
            read[end.gateway] = replace(own, connections=(*own.connections, made), system=system)
    tunnels = {name: AuditedTunnel(name, ends(name), ends(name)[0].gateway, proofs.get(name, UP)) for name in names}
    pings = [{"from": "10.1.0.1", "to": "10.2.0.1"}]
    to_probe = {
        one: [
            {"connection": e.connection, "child": "net", "pings": pings}
            for n in names
            for e in ends(n)
            if e.gateway == one
        ]
        for one in read
    }
    return FleetSnapshot(read, tunnels=tunnels, steps=steps, to_probe=to_probe, **more)


class Run:
    """One run, as the role makes it: a record that goes through events."""

    def __init__(self, seen: FleetSnapshot, **order: Any) -> None:
        redundant = order.pop("redundant", ())
        hosts = order.pop("hosts", tuple(seen.gateways))
        self.seen, self.now = seen, NOW
        self.record = ChangeRecord(
            ChangeRequest("CHG-1", **({"hosts": hosts, "serial": ("1", "5")} | order)), NOW.isoformat()
        )
        self.event("planned", seen=seen, redundant=redundant)

    def event(self, name: str, **heard: Any) -> dict[str, Any]:
        self.now += timedelta(seconds=1)
        before = build_from_plain(ChangeRecord, to_plain(self.record), "record")  # as it travels through Ansible
        self.record = state_machine.EVENTS[name](before, RunEvent(self.now, **heard))
        return list_actions(self.record)

    def begin(self, batch: int, **heard: Any) -> dict[str, Any]:
        return self.event("begun", **({"batch": batch, "seen": self.seen} | heard))

    def arm(self, batch: int, **wrong: Any) -> dict[str, Any]:
        asked = self.begin(batch)["arm"]
        return self.event("armed", results={name: wrong.get(name, FINE) for name in asked})

    def confirm(self, **wrong: Any) -> dict[str, Any]:
        next_ = list_actions(self.record)
        while next_["confirm"]:
            next_ = self.event("confirmed", results={name: wrong.get(name, FINE) for name in next_["confirm"]})
        return next_

    def undo(self, seen: FleetSnapshot, **wrong: Any) -> dict[str, Any]:
        asked = list_actions(self.record)["roll_back"]
        return self.event("restored", seen=seen, results={name: wrong.get(name, FINE) for name in asked})

    @property
    def statuses(self) -> dict[str, str]:
        return {tunnel.name: tunnel.status for tunnel in self.record.tunnels}

    def because(self, name: str) -> str:
        return next(tunnel.because for tunnel in self.record.tunnels if tunnel.name == name)


NAMES = ("hub-a", "hub-b", "x-y")
STEPS = tuple(step(name) for name in NAMES)
BEFORE = look(*NAMES, steps=STEPS)
AFTER = look(*NAMES)


def test_a_run_without_trouble_arms_takes_steps_proves_and_confirms_batch_by_batch() -> None:
    run = Run(BEFORE)
    assert run.record.batches == (("hub-a",), ("hub-b", "x-y"))
    assert run.begin(1)["arm"] == ["hub", "a"]
    run.event("armed", results={"hub": FINE, "a": FINE})
    assert [s.tunnel for s in list_due_steps(run.record, BEFORE)] == ["hub-a"]
    assert list_actions(run.record)["watch"].keys() == {"hub"}
    found = run.event("tried", seen=look(*NAMES, steps=STEPS[1:]), taken=list_results([FINE], STEPS[:1]))
    assert (found["confirm"], found["roll_back"]) == (["hub", "a"], [])
    assert run.confirm()["unfinished"] == ""
    run.event("measured", outages=(("hub-a", OutageMeasurement("hub", "net", "10.1.0.1", "10.2.0.1", 9, 2, 0.4)),))
    assert run.statuses == {"hub-a": "done", "hub-b": "planned", "x-y": "planned"}
    assert run.record.tunnels[0].outages[0].seconds == pytest.approx(0.4)
    assert run.record.longest < 60
    run.arm(2)
    run.event("tried", seen=AFTER)
    run.confirm()
    assert set(run.statuses.values()) == {"done"}
    assert run.event("ended")["unfinished"] == ""
    assert run.record.ended


def test_where_one_tunnel_fails_those_that_share_its_gateway_go_back_with_it_and_others_stay() -> None:
    run = Run(BEFORE, serial=("3",))
    run.arm(1)
    found = run.event("tried", seen=look(*NAMES, proofs={"hub-a": DOWN}))
    assert (found["confirm"], found["roll_back"]) == (["x", "y"], ["hub", "a", "b"])
    assert found["look_again"] == ["hub-a", "hub-b"]
    assert run.because("hub-b") == "rolled back with hub-a, because both end at hub"
    run.confirm()
    found = run.undo(BEFORE)
    assert found["undone"]["hub-a"].startswith("UNDONE, its gateways have again what they had: no CHILD_SA of net")
    assert run.statuses == {"hub-a": "rolled_back", "hub-b": "rolled_back", "x-y": "done"}
    assert found["unfinished"] == "hub-a, hub-b rolled back"
    assert run.because("hub-a") == "no CHILD_SA of net that both ends hold"


def test_a_second_look_may_show_that_all_is_well() -> None:
    run = Run(BEFORE, serial=("3",))
    run.arm(1)
    run.event("tried", seen=look(*NAMES, proofs={"hub-a": DOWN}))
    assert run.event("tried", seen=AFTER)["roll_back"] == []
    run.confirm()
    assert set(run.statuses.values()) == {"done"}


@pytest.mark.parametrize(
    ("after", "results", "why"),
    [
        (look(*NAMES), [{"failed": True, "msg": "a\nrefused"}], "connection to-a on hub failed: refused"),
        (
            look(*NAMES, steps=(step("hub-a"),)),
            [FINE],
            "it was done, and is asked for again: nat-traversal-needed on hub",
        ),
        (
            look(*NAMES, proofs={"hub-a": SILENT}),
            [FINE],
            "a got 0 of 3 pings back",
        ),
        (
            look("hub-b", "x-y", unreadable={"a": "no route to host"}),
            [FINE],
            "a cannot be read any more: no route to host",
        ),
    ],
)
def test_a_tunnel_that_is_not_proven_may_not_stay(
    after: FleetSnapshot, results: list[dict[str, Any]], why: str
) -> None:
    run = Run(BEFORE)
    run.arm(1)
    found = run.event("tried", seen=after, taken=list_results(results, STEPS[:1]))
    assert found["roll_back"] == ["hub", "a"]
    assert run.because("hub-a") == why


def passing(*names: str) -> tuple[Probe, ...]:
    """Pings that came back through these tunnels, at both ends."""
    return tuple(Probe(end.gateway, end.connection, "net", reachable=True) for name in names for end in ends(name))


def test_a_change_that_ends_what_passes_through_a_tunnel_beside_it_may_not_stay() -> None:
    before = look("hub-a", "hub-b", "x-y", steps=STEPS[:1], probes=passing("hub-a", "hub-b", "x-y"))
    run = Run(before)
    run.arm(1)
    done = list_results([FINE], STEPS[:1])
    beside = look("hub-a", "hub-b", "x-y", probes=passing("hub-a", "x-y"))
    assert run.event("tried", seen=beside, taken=done)["look_again"] == ["hub-a"]
    assert (
        run.because("hub-a")
        == "hub-b, which also ends at hub: pings passed through hub/to-b/net before, and do not now"
    )
    elsewhere = look("hub-a", "hub-b", "x-y", probes=passing("hub-a", "hub-b"))
    assert run.event("tried", seen=elsewhere, taken=done)["confirm"] == ["hub", "a"]
    unread = look("hub-a", "hub-b", "x-y", probes=passing("hub-a", "x-y"), unreadable={"b": "Connection timed out"})
    assert run.event("tried", seen=unread, taken=done)["confirm"] == ["hub", "a"], "nobody could ping through it"
    own = look("hub-a", "hub-b", "x-y", probes=passing("hub-b"))
    assert run.event("tried", seen=own, taken=done)["roll_back"] == ["hub", "a"]
    assert run.because("hub-a") == "pings passed through hub/to-a/net before, and do not now"
    assert run.undo(beside)["not_restored"] == ["hub-a"]
    assert run.undo(before)["unfinished"] == "hub-a rolled back"


def up(seen: FleetSnapshot, *names: str) -> FleetSnapshot:
    """The look, with SAs that both ends of these tunnels hold."""
    read = dict(seen.gateways)
    for number, name in enumerate(names, 1):
        for side, end in enumerate(ends(name)):
            held = ike_sa(
                read[end.gateway].connections[0], number, children=(child_sa("net", number, swapped=bool(side)),)
            )
            read[end.gateway] = replace(
                read[end.gateway], sas=(*(read[end.gateway].sas or ()), replace(held, connection=end.connection))
            )
    return replace(seen, gateways=read)


def test_a_change_that_ends_a_tunnel_beside_it_that_nobody_could_ping_may_not_stay() -> None:
    names = ("hub-a", "hub-b", "x-y")
    run = Run(up(look(*names, steps=STEPS[:1]), "hub-b", "x-y"))
    run.arm(1)
    done = list_results([FINE], STEPS[:1])
    assert run.event("tried", seen=up(look(*names), "x-y"), taken=done)["look_again"] == ["hub-a"]
    assert run.because("hub-a") == "hub-b, which also ends at hub: hub/to-b/net was up before, and is not now"
    dark = look(*names)
    dark = replace(dark, gateways={**dark.gateways, "b": replace(dark.gateways["b"], sas=None)})
    assert run.event("tried", seen=dark, taken=done)["confirm"] == ["hub", "a"], "nobody knows whether it is up"


def test_what_is_changed_in_the_same_batch_is_judged_by_itself() -> None:
    names = ("hub-a", "hub-b")
    before = look(*names, steps=STEPS[:2], probes=passing(*names))
    run = Run(before, serial=("2",))
    run.arm(1)
    after = look(*names, proofs={"hub-b": DOWN}, probes=passing("hub-a"))
    run.event("tried", seen=after, taken=list_results([FINE, FINE], STEPS[:2]))
    assert run.because("hub-a") == "rolled back with hub-b, because both end at hub"


def test_what_fell_with_another_is_tried_again_without_it_where_the_order_says_so() -> None:
    def fails(**order: Any) -> Run:
        run = Run(look(*NAMES, steps=STEPS), serial=("3",), max_failed=9, **order)
        run.arm(1)
        run.event("tried", seen=look(*NAMES, proofs={"hub-a": DOWN}), taken=list_results([FINE] * 3, STEPS))
        run.confirm()
        run.undo(look(*NAMES))
        run.event("measured")
        return run

    assert fails().statuses == {"hub-a": "rolled_back", "hub-b": "rolled_back", "x-y": "done"}
    assert (len(fails().record.batches), list_actions(fails().record)["following"]) == (1, 0)
    run = fails(again=True)
    assert (run.record.batches, list_actions(run.record)["following"]) == ((NAMES, ("hub-b",)), 2)
    assert run.statuses == {"hub-a": "rolled_back", "hub-b": "planned", "x-y": "done"}
    assert run.arm(2)["tunnels"] == ["hub-b"]
    run.event("tried", seen=AFTER, taken=list_results([FINE] * 4, (*STEPS, STEPS[1])))
    run.confirm()
    assert run.event("measured")["following"] == 0
    assert run.statuses == {"hub-a": "rolled_back", "hub-b": "done", "x-y": "done"}


FIRST = step("hub-a", findings=("psk-mismatch",))
SECOND = step("hub-a", "a", findings=("esp-proposals-disjoint",), turn=2)
REFUSED = {"failed": True, "msg": "the peer refuses it"}


def test_a_second_cause_is_repaired_under_the_same_guard_where_the_first_was_not_all() -> None:
    run = Run(look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}))
    run.arm(1)
    assert list_due_steps(run.record, run.seen) == [FIRST]
    after = look("hub-a", steps=(replace(SECOND, turn=1),), proofs={"hub-a": DOWN})
    found = run.event("tried", seen=after, taken=list_results([REFUSED], [FIRST]))
    assert (found["look_again"], found["going_on"]) == ([], [])
    assert run.because("hub-a") == "connection to-a on hub failed: the peer refuses it"
    found = run.event("continued", seen=after)
    assert (found["going_on"], found["arm"]) == (["hub-a"], ["hub", "a"])
    assert list_due_steps(run.record, after) == [replace(SECOND, turn=1)]
    run.event("armed", results={"hub": FINE, "a": FINE})
    found = run.event("tried", seen=look("hub-a"), taken=list_results([REFUSED, FINE], [FIRST, SECOND]))
    assert (found["confirm"], run.because("hub-a")) == (["hub", "a"], "")
    steps = [(each.round, each.failed, each.changed) for each in run.record.tunnels[0].steps]
    assert steps == [(1, "the peer refuses it", False), (2, "", True)]
    run.confirm()
    assert run.event("measured")["following"] == 0


def test_nothing_is_done_about_what_was_only_a_consequence() -> None:
    run = Run(look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}))
    run.arm(1)
    run.event("tried", seen=look("hub-a"), taken=list_results([FINE], [FIRST]))
    assert run.event("continued", seen=look("hub-a"))["going_on"] == []
    run.confirm()
    run.event("measured")
    assert run.statuses == {"hub-a": "done"}
    assert [each.findings for each in run.record.tunnels[0].steps] == [("psk-mismatch",)]


@pytest.mark.parametrize(
    ("after", "results"),
    [
        (look("hub-a", steps=(FIRST,), proofs={"hub-a": DOWN}), [FINE]),
        (look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}), [REFUSED]),
        (look("hub-a", proofs={"hub-a": DOWN}), [FINE]),
        (look("hub-b", unreadable={"a": "no route"}), [FINE]),
    ],
    ids=["it did not help", "it was refused", "no other cause is known", "an end cannot be read"],
)
def test_no_other_cause_is_tried_where_none_can_be(after: FleetSnapshot, results: list[dict[str, Any]]) -> None:
    run = Run(look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}))
    run.arm(1)
    run.event("tried", seen=after, taken=list_results(results, [FIRST]))
    found = run.event("continued", seen=after)
    assert (found["going_on"], found["roll_back"]) == ([], ["hub", "a"])


def test_there_must_be_room_in_the_window_for_another_cause() -> None:
    run = Run(look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}))
    run.arm(1)
    after = look("hub-a", steps=(replace(SECOND, turn=1),), proofs={"hub-a": DOWN})
    run.event("tried", seen=after, taken=list_results([FINE], [FIRST]))
    found = run.event("continued", seen=after, closed="the change window closes in 30 s")
    assert (found["going_on"], found["roll_back"]) == ([], ["hub", "a"])


def test_a_step_that_was_left_out_does_not_get_the_result_of_a_later_round() -> None:
    up = Step("establish", "hub", "sa", "to-a", state="reinitiated", tunnel="hub-a", findings=("psk-mismatch",))
    again = replace(up, findings=("esp-proposals-disjoint",), turn=2)
    run = Run(look("hub-a", steps=(FIRST, up, SECOND, again), proofs={"hub-a": DOWN}))
    run.arm(1)
    after = look("hub-a", steps=(replace(SECOND, turn=1), replace(again, turn=1)), proofs={"hub-a": DOWN})
    run.event("tried", seen=after, taken=list_results([REFUSED], [FIRST]))
    run.event("continued", seen=after)
    run.event("armed", results={"hub": FINE, "a": FINE})
    run.event("tried", seen=look("hub-a"), taken=list_results([REFUSED, FINE, REFUSED], [FIRST, SECOND, again]))
    assert run.because("hub-a") == "sa to-a reinitiated on hub failed: the peer refuses it"
    assert [(step.round, step.ran) for step in run.record.tunnels[0].steps] == [
        (1, True),
        (1, False),
        (2, True),
        (2, True),
    ]


def test_what_was_repaired_first_is_not_called_untouched_without_more_words() -> None:
    last = step("hub-a", findings=("dpd-off",))
    run = Run(look("hub-a", steps=(FIRST, replace(last, turn=2)), proofs={"hub-a": DOWN}))
    run.arm(1)
    run.seen = look("hub-a", steps=(last,))
    run.event("tried", seen=run.seen, taken=list_results([FINE], [FIRST]))
    run.confirm()
    run.event("measured")
    run.arm(2, a=LOST)
    said = "what was repaired first stays, and the rest is not begun: a could not be guarded: it could not be reached"
    assert run.because("hub-a") == said


def test_while_one_tunnel_goes_on_the_guards_of_all_are_renewed() -> None:
    run = Run(look("hub-a", "x-y", steps=(FIRST, SECOND, STEPS[2]), proofs={"hub-a": DOWN}), serial=("2",))
    run.arm(1)
    after = look("hub-a", "x-y", steps=(replace(SECOND, turn=1),), proofs={"hub-a": DOWN})
    run.event("tried", seen=after, taken=list_results([FINE, FINE], [FIRST, STEPS[2]]))
    found = run.event("continued", seen=after)
    assert (found["going_on"], found["arm"]) == (["hub-a"], ["hub", "a", "x", "y"])
    found = run.event("armed", results={"hub": FINE, "a": FINE, "x": LOST, "y": FINE})
    assert (found["going_on"], run.statuses["x-y"]) == (["hub-a"], "proven")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (look("hub-a", "hub-b", steps=(FIRST, SECOND)), look("hub-a", steps=(SECOND,), proofs={"hub-a": DOWN})),
        (
            look("hub-a", "hub-b", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}, probes=passing("hub-b")),
            look("hub-a", "hub-b", steps=(SECOND,)),
        ),
    ],
    ids=["it worked before", "a tunnel beside it is lost"],
)
def test_what_has_done_harm_does_not_go_on(before: FleetSnapshot, after: FleetSnapshot) -> None:
    run = Run(before)
    run.arm(1)
    run.event("tried", seen=after, taken=list_results([FINE], [FIRST]))
    found = run.event("continued", seen=after)
    assert (found["going_on"], found["roll_back"]) == ([], ["hub", "a"])


def test_a_round_in_which_nothing_ran_is_the_last() -> None:
    run = Run(look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}))
    run.arm(1)
    after = look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN})
    run.event("tried", seen=after)
    assert run.event("continued", seen=after)["going_on"] == []


def test_where_a_guard_cannot_be_kept_for_another_cause_all_is_undone() -> None:
    run = Run(look("hub-a", steps=(FIRST, SECOND), proofs={"hub-a": DOWN}))
    run.arm(1)
    after = look("hub-a", steps=(replace(SECOND, turn=1),), proofs={"hub-a": DOWN})
    run.event("tried", seen=after, taken=list_results([FINE], [FIRST]))
    run.event("continued", seen=after)
    found = run.event("armed", results={"hub": FINE, "a": LOST})
    assert (found["going_on"], found["roll_back"], found["take_off"]) == ([], ["hub", "a"], [])
    assert run.because("hub-a") == "a could not be guarded: it could not be reached"


def test_what_is_left_when_a_tunnel_works_is_a_change_of_its_own() -> None:
    last = step("hub-a", findings=("dpd-off",))
    before = look("hub-a", steps=(FIRST, replace(last, turn=2)), proofs={"hub-a": DOWN})
    run = Run(before)
    run.arm(1)
    left = look("hub-a", steps=(last,))
    found = run.event("tried", seen=left, taken=list_results([FINE], [FIRST]))
    assert (found["confirm"], run.event("continued", seen=left)["going_on"]) == (["hub", "a"], [])
    run.confirm()
    found = run.event("measured")
    assert (found["following"], run.record.batches) == (2, (("hub-a",), ("hub-a",)))
    run.seen = left
    run.arm(2)
    assert list_due_steps(run.record, left) == [last]
    broken = look("hub-a", proofs={"hub-a": SILENT})
    run.event("tried", seen=broken, taken=list_results([FINE, FINE], [FIRST, last]))
    run.event("continued", seen=broken)
    found = run.undo(left)
    said = "UNDONE, what was repaired first stays, and the rest is undone: a got 0 of 3 pings back"
    assert found["undone"] == {"hub-a": said}
    assert [(each.round, each.findings) for each in run.record.tunnels[0].steps] == [
        (1, ("psk-mismatch",)),
        (2, ("dpd-off",)),
    ]
    tunnel = run.record.tunnels[0]
    assert tunnel.before is not None
    assert tunnel.before.missing == DOWN.missing, "the record says what it was before all"
    stopped = Run(before)
    stopped.record = replace(run.record, tunnels=(replace(tunnel, status="planned", kept=1),))
    stopped.begin(2, seen=left, closed="the change window closes in 3 s")
    because = "what was repaired first stays, and the rest is not begun: the change window closes in 3 s"
    assert stopped.because("hub-a") == because


def test_a_plan_has_the_steps_of_all_causes_and_foretells_what_cannot_be_guarded() -> None:
    seen = look("hub-a", "x-y", steps=(FIRST, STEPS[2], SECOND), proofs={"hub-a": DOWN})
    run = Run(seen, check=True, serial=("2",))
    run.arm(1, y={"failed": True, "msg": "the daemon holds z, which swanctl.conf does not"})
    assert list_due_steps(run.record, seen) == [FIRST, SECOND]
    found = run.event("measured", taken=list_results([FINE, FINE], [FIRST, SECOND]))
    assert [each.round for each in run.record.tunnels[0].steps] == [1, 2]
    assert (found["following"], found["unfinished"]) == (0, "x-y untouched")
    assert run.because("x-y").startswith("y could not be guarded: the daemon holds z")


@pytest.mark.parametrize(
    ("order", "before", "roll_back"),
    [
        ({"halves": True, "hosts": ("hub",)}, DOWN, []),
        ({"halves": True, "hosts": ("hub",)}, UP, ["hub"]),
        ({"halves": True, "hosts": ("hub", "a")}, DOWN, ["hub"]),
        ({"hosts": ("hub",)}, DOWN, ["hub"]),
    ],
    ids=["down, and the other end is not ours", "it was up", "both ends are ours", "not asked for"],
)
def test_one_end_alone_may_be_changed_where_nothing_was_up(
    order: dict[str, Any], before: TunnelProof, roll_back: list[str]
) -> None:
    run = Run(look("hub-a", steps=(step("hub-a", "hub"),), proofs={"hub-a": before}), **order)
    run.arm(1)
    found = run.event(
        "tried", seen=look("hub-a", proofs={"hub-a": DOWN}), taken=list_results([FINE], (step("hub-a", "hub"),))
    )
    assert [name for name in found["roll_back"] if name == "hub"] == roll_back


def test_what_cannot_be_guarded_is_left_alone_and_its_partner_is_let_go() -> None:
    run = Run(BEFORE, serial=("3",))
    found = run.arm(1, a={"failed": True, "msg": "a guard of CHG-9 was armed 3 s ago"})
    assert found["take_off"] == []  # hub-b needs the hub
    assert run.statuses["hub-a"] == "untouched"
    assert run.because("hub-a") == "a could not be guarded: a guard of CHG-9 was armed 3 s ago"
    assert [s.tunnel for s in list_due_steps(run.record, BEFORE)] == ["hub-b", "x-y"]
    alone = Run(BEFORE)
    found = alone.arm(1, a=LOST)
    assert (found["take_off"], found["tunnels"]) == (["hub"], [])


def test_after_too_many_failures_the_rest_is_untouched() -> None:
    for limit, rest in ((0, "untouched"), (1, "under_way")):
        run = Run(BEFORE, max_failed=limit)
        run.arm(1)
        run.event("tried", seen=look(*NAMES, steps=STEPS, proofs={"hub-a": DOWN}))
        run.undo(BEFORE)
        run.begin(2)
        assert run.statuses == {"hub-a": "rolled_back", "hub-b": rest, "x-y": rest}


def test_for_want_of_time_the_rest_is_untouched_and_a_plan_is_made_all_the_same() -> None:
    run = Run(BEFORE)
    found = run.begin(1, closed="the change window closes in 30 s")
    assert set(run.statuses.values()) == {"untouched"}
    assert found["unfinished"] == "hub-a, hub-b, x-y untouched"
    plan = Run(BEFORE, check=True)
    plan.begin(1, closed="the change window is closed")
    assert set(plan.statuses.values()) == {"planned"}
    plan.event(
        "measured",
        taken=list_results(
            [{"changed": True, "connection": {"before": {"encap": None}, "after": {"encap": "yes"}}}], STEPS[:1]
        ),
    )
    assert plan.record.tunnels[0].steps[0].settings == {"encap": (None, "yes")}
    assert list_actions(plan.record)["unfinished"] == ""


def test_the_stand_in_of_a_tunnel_that_failed_is_left_alone() -> None:
    names = ("x-hub", "x-spare", "y-hub")
    seen = look(*names, steps=tuple(step(name) for name in names))
    run = Run(seen, redundant=(("hub", "spare"),), max_failed=5, serial=("1",))
    assert run.record.batches == (("x-hub",), ("x-spare",), ("y-hub",))
    run.arm(1)
    run.event("tried", seen=look(*names, proofs={"x-hub": DOWN}))
    run.undo(seen)
    run.begin(2)
    assert run.because("x-spare") == "x-hub, which stands in for it, has failed"
    run.begin(3)
    assert run.statuses["y-hub"] == "under_way"


def test_a_tunnel_that_somebody_manages_a_gateway_through_comes_last_and_is_confirmed_far_end_first() -> None:
    seen = look(*NAMES, steps=STEPS, managed={"a": f"{network('hub-a', 0)}.9"})
    run = Run(seen)
    assert run.record.batches == (("hub-b",), ("x-y", "hub-a"))
    assert run.record.tunnels[2].manages == ("a",)
    run.arm(2)
    assert run.event("tried", seen=look(*NAMES))["confirm"] == ["a"]
    found = run.event("confirmed", results={"a": LOST})
    assert found["roll_back"] == ["hub", "a"]
    assert run.because("hub-a") == "a could not be confirmed: it could not be reached"
    assert found["confirm"] == ["x", "y"]
    run.confirm()
    run.undo(seen)
    assert run.statuses == {"hub-b": "planned", "x-y": "done", "hub-a": "rolled_back"}


def test_a_gateway_is_not_confirmed_over_a_tunnel_that_nobody_could_ping() -> None:
    seen = look("hub-a", steps=(step("hub-a"),), managed={"a": f"{network('hub-a', 0)}.9"})
    run = Run(seen)
    run.arm(1)
    assert run.event("tried", seen=look("hub-a", proofs={"hub-a": DUMB}))["roll_back"] == ["hub", "a"]
    free = Run(look("hub-a", steps=(step("hub-a"),)))
    free.arm(1)
    assert free.event("tried", seen=look("hub-a", proofs={"hub-a": DUMB}))["roll_back"] == []


def test_what_is_not_what_it_was_after_a_rollback_has_failed_for_good() -> None:
    run = Run(BEFORE)
    run.arm(1)
    run.event("tried", seen=look(*NAMES, proofs={"hub-a": DOWN}))
    left = run.undo(look(*NAMES, encap=("a",)))
    assert (run.statuses["hub-a"], left["not_restored"]) == ("failed", ["hub-a"])
    assert run.record.tunnels[0].remains == "the settings of a are not what they were"
    assert left["undone"]["hub-a"].startswith("NOT RESTORED, the settings of a are not what they were; it was undone")
    assert left["roll_back"] == []
    run.event("restored", seen=BEFORE)
    assert run.statuses["hub-a"] == "rolled_back"


@pytest.mark.parametrize(
    ("wrong", "seen", "why"),
    [
        ({"a": LOST}, BEFORE, "a did not roll back: it could not be reached"),
        ({}, look(*NAMES, proofs={"hub-a": DOWN}), "it is not up again: no CHILD_SA of net that both ends hold"),
        ({}, look("hub-b", unreadable={"a": "no route"}), "a cannot be read: no route"),
    ],
)
def test_a_rollback_that_did_not_help_is_told(wrong: dict[str, Any], seen: FleetSnapshot, why: str) -> None:
    run = Run(BEFORE)
    run.arm(1)
    run.event("tried", seen=look(*NAMES, proofs={"hub-a": DOWN}))
    run.undo(seen, **wrong)
    assert (run.statuses["hub-a"], run.record.tunnels[0].remains) == ("failed", why)


def test_a_gateway_that_was_confirmed_before_its_partner_was_lost_is_told() -> None:
    run = Run(look("hub-a", steps=(step("hub-a"),), managed={"a": f"{network('hub-a', 0)}.9"}))
    run.arm(1)
    run.event("tried", seen=look("hub-a", managed={"a": f"{network('hub-a', 0)}.9"}))
    run.event("confirmed", results={"a": FINE})
    found = run.event("confirmed", results={"hub": LOST})
    assert found["roll_back"] == ["hub"]
    run.undo(look("hub-a", encap=("a",)))
    assert run.record.tunnels[0].remains == "a did not roll back: it was confirmed already"


def test_what_is_proven_and_confirmed_at_one_end_is_kept_by_the_other() -> None:
    run = Run(look("hub-a", steps=(step("hub-a"),)))
    run.arm(1)
    assert run.event("tried", seen=look("hub-a"))["agree"] == ["hub", "a"]
    assert run.event("agreed", results={"hub": FINE, "a": FINE})["agree"] == []
    found = run.event("confirmed", results={"hub": FINE, "a": LOST})
    assert (run.statuses["hub-a"], found["roll_back"], found["unfinished"]) == ("done", [], "")
    said = "a could not be confirmed: it could not be reached; it keeps the change if its tunnels stay up"
    assert run.because("hub-a") == said


def test_what_was_not_said_to_all_its_gateways_is_undone_on_all() -> None:
    run = Run(look("hub-a", steps=(step("hub-a"),)))
    run.arm(1)
    run.event("tried", seen=look("hub-a"))
    found = run.event("agreed", results={"hub": FINE, "a": {"failed": True, "msg": "it does not run any more"}})
    assert (found["confirm"], found["roll_back"]) == ([], ["hub", "a"])
    assert run.because("hub-a") == "a was not informed that the change is proven: it does not run any more"


def test_neither_end_of_two_that_are_proven_is_kept_where_a_confirmation_was_refused() -> None:
    run = Run(look("hub-a", steps=(step("hub-a"),)))
    run.arm(1)
    run.event("tried", seen=look("hub-a"))
    run.event("agreed", results={"hub": FINE, "a": FINE})
    found = run.event("confirmed", results={"hub": LOST, "a": LOST})
    assert (run.statuses["hub-a"], found["roll_back"]) == ("failing", ["hub", "a"])


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        ({"hub": "proven", "a": "proven", "b": "proven"}, {"hub", "a", "b"}),
        ({"a": "proven"}, {"a"}),
        ({"hub": "proven", "a": "armed", "b": "proven"}, set()),
        ({"hub": "armed", "a": "armed", "y": "proven"}, {"y"}),
    ],
)
def test_a_run_that_is_taken_up_keeps_what_was_proven_on_all_gateways_that_hang_together(
    states: dict[str, Literal["armed", "proven"]], kept: set[str]
) -> None:
    seen = look(*NAMES)
    guards = {name: Guard("id", "CHG-1", "alice", state) for name, state in states.items()}
    standing = {name: replace(found, guard=guards.get(name)) for name, found in seen.gateways.items()}
    record = ChangeRecord(ChangeRequest("CHG-1", hosts=tuple(standing)), NOW.isoformat())
    opened = state_machine.opened(record, RunEvent(NOW, replace(seen, gateways=standing), goes_on=lambda run: not run))
    assert opened.guards == {name: "proven" if name in kept else "armed" for name in states}
    run = Run(BEFORE)
    run.record = opened
    run.event("planned", seen=BEFORE, results=dict.fromkeys(states, FINE))
    notes = {note for note in run.record.notes if note.endswith("was proven, and is kept")}
    assert notes == {f"{name}: what an interrupted run had not confirmed was proven, and is kept" for name in kept}


def test_only_gateways_of_the_run_are_touched() -> None:
    both = (step("hub-a", "hub"), step("hub-a", "a"))
    run = Run(look("hub-a", steps=both), hosts=("a",))
    assert run.begin(1)["arm"] == ["a"]
    assert [s.gateway for s in list_due_steps(run.record, look("hub-a", steps=both))] == ["a"]
    assert list_actions(run.record)["watch"].keys() == {"a"}


def test_a_daemon_is_loaded_for_each_tunnel_that_needs_it() -> None:
    daemon = Step("prepare", "hub", "daemon", state="loaded", tunnel="hub-a")
    seen = look(*NAMES, steps=(daemon, *STEPS))
    run = Run(seen, serial=("1",))
    run.begin(2)
    assert [(s.do, s.tunnel) for s in list_due_steps(run.record, seen)] == [
        ("daemon", "hub-a"),
        ("connection", "hub-b"),
    ]


def test_every_tunnel_that_a_daemon_is_loaded_for_is_changed() -> None:
    daemon = Step("prepare", "hub", "daemon", state="loaded", tunnel="hub-a", findings=("config-drift",))
    found = tuple(
        Finding("config-drift", "medium", name, EndName("hub", f"to-{name[-1]}"), "", "") for name in ("hub-a", "hub-b")
    )
    seen = look(*NAMES, steps=(daemon,), findings=found)
    assert Run(seen, serial=("9",)).record.batches == (("hub-a", "hub-b"),)
    run = Run(seen)
    run.event("planned", seen=seen, only=("hub-b",))
    assert run.record.batches == (("hub-b",),)
    run.begin(1, seen=seen)
    assert list_due_steps(run.record, seen) == [daemon]


def test_what_needs_nothing_any_more_when_its_turn_comes_is_done() -> None:
    run = Run(BEFORE)
    run.begin(1, seen=AFTER)
    assert (run.statuses["hub-a"], run.because("hub-a")) == ("done", "nothing was left to be done")


def test_what_an_interrupted_run_has_left_is_rolled_back_and_what_another_does_now_is_not() -> None:
    read = {
        name: replace(found, guard=Guard("1", ticket, "bob@host, process 7"))
        for (name, found), ticket in zip(AFTER.gateways.items(), ("CHG-1", "CHG-2", "CHG-1", "CHG-1"), strict=False)
    }
    seen = replace(AFTER, gateways=read)
    run = Run(AFTER, hosts=("hub", "a", "b"))
    run.event("opened", seen=seen, goes_on=lambda _run: False)
    assert dict(run.record.guards) == {"hub": "armed", "b": "armed"}
    run.event("planned", seen=BEFORE, results={"hub": FINE, "b": LOST})
    assert run.record.notes == (
        "hub: what an interrupted run had not confirmed was rolled back",
        "b: what an interrupted run had not confirmed was not rolled back: it could not be reached",
    )
    with pytest.raises(RefusedError, match="bob@host, process 7 is at work on CHG-1 at hub: wait for its end"):
        run.event("opened", seen=seen, goes_on=lambda _run: True)


@pytest.mark.parametrize(("left", "alive", "waits"), [(40.0, True, True), (0.0, True, False), (40.0, False, False)])
def test_a_run_of_another_controller_is_waited_for_until_its_time_is_over(
    left: float, *, alive: bool, waits: bool
) -> None:
    guard = Guard("1", "CHG-1", "bob@elsewhere, process 7", left=left, alive=alive)
    seen = replace(AFTER, gateways={name: replace(found, guard=guard) for name, found in AFTER.gateways.items()})
    run = Run(AFTER)
    if waits:
        with pytest.raises(RefusedError, match="wait 40 s, in which it ends or is rolled back, or undo it"):
            run.event("opened", seen=seen, goes_on=lambda _run: None)
    else:
        run.event("opened", seen=seen, goes_on=lambda _run: None)
        assert set(run.record.guards.values()) == {"armed"}


def test_an_unreadable_gateway_is_noted() -> None:
    run = Run(look("x-y", steps=(step("x-y"),), unreadable={"z": "no route"}))
    assert run.record.notes == ("z could not be read, and its tunnels are left alone: no route",)
