"""All rules at once: silence over what is healthy, a row for each of them, and a broken one that hides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.analysis.attempts import attach_verdicts
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose import rules
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Auth,
    Change,
    Connection,
    Fault,
    Gateway,
    Keepalive,
    Policy,
    Problem,
    Tunnel,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends

from tests.unit.build import (
    NET_A,
    NET_B,
    Row,
    child,
    child_sa,
    connection,
    edited,
    gateways,
    healthy,
    live,
    mirrored,
    settings,
    tunnel,
)
from tests.unit.rules.rows import rows

PUBKEY: dict[str, Any] = {
    "local": (Auth("local", "pubkey", "CN=a", ("a.pem",)),),
    "remote": (Auth("remote", "pubkey", "CN=b"),),
}
IPV6: dict[str, Any] = {
    "local_addrs": ("2001:db8::1",),
    "remote_addrs": ("2001:db8::2",),
    "children": (child(local_ts=("fd00:1::/64",), remote_ts=("fd00:2::/64",)),),
}
SEVERAL = (child(), child("voice", local_ts=("10.1.8.0/24",), remote_ts=("10.2.8.0/24",)))
ROUTED = child(start_action="start", close_action="start", route_based=True, settings=settings(if_id_in="7"))
DEFAULTS = (child(esp_proposals=("default",)),)


def _made(**values: Any) -> tuple[Gateway, Gateway]:
    return healthy(connection(**values))


def _asleep() -> tuple[Gateway, Gateway]:
    """Traps on both ends, and no traffic yet."""
    a, b = (edited(g, child={"start_action": "trap"}, sas=()) for g in healthy())
    ours, theirs = Policy("to-b", "net", "trap", (NET_A,), (NET_B,)), Policy("to-a", "net", "trap", (NET_B,), (NET_A,))
    return replace(a, policies=(ours,)), replace(b, policies=(theirs,))


def _any_responder() -> tuple[Gateway, Gateway]:
    a, b = healthy()
    return a, edited(b, connection={"remote_addrs": ("%any",)})


def _checked() -> tuple[Gateway, Gateway]:
    a, b = _made(children=(ROUTED,))
    return replace(a, keepalives=(Keepalive("to-b", "net", "systemd", 60.0, "timer"),)), b


def _trapping_responder() -> tuple[Gateway, Gateway]:
    a, b = healthy()
    return edited(a, child={"start_action": "start"}), edited(b, child={"start_action": "trap"})


def _rekeying() -> tuple[Gateway, Gateway]:
    """The overlap of a rekey: the old SA is still there for packets on their way."""
    a, b = healthy()
    both = [
        live(child_sa(swapped=end, state="REKEYED"), child_sa(number=2, swapped=end, install_time=7.0), on="ab"[end])
        for end in (False, True)
    ]
    return edited(a, sas=both[0]), edited(b, sas=both[1])


HEALTHY = {
    "a pre-shared key": healthy(),
    "certificates": _made(**PUBKEY),
    "traps only, asleep": _asleep(),
    "IPv6": _made(**IPV6),
    "several children": _made(children=SEVERAL),
    "a responder that answers any address": _any_responder(),
    "route-based with a periodic check": _checked(),
    "a responder with a trap": _trapping_responder(),
    "the overlap of a rekey": _rekeying(),
    "either IKE version": _made(version=0),
    "default proposals": _made(proposals=("default",), children=DEFAULTS),
    "default proposals and explicit ones": healthy(
        connection(), mirrored(connection(), proposals=("default",), version=0)
    ),
    "live state that cannot be read": tuple(replace(g, sas=None, policies=None) for g in healthy()),
}


@pytest.mark.parametrize("both", HEALTHY.values(), ids=HEALTHY)
def test_what_is_healthy_yields_no_finding(both: tuple[Gateway, Gateway]) -> None:
    tunnels, unpaired = pair_ends(both)
    assert (len(tunnels), unpaired) == (1, ())
    assert rules.diagnose(tunnels) == ()


@pytest.mark.parametrize("each", rules.list_rules(), ids=lambda each: each.id)
def test_every_rule_has_a_row_that_makes_it_speak_and_one_that_does_not(each: rules.Rule) -> None:
    assert {row.fires for row in rows() if row.rule == each.id} == {True, False}


def test_no_row_is_of_a_rule_that_does_not_exist() -> None:
    assert {row.rule for row in rows()} == {each.id for each in rules.list_rules()}


@pytest.mark.parametrize("each", rules.list_rules(), ids=lambda each: each.id)
def test_a_rule_explains_only_what_a_rule_finds_and_never_itself(each: rules.Rule) -> None:
    assert set(each.explains) <= {other.id for other in rules.list_rules()} - {each.id}


def test_a_rule_that_crashes_is_a_finding_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_tunnel: Tunnel) -> Iterator[Fault]:
        """Break."""
        raise KeyError("spam")

    broken = rules.Rule("broken", "critical", "", crash)
    there = rules.list_rules()
    monkeypatch.setattr(rules, "list_rules", lambda: (broken, *there))
    row = Row("dpd-off", "", a={"connection": {"dpd_delay": 0.0}})
    findings = rules.diagnose([tunnel(row)])
    assert [(f.id, f.severity) for f in findings] == [("dpd-off", "high"), ("rule-failed", "low")]
    assert findings[1].summary == "rule broken failed on this tunnel: KeyError: 'spam'"
    assert findings[1].no_fix


def test_findings_come_worst_first_then_by_tunnel() -> None:
    off = {"dpd_delay": 0.0}
    several = [
        replace(tunnel(Row("", "", a={"connection": change})), name=name)
        for name, change in (("z", {**off, "version": 1}), ("b", off), ("a", off))
    ]
    findings = [(f.id, f.tunnel) for f in rules.diagnose(several)]
    assert findings == [("ike-version-mismatch", "z"), ("dpd-off", "a"), ("dpd-off", "b"), ("dpd-off", "z")]


def test_two_rules_cannot_have_one_name_and_every_rule_needs_its_docstring() -> None:
    def silent(_tunnel: Tunnel) -> Iterator[Fault]:
        """Say nothing."""
        yield from ()

    with pytest.raises(ValueError, match="two rules are called dpd-off"):
        rules.rule("dpd-off", "high", reference="")(silent)
    silent.__doc__ = None
    with pytest.raises(ValueError, match="rule new has no docstring"):
        rules.rule("new", "high", reference="")(silent)


def test_a_connection_without_authentication_or_children_breaks_no_rule() -> None:
    bare = Connection("to-b", local_addrs=("192.0.2.1",), remote_addrs=("192.0.2.2",))
    tunnels, dummy = pair_ends(healthy(bare))
    assert [f for f in rules.diagnose(tunnels) if f.id == "rule-failed"] == []


@pytest.mark.parametrize("row", [row for row in rows() if row.fires], ids=str)
@pytest.mark.parametrize("side", [0, 1])
def test_nothing_is_concluded_from_a_configuration_that_was_not_read_whole(row: Row, side: int) -> None:
    both = list(gateways(row))
    both[side] = replace(both[side], problems=(*both[side].problems, Problem("config-broken", "no brace", "x.conf:3")))
    declared = [row.declared] if row.declared else ()
    tunnels, dummy = pair_ends(both, declared, psks=row.psks, probes=row.probes, attempts=row.attempts)
    families = {each.id: each.family for each in rules.list_rules()}
    for finding in rules.diagnose(map(attach_verdicts, tunnels)):
        assert families[finding.id] not in rules.SETTINGS
        changed = {fix.end.gateway for fix in finding.fix if isinstance(fix, Change)}
        assert both[side].name not in changed
        assert finding.fix or finding.no_fix
