"""An audit and a repair as text for a terminal."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import EndName, InitiationAttempt, Step
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report import repairs as as_story
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report import side_by_side
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import terminal as as_table
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.repairs import ExecutedStep

from tests.unit.build import Edit, Row, connection, edited, gateway, given, healthy, probe, secret, tunnel

PASSING = (probe(), probe("b"))
BLIND = {"dpd_delay": 0.0}

FINE = """\
TUNNEL  STATE               INITIATOR  RESPONDER  FINDINGS
a-b     up, traffic passes  a          b          fine

No findings."""

BROKEN = """\
TUNNEL  STATE  INITIATOR  RESPONDER  FINDINGS
a-b     up     a          b          see below

HIGH      dpd-off  on b/to-a
          b/to-a never checks that its peer is alive (dpd_delay = 0)
          proof: b swanctl.conf:10: dpd_delay is not set
          remedy: on b/to-a: dpd_delay = 30s

Ends without a counterpart
  c/lonely: no gateway among those read is d.example: an unmanaged peer, or one that was not read

For those who run the other ends
  b: connection to-a: set dpd_delay = 30s (a-b: dpd-off)"""


def test_a_healthy_audit_is_a_table_and_one_sentence() -> None:
    assert as_table.render(audit(healthy(), probes=PASSING)) == FINE


def test_a_finding_is_told_with_its_end_its_proof_and_its_remedy() -> None:
    a, b = healthy()
    lonely = connection("lonely", local_addrs=("192.0.2.3",), remote_addrs=("192.0.2.4",), children=())
    lonely = replace(lonely, local=(), remote=(replace(lonely.remote[0], id="d.example"),))
    told = as_table.render(audit((a, edited(b, connection=BLIND), gateway("c", lonely)), limit=["a"]))
    lines = told.splitlines()
    assert [line for line in lines if "b: connection to-a: have" not in line] == BROKEN.splitlines()


STATES = {
    "down": ({"sas": ()}, ()),
    "unknown": ({"sas": None}, ()),
    "up": ({}, ()),
    "up, no traffic": ({}, (probe(reachable=False),)),
}


def test_the_state_of_a_tunnel_is_what_was_proven() -> None:
    for state, (change, probes) in STATES.items():
        a, b = healthy()
        row = as_table.render(audit((a, edited(b, **change)), probes=probes)).splitlines()[1]
        assert [cell.strip() for cell in row.split("  ") if cell][1] == state


def test_only_what_was_seen_to_carry_traffic_is_called_fine() -> None:
    a, b = healthy()
    idle = edited(a, child={"start_action": "none", "close_action": "none"})
    for pair, probes, said in (
        ((a, b), PASSING, "fine"),
        ((a, b), (), "none, not tested"),
        ((a, edited(b, sas=None)), (), "not known"),
        ((edited(idle, sas=()), edited(b, sas=())), (), ""),
    ):
        row = as_table.render(audit(pair, probes=probes)).splitlines()[1]
        assert row.endswith(said) if said else "fine" not in row


def test_remedies_that_are_steps_are_told_too_and_why_there_is_none() -> None:
    a, b = healthy()
    told = as_table.render(audit((a, edited(b, sas=()))))
    assert "remedy: on a: sa to-b reinitiated" in told
    other_key = edited(b, secrets=(secret(connection(), "d2"),), sas=())
    down = edited(a, sas=())
    assert "remedy: give the right key in ipsec_psks.a-b" in as_table.render(audit((down, other_key)))
    told = as_table.render(audit((down, other_key), psks=given("a-b")))
    assert "remedy: on b: connection to-a pre-shared key" in told


COSTS = {
    "a-b: no outage; make before break: the new SAs carry traffic before the old ones end": {},
    "a-b: about 2 s without traffic; unique = keep of b/to-a refuses a second IKE_SA: it is re-initiated once": {
        "unique": "keep"
    },
}


def test_what_a_plan_costs_is_told_before_it_is_carried_out() -> None:
    for told, change in COSTS.items():
        a, b = healthy()
        lines = as_table.render(audit((a, edited(b, connection={**BLIND, **change})))).splitlines()
        assert lines[lines.index("What the plan costs") + 1 :] == [f"  {told}"]


def test_no_line_of_prose_is_wider_than_a_terminal() -> None:
    a, b = healthy()
    changes = {"connection": {"proposals": ("aes128-sha1-modp1024",)}, "child": {"remote_ts": ("10.1.0.0/16",)}}
    told = as_table.render(audit((a, edited(b, **changes))))
    assert max(map(len, told.splitlines())) <= as_table.WIDTH


REPAIRED = """\
a-b: proven: both ends hold the same SAs, traffic passes both ways
  was wrong: dpd-off: b/to-a never checks that its peer is alive (dpd_delay = 0)
  changed: b/to-a: dpd_delay = 30s
  changed: a/to-b: sa reinitiated"""

FAILED = """\
a-b: NOT PROVEN
  was wrong: dpd-off: b/to-a never checks that its peer is alive (dpd_delay = 0)
  failed: b/to-a: dpd_delay = 30s: no space left
  still wrong: dpd-off: b/to-a never checks that its peer is alive (dpd_delay = 0)"""


def test_the_story_of_a_repair_says_what_was_wrong_what_changed_and_what_proves_it() -> None:
    a, b = healthy()
    before = audit((a, edited(b, connection=BLIND)))
    done = [ExecutedStep(step, changed=True) for step in before.steps]
    assert as_story.render(as_story.build_repairs(before.findings, done, audit((a, b), probes=PASSING))) == REPAIRED


def test_a_repair_that_failed_says_so_and_what_is_still_wrong() -> None:
    a, b = healthy()
    before = audit((a, edited(b, connection=BLIND)))
    done = [
        ExecutedStep(before.steps[0], changed=True, failed="no space left"),
        ExecutedStep(before.steps[1], changed=False),
    ]
    assert as_story.render(as_story.build_repairs(before.findings, done, before)) == FAILED


def test_a_repair_that_was_undone_says_why() -> None:
    a, b = healthy()
    before = audit((a, edited(b, connection=BLIND)))
    done = [ExecutedStep(step, changed=True) for step in before.steps]
    told = as_story.render(
        as_story.build_repairs(
            before.findings, done, before, undone={"a-b": "UNDONE, its gateways have again what they had: no ping"}
        )
    ).splitlines()
    assert told[0] == "a-b: UNDONE, its gateways have again what they had: no ping"
    assert told[2] == "  changed, and undone: b/to-a: dpd_delay = 30s"


def test_what_is_missing_for_a_proof_is_told() -> None:
    a, b = healthy()
    before = audit((a, edited(b, sas=())))
    (chapter,) = as_story.build_repairs(before.findings, [], before)
    assert (chapter.proven, chapter.missing) == (False, ("no CHILD_SA of net that both ends hold",))


def test_no_tunnel_with_a_finding_is_no_story() -> None:
    assert as_story.render(as_story.build_repairs((), [], audit(healthy()))) == "No tunnel needed anything."


def test_a_step_is_told_by_what_it_sets_and_never_by_a_key() -> None:
    step = Step("responder", "b", "connection", "to-a", settings={"encap": "yes"}, psk=True, tunnel="a-b",
                children={"net": {"mode": "tunnel"}})  # fmt: skip
    (chapter,) = as_story.build_repairs((), [ExecutedStep(step, changed=True)], audit(healthy()))
    assert chapter.changed == ("b/to-a: encap = yes, net.mode = tunnel, pre-shared key",)


def test_both_ends_are_put_side_by_side_with_what_differs_marked() -> None:
    down, works = {"sas": ()}, InitiationAttempt("b", "to-a", established=True)
    odd = {"connection": {"version": 1, "local_addrs": ("%any",), "dpd_delay": 9.0}, **down}
    told = side_by_side.render(tunnel(Row("", "", down, odd, attempts=(works,))))
    marked = {line.split("  ")[1] for line in told.splitlines() if side_by_side.DIFFERS in line}
    assert marked == {"version"}  # an address left open meets any; each end has its own dpd_delay
    assert "b initiates: works" in told
    assert all(text in told for text in ("a/to-b", "b/to-a", "10.1.0.0/24", "identity of a", "no SA"))


def test_ends_that_agree_have_nothing_marked_and_long_values_are_wrapped() -> None:
    long = {"proposals": tuple(f"aes{bits}-sha256-x25519" for bits in (128, 192, 256))}
    told = side_by_side.render(tunnel(Row("", "", {"connection": long}, {"connection": long})))
    assert side_by_side.DIFFERS not in told
    assert max(map(len, told.splitlines()[1:])) < 120


def test_what_people_call_a_connection_stands_beside_its_name_everywhere() -> None:
    a, b = healthy()
    called: Edit = {"connection": {"description": "To HQ,\n first", "dpd_delay": 0.0}, "child": {"description": "LANs"}}
    found = audit((a, edited(b, **called)), limit=["a"])
    assert "b/to-a (To HQ, first)" in as_table.render(found)
    assert found.advice == ("b: connection to-a (To HQ, first): set dpd_delay = 30s (a-b: dpd-off)",)
    end = found.tunnels[0].ends[1]
    assert str(end.name("net")) == "b/to-a/net (To HQ, first, LANs)"
    assert end.name() == EndName("b", "to-a")  # whoever compares them
    step = found.tunnels[0].named(Step("persist", "b", "keepalive", "to-a", "net", "present"))
    assert step.target == "to-a/net (To HQ, first, LANs)"
    assert "b/to-a/net (To HQ, first, LANs): keepalive present" in as_story.render(
        as_story.build_repairs((), [ExecutedStep(replace(step, tunnel="a-b"), changed=True)], found)
    )
