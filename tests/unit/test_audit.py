"""The stages in their order: what cannot be read becomes a finding and hides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.gateways import HARMLESS
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_causes
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Audit,
    Daemon,
    DeclaredEnd,
    DeclaredTunnel,
    DesiredPsk,
    Gateway,
    Ping,
    Problem,
    System,
    TunnelProof,
    to_plain,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair.selection import select_names
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify.ping_targets import list_probes
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify.unproven import (
    find_unproven,
    list_attempts,
)

from tests.unit.build import AES, child, connection, declared, edited, healthy, probe
from tests.unit.policy.rows import no_file
from tests.unit.shapes import couples


def _wanted(found: Audit) -> dict[str, list[dict[str, object]]]:
    return list_probes(found.tunnels, found.proofs)


def test_a_healthy_pair_is_one_tunnel_with_its_proof_and_nothing_else() -> None:
    assert to_plain(audit(healthy(), probes=(probe(), probe("b")))) == {
        **to_plain(audit(healthy(), probes=(probe(), probe("b")))),
        "findings": [], "steps": [], "advice": [], "unpaired": [], "unreadable": {},
        "proofs": {"a-b": {"crosswise": True, "traffic": True, "missing": [], "adopted": True, "unread": []}},
        "outages": {},
    }  # fmt: skip


def test_nothing_read_is_an_empty_audit() -> None:
    assert audit(()) == Audit((), (), (), (), (), {}, {})


def test_a_gateway_that_could_not_be_read_is_a_finding_and_hides_no_other() -> None:
    a, b = healthy()
    found = audit((a, edited(b, connection={"dpd_delay": 0.0})), unreadable={"c": "timed out"})
    assert [(f.id, f.severity, str(f.end)) for f in found.findings] == [
        ("gateway-unreadable", "critical", "c"),
        ("dpd-off", "high", "b/to-a"),
    ]
    assert found.findings[0].summary == "c could not be read: timed out"
    assert found.unreadable == {"c": "timed out"}
    assert [step.gateway for step in found.steps] == ["b", "a"]


PROBLEMS = (
    ("config-broken", ["gateway-unreadable"]),
    ("no-permission", ["gateway-unreadable"]),
    *((kind, []) for kind in HARMLESS),
)


@pytest.mark.parametrize(("kind", "ids"), PROBLEMS)
def test_a_part_that_could_not_be_read_is_a_finding_unless_it_hides_nothing(kind: str, ids: list[str]) -> None:
    a, b = healthy()
    found = audit((a, replace(b, problems=(Problem(kind, "what", "swanctl.conf:3", "do this"),)))).findings
    assert [f.id for f in found] == ids
    assert all((f.evidence, f.no_fix) == (("b swanctl.conf:3",), "do this") for f in found)


def test_a_stopped_daemon_is_a_finding_also_where_no_tunnel_of_it_is_known() -> None:
    a, b = healthy()
    stopped = replace(a, sas=None, daemon=Daemon(installed=True, running=False))
    (alone,) = audit([stopped]).findings
    assert (alone.id, str(alone.end), alone.tunnel, bool(alone.no_fix)) == ("daemon-stopped", "a", "", True)
    assert [(f.id, f.tunnel) for f in audit([stopped, b]).findings] == [("daemon-stopped", "a-b")]


def test_the_limit_makes_advice_of_the_other_ends_steps() -> None:
    found = audit([edited(g, connection={"dpd_delay": 0.0}) for g in healthy()], limit=["a"])
    assert [step.gateway for step in found.steps] == ["a"]
    assert found.advice == ("b: connection to-a: set dpd_delay = 30s (a-b: dpd-off)",)


def test_a_declared_connection_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IpsecError, match="'nowhere', which is not there"):
        audit(healthy(), declared=[DeclaredTunnel("x", (DeclaredEnd("a", "nowhere"), DeclaredEnd("b", "to-a")))])


def test_each_end_pings_from_its_own_address_inside_the_selectors_to_its_peers() -> None:
    assert _wanted(audit(healthy())) == {
        "a": [{"connection": "to-b", "child": "net", "pings": [{"from": "10.1.0.1", "to": "10.2.0.1"}]}],
        "b": [{"connection": "to-a", "child": "net", "pings": [{"from": "10.2.0.1", "to": "10.1.0.1"}]}],
    }


def test_declared_pings_run_where_their_source_is() -> None:
    pings = (Ping("10.1.0.9", "10.2.0.9"), Ping("10.2.0.8", "10.1.0.8"))
    assert _wanted(audit(healthy(), declared=[declared(ping=pings)])) == {
        "a": [{"connection": "to-b", "child": "net", "pings": [{"from": "10.1.0.9", "to": "10.2.0.9"}]}],
        "b": [{"connection": "to-a", "child": "net", "pings": [{"from": "10.2.0.8", "to": "10.1.0.8"}]}],
    }


def _without_addresses() -> tuple[Gateway, Gateway]:
    a, b = healthy()
    return a, replace(b, system=System())


UNPINGED = {
    "no address inside the selectors": _without_addresses(),
    "SAs that do not match": (healthy()[0], edited(healthy()[1], sas=())),
    "dynamic selectors": healthy(connection(children=(child(local_ts=("dynamic",), remote_ts=("dynamic",)),))),
}


@pytest.mark.parametrize("both", UNPINGED.values(), ids=UNPINGED)
def test_what_cannot_be_pinged_is_not(both: tuple[Gateway, Gateway]) -> None:
    assert _wanted(audit(both)) == {}


def test_a_selector_with_ports_and_an_address_with_a_zone_are_looked_into() -> None:
    ours = child(local_ts=("10.1.0.0/24[tcp]",), remote_ts=("10.2.0.0/24",))
    a, b = healthy(connection(children=(ours,)))
    a = replace(a, system=System(addresses=("lo 127.0.0.1/8", "eth0 fe80::1%eth0/64", "lan0 10.1.0.4/24")))
    assert _wanted(audit((a, b)))["a"][0]["pings"] == [{"from": "10.1.0.4", "to": "10.2.0.1"}]


def test_a_proof_that_is_missing_says_what_is_missing() -> None:
    a, b = healthy()
    assert audit((a, edited(b, sas=()))).proofs == {
        "a-b": TunnelProof(crosswise=False, traffic=None, missing=("no CHILD_SA of net that both ends hold",))
    }


def test_of_several_addresses_inside_the_selectors_the_one_that_is_listed_first_pings() -> None:
    a, b = healthy()
    several = ("lan0 10.1.0.9/24", "lan0 10.1.0.4/24", "lan1 10.1.1.1/24", "lan0 fd00::1/64")
    found = _wanted(audit((replace(a, system=System(addresses=several)), b)))
    assert found["a"][0]["pings"] == [{"from": "10.1.0.9", "to": "10.2.0.1"}]


THREE, ALL = tuple(couples(3)), ["a0-b0", "a1-b1", "a2-b2"]


@pytest.mark.parametrize(
    ("only", "chosen"),
    [((), ALL), (("a0-b0",), ALL[:1]), (("a[12]*",), ALL[1:]), (("*-b2", "a0-b0"), [ALL[0], ALL[2]])],
)
def test_only_what_is_named_is_told_planned_and_probed(only: tuple[str, ...], chosen: list[str]) -> None:
    broken = tuple(edited(gateway, connection={"dpd_delay": 0.0}) for gateway in THREE)
    found = audit(broken, unreadable={"z": "timed out"}, only=only)
    assert [tunnel.name for tunnel in found.tunnels] == chosen
    assert {step.tunnel for step in found.steps} == set(chosen)
    unread = [] if only == ("a0-b0",) else [""]  # what a pattern means may end at a gateway that was not read
    assert {finding.tunnel for finding in found.findings} == {*chosen, *unread}
    assert set(found.proofs) == set(found.outages) == set(chosen)


def test_of_a_chosen_tunnel_that_is_not_whole_the_ends_are_told() -> None:
    a, dummy = healthy()
    found = audit((a, *THREE), declared=[declared()], unreadable={"b": "timed out"}, only=[declared().name])
    assert [str(each.end) for each in found.unpaired] == ["a/to-b"]
    assert [str(finding.end) for finding in found.findings] == ["b"]


NAMES = (
    ({"only": ["a0-b9"]}, "no tunnel is called 'a0-b9' at ipsec_only: do you mean a0-b0?"),
    ({"only": ["x"]}, "no tunnel is called 'x' at ipsec_only: there are a0-b0, a1-b1, a2-b2"),
    ({"only": ["x*"], "unreadable": {"z": "timed out"}}, "there are a0-b0, a1-b1, a2-b2; z could not be read whole"),
)


@pytest.mark.parametrize(("given", "message"), NAMES)
def test_a_name_that_no_tunnel_has_is_an_error_that_says_what_was_meant(given: dict[str, Any], message: str) -> None:
    with pytest.raises(IpsecError, match=re.escape(message)):
        audit(THREE, **given)


def _down(
    *, dpd: float = 30.0, key: str = "d1", proposals: tuple[str, ...] = (AES,), reached: bool = True
) -> tuple[Gateway, ...]:
    """The healthy pair without SAs, and what else is wrong with its second gateway."""
    a, b = (replace(gateway, sas=()) for gateway in healthy())
    b = edited(b, connection={"dpd_delay": dpd, "proposals": proposals})
    b = replace(b, secrets=tuple(replace(each, digest=key) for each in b.secrets))
    return a, b if reached else replace(b, system=replace(b.system, addresses=()))


@pytest.mark.parametrize(
    ("gateways", "given", "limit", "left"),
    [
        (healthy(), {}, None, ""),
        (_down(dpd=0.0), {}, None, ""),
        (_down(key="other"), {}, None, "psk-mismatch"),
        (_down(key="other"), {}, ["z"], ""),
        (_down(key="other"), {"psks": {"a-b": DesiredPsk()}}, None, ""),
        (_down(dpd=0.0, reached=False), {}, None, "nothing inside its networks can be pinged"),
        (_down(dpd=0.0), {"repair": {"load"}}, None, "not-installed: not repaired automatically"),
        (
            _down(proposals=("aes128-sha1-modp2048",)),
            {"policy": (load("baseline", no_file), date(2026, 11, 29))},
            None,
            "",
        ),  # what a policy asks for besides
    ],
)
def test_what_a_run_would_leave_unproven_is_foretold(
    gateways: tuple[Gateway, ...], given: dict[str, Any], limit: list[str] | None, left: str
) -> None:
    found = find_unproven(audit(gateways, limit=limit, **given), list_causes(), limit)
    assert set(found) == ({"a-b"} if left else set())
    assert all(why.startswith(left) for why in found.values())


def test_a_gateway_read_in_part_leaves_its_tunnels_unknown_and_is_told() -> None:
    a, b = healthy()
    said = "this user may not open the socket"
    blind = replace(b, sas=None, problems=(Problem("no-permission", said, "", "use become"),))
    gateways = (a, blind, *THREE)
    assert audit(gateways).proofs["a-b"].state == "unknown"
    for only, told in ((), {"b": said}), (["a-b"], {"b": said}), (["a0-b0"], {}), (["a0*"], {"b": said}):
        assert audit(gateways, only=only).read_in_part == told
    declared_alone = (a, replace(b, connections=(), problems=(Problem("config-broken", "no brace"),)))
    assert audit(declared_alone, declared=[declared()], only=["a-b"]).read_in_part == {"b": "no brace"}
    assert audit((replace(b, problems=(Problem("ha-secondary", "it is the secondary"),)),)).read_in_part == {}


def test_where_a_pattern_is_given_no_gateway_that_was_not_read_is_forgotten() -> None:
    for only, told in ((["a0-b0"], []), (["a0*"], ["z"])):
        found = audit(THREE, unreadable={"z": "timed out"}, only=only)
        assert [str(finding.end) for finding in found.findings] == told == list(found.unreadable)


def test_a_name_that_looks_like_a_pattern_is_a_name() -> None:
    assert select_names(["a[1]", "a1", "b"], ["a[1]"]) == ["a[1]"]
    assert select_names(["a[1]", "a1", "b"], ["a[0-9]"]) == ["a1"]


def test_what_is_tried_is_the_tunnel_that_is_down_or_each_child_of_it_that_is() -> None:
    ours = connection(children=(child("net"), child("more", local_ts=("10.1.9.0/24",), remote_ts=("10.2.9.0/24",))))
    a, b = healthy(ours)
    assert list_attempts(audit((a, b))) == {}
    down = (edited(a, sas=()), edited(b, sas=()))
    whole = [
        {"gateway": "b", "connection": "to-a", "child": None},
        {"gateway": "a", "connection": "to-b", "child": None},
    ]
    assert list_attempts(audit(down)) == {"a-b": whole}
    part = tuple(replace(g, sas=tuple(replace(ike, children=ike.children[:1]) for ike in g.sas or ())) for g in (a, b))
    assert list_attempts(audit(part)) == {"a-b": [{**each, "child": "more"} for each in whole]}
    assert list_attempts(audit((a, edited(b, sas=None)))) == {}


def test_what_another_node_carries_is_not_tried_since_that_would_take_it_over() -> None:
    """The hub is up with the other node of a cluster, which was not read."""
    a, b = healthy()
    elsewhere = tuple(
        replace(ike, initiator_spi="99", responder_spi="98", remote_id="c.example") for ike in a.sas or ()
    )
    assert list_attempts(audit((edited(a, sas=elsewhere), edited(b, sas=())))) == {}
