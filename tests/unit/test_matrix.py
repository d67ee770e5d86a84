"""The fault matrix judges: a miss of any kind is a miss, and every rule has a fault or a reason to have none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_rules

from tests.lab.faults import FAULTS, VARIANTS
from tests.matrix.judge import judge
from tests.matrix.page import PAGE, page
from tests.matrix.story import Deeds, Told

NOT_MADE = {  # rules that no fault of the lab leads to, and why
    "attempt-failed": "is what is left where no log tells a cause",
    "clock-skew": "a namespace has no wall clock of its own",
    "esp-forgotten": "its traffic passes in one direction at first; an integration test has it",
    "ike-rekey-overdue": "takes minutes to be overdue",
    "kernel-refused": "depends on what the lab's ESP in user space takes",
    "load-too-high": "takes a quarter of an hour of load",
    "rekey-overdue": "takes minutes to be overdue",
    "networks-carried-twice": "needs a third gateway; integration tests have one",
    "up-with-another-peer": "needs a third gateway; integration tests have one",
    "psk-to-rotate": "needs a key that the user gives; integration tests give one",
    "sa-outdated": "a repair never leaves it behind; integration tests load a change without making the tunnel anew",
    **dict.fromkeys(
        (
            *("changes-unapplied", "connection-disabled", "connection-omitted", "dpd-traps-responder"),
            *("keepalive-both", "keepalive-idle", "keepalive-narrowed", "psk-ambiguous"),
            *("split-one-end", "version-auto", "reauth-breaks", "mobike-shared-address", "cluster-own-address"),
            "setting-impossible",
        ),
        "needs a pfSense, which the matrix does not have",
    ),
    "setting-deviates": "needs a declared tunnel; integration tests declare one",
}
GATEWAYS = {"initiator": "b01", "responder": "a01"}
UP = (True, True)


def _finding(name: str = "dpd-off", gateway: str = "a01", **more: Any) -> dict[str, Any]:
    usual = {"confidence": "certain", "no_fix": "", "fix": [{"setting": "dpd_delay", "value": "30s"}]}
    founded = {"evidence": ["dpd_delay = 0"], "reference": "RFC 7296 section 2.4"}
    return {"id": name, "end": {"gateway": gateway}, **usual, **founded, **more}


REPAIR = {"proven": True, "changed": ["a01"], "failed": []}
STEP = Deeds({"a01": 1}, [("Set what the plan names", "a01", [{"after": "dpd_delay = 30s"}])])
FOUND = Told(
    FAULTS["dpd-off"],
    GATEWAYS,
    carried=UP,
    paired=True,
    findings=[_finding()],
    foretold=STEP,
    made=STEP,
    repairs=[REPAIR],
    carries=UP,
)
UNDECIDED = Told(
    FAULTS["psk-mismatch-undecided"],
    GATEWAYS,
    paired=True,
    findings=[_finding("psk-mismatch", "b01", fix=[], no_fix="Give the right key in ipsec_psks")],
)
TRIED = replace(UNDECIDED, foretold=Deeds({"b01": 1}), repairs=[{**REPAIR, "changed": [], "failed": ["b01"]}])
RETURNED = replace(
    FOUND,
    case=FAULTS["daemon-stopped"],
    carried=(False, False),
    findings=[_finding("daemon-stopped", fix=[{"do": "daemon", "state": "started"}])],
    foretold=Deeds({"a01": 1, "b01": 1}),
    made=Deeds({"a01": 1}),
)
FINE = Told(VARIANTS["templates"], GATEWAYS, carried=UP, paired=True, carries=UP)


@pytest.mark.parametrize("told", [FOUND, UNDECIDED, TRIED, RETURNED, FINE])
def test_what_must_be_passes(told: Told) -> None:
    assert judge(told).missed == ()


@pytest.mark.parametrize(
    "bad",
    [
        replace(FOUND, wrong="it did not take"),
        replace(FOUND, carried=(True, False)),
        replace(FOUND, paired=False),
        replace(FOUND, findings=[]),
        replace(FOUND, findings=[_finding("no-traffic")]),
        replace(FOUND, findings=[_finding(gateway="b01")]),
        replace(FOUND, findings=[_finding(confidence="inferred")]),
        replace(FOUND, findings=[_finding(fix=[{"setting": "encap", "value": "yes"}])]),
        replace(FOUND, findings=[_finding(), _finding("no-traffic")]),
        replace(FOUND, findings=[_finding(evidence=[])]),
        replace(FOUND, findings=[_finding(reference="")]),
        replace(FOUND, repairs=[]),
        replace(FOUND, repairs=[REPAIR, REPAIR]),
        replace(FOUND, repairs=[{**REPAIR, "proven": False}]),
        replace(FOUND, repairs=[{**REPAIR, "changed": []}]),
        replace(FOUND, repairs=[{**REPAIR, "failed": ["a01"]}]),
        replace(FOUND, foretold=Deeds()),
        replace(FOUND, foretold=replace(STEP, tasks={"a01": 1, "b01": 1})),
        replace(FOUND, foretold=replace(STEP, diffs=[])),
        replace(FOUND, failed=["remediate-check ended with 2"]),
        replace(FOUND, leaks=["the output of remediate-first"]),
        replace(FOUND, litter=["/etc/swanctl/.west.conf.new on a01"]),
        replace(FOUND, carries=(False, True)),
        replace(FOUND, left=[_finding()]),
        replace(FOUND, again=["a01"]),
        replace(UNDECIDED, foretold=STEP, made=STEP),
        replace(UNDECIDED, leaks=["before.json"]),
        replace(UNDECIDED, findings=[_finding("psk-mismatch", no_fix="compare them")]),
        replace(TRIED, repairs=[]),
        replace(TRIED, made=Deeds({"a01": 1})),
        replace(RETURNED, foretold=Deeds({"a01": 1}), made=Deeds({"a01": 1, "b01": 1})),
        replace(RETURNED, foretold=Deeds({"b01": 1})),
        replace(FINE, paired=False),
        replace(FINE, findings=[_finding()]),
        replace(FINE, foretold=STEP, made=STEP),
        replace(FINE, foretold=STEP),
        replace(FINE, litter=["/etc/swanctl/.west.conf.new on a01"]),
        replace(FINE, again=["b01"]),
        replace(FINE, left=[_finding()]),
        replace(FINE, carries=(False, False)),
        replace(FINE, rewritten=["a01"]),
        replace(FOUND, rewritten=["b01"]),
        replace(UNDECIDED, case=FAULTS["children-cut-differently"], carried=UP, carries=(True, False)),
    ],
)
def test_anything_else_is_missed(bad: Told) -> None:
    assert judge(bad).missed


def test_every_rule_has_a_fault_on_real_tunnels_or_a_reason_to_have_none() -> None:
    found = {fault.finds for fault in FAULTS.values()}
    assert {rule.id for rule in list_rules()} - found == set(NOT_MADE)


def test_the_page_tells_what_may_be_found_beside() -> None:
    rows = {line.split(" ")[1]: line.rpartition(" | ")[2] for line in page({}).splitlines() if line.startswith("| ")}
    link = "[{0}](docsite/rst/findings/{0}.rst)".format
    assert rows["gave-up"] == f"{link('initiator-not-persistent')} |"
    assert rows["half-open-ike-sas"] == f"{link('ike-unanswered')}, {link('not-installed')} |"
    assert rows["transport-mode"] == f"{link('not-installed')} |"
    assert rows["dpd-off"] == rows["plain"] == "- |"


def test_the_page_is_of_the_faults_and_variants_that_there_are() -> None:
    assert PAGE.read_text(encoding="utf-8").startswith(page({}).rstrip("\n")), "run make matrix"
