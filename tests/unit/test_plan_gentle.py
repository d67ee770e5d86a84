"""Tunnels that are up: which changes go without a break, in which steps, and what the others cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Audit,
    Auth,
    DeclaredEnd,
    Gateway,
    Outage,
    Secret,
    Step,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.plan import plan

from tests.unit.build import (
    AES,
    Edit,
    connection,
    declared,
    edited,
    given,
    healthy,
    ike_sa,
    mirrored,
    secret,
    settings,
)

NEW = "aes128-sha384-ecp256"
BOTH = f"{NEW},{AES}"
HAS = {"settings": settings(proposals=AES, esp_proposals=AES)}
ENDS = (DeclaredEnd("a", "to-b"), DeclaredEnd("b", "to-a"))
IKEV1 = {"connection": {"version": 1, "settings": settings(version="1")}}
STARTS = {"child": {"start_action": "start"}}
NOWHERE = {"connection": {"remote_addrs": ("%any",)}}
OURS, THEIRS = secret(connection()), secret(mirrored(connection()))
TO_D2 = given("a-b", digest="d2")
NO_ADDRESS = "does not know its peer's address"
GENTLE = Outage(0.0, "make before break: the new SAs carry traffic before the old ones end")


def _audited(a: Edit, b: Edit, *, limit: Any = None, psks: Any = None, **wanted: Any) -> Audit:
    """The audit of the healthy tunnel with these differences, and this declaration."""
    both = [edited(g, **change) for g, change in zip(healthy(), (a, b), strict=True)]
    live = [
        replace(g, sas=tuple(replace(sa, version=g.connections[0].version or 2) for sa in g.sas or ())) for g in both
    ]
    return audit(live, declared=[declared(**wanted)] if wanted else (), limit=limit, psks=psks)


def _line(step: Step) -> str:
    """A step in one line: phase, gateway, what it sets; a + where it re-initiates, ++ without a break."""
    given = [f"{key}={value}" for key, value in step.settings.items()]
    given += [f"{child}.{key}={value}" for child, each in step.children.items() for key, value in each.items()]
    given += [f"psk {step.psk_use}"] if step.psk else []
    what = " ".join(given) or step.state
    again = step.reinitiate or step.state == "reinitiated"
    return f"{step.phase} {step.gateway} {what}" + "+" * again + "+" * step.make_before_break


def _two(first: Secret, last: Secret) -> dict[str, object]:
    """A gateway in the middle of an exchange of keys."""
    return {"secrets": (replace(first, name="ike-1"), replace(last, name="ike-2"))}


ORDERS: tuple[tuple[str, Edit, Edit, dict[str, Any], list[str]], ...] = (
    (
        "proposals: the responder has both lists meanwhile, the new one first",
        {"connection": HAS},
        {"connection": HAS},
        {"settings": {"proposals": NEW}},
        [f"responder b proposals={BOTH}", f"initiator a proposals={NEW}++", f"contract b proposals={NEW}"],
    ),
    (
        "of children too",
        {"child": HAS},
        {"child": HAS},
        {"child_settings": {"esp_proposals": NEW}},
        [
            f"responder b net.esp_proposals={BOTH}",
            f"initiator a net.esp_proposals={NEW}++",
            f"contract b net.esp_proposals={NEW}",
        ],
    ),
    (
        "back to strongSwan's own",
        {"connection": HAS},
        {"connection": HAS},
        {"settings": {"proposals": ""}},
        [f"responder b proposals=default,{AES}", "initiator a proposals=++", "contract b proposals="],
    ),
    (
        "what the ends need not agree on is not expanded",
        {},
        {},
        {"settings": {"dpd_delay": "10s"}, "child_settings": {"rekey_time": "30m"}},
        [
            "responder b dpd_delay=10s net.rekey_time=30m",
            "initiator a dpd_delay=10s net.rekey_time=30m++",
        ],
    ),
    (
        "only the responder: the initiator makes it live",
        {},
        {},
        {"ends": (ENDS[0], replace(ENDS[1], settings={"dpd_delay": "10s"}))},
        ["responder b dpd_delay=10s", "establish a reinitiated++"],
    ),
    (
        "only the initiator",
        {},
        {},
        {"ends": (replace(ENDS[0], settings={"dpd_delay": "10s"}), ENDS[1])},
        ["initiator a dpd_delay=10s++"],
    ),
    (
        "a responder that starts ends its SAs when it is loaded, so it makes them anew itself",
        {},
        STARTS,
        {"ends": (ENDS[0], replace(ENDS[1], settings={"dpd_delay": "10s"}))},
        ["responder b dpd_delay=10s net.start_action=none++"],
    ),
    (
        "ESP in UDP",
        {},
        {},
        {"settings": {"encap": "yes"}},
        ["responder b encap=yes", "initiator a encap=yes++"],
    ),
    (
        "IKEv1 to IKEv2: the responder answers both meanwhile",
        IKEV1,
        IKEV1,
        {"settings": {"version": "2"}},
        ["responder b version=0", "initiator a version=2++", "contract b version=2"],
    ),
    (
        "cut off after the responder was expanded",
        {"connection": HAS},
        {"connection": {"proposals": (NEW, AES), "settings": settings(proposals=BOTH)}},
        {"settings": {"proposals": NEW}},
        [f"initiator a proposals={NEW}++", f"contract b proposals={NEW}"],
    ),
    (
        "cut off before the responder was contracted: the tunnel is made anew, to be sure",
        {"connection": {"proposals": (NEW,), "settings": settings(proposals=NEW)}},
        {"connection": {"proposals": (NEW, AES), "settings": settings(proposals=BOTH)}},
        {"settings": {"proposals": NEW}},
        ["establish a reinitiated++", f"contract b proposals={NEW}"],
    ),
    (
        "another pre-shared key",
        {},
        {},
        {"psks": TO_D2},
        ["responder b psk accept", "initiator a psk sign++", "contract b psk only", "finish a psk only"],
    ),
    (
        "cut off after the responder accepts it",
        {},
        _two(replace(THEIRS, digest="d2"), THEIRS),
        {"psks": TO_D2},
        ["initiator a psk sign++", "contract b psk only", "finish a psk only"],
    ),
    (
        "cut off after the initiator signs with it",
        _two(OURS, replace(OURS, digest="d2")),
        _two(replace(THEIRS, digest="d2"), THEIRS),
        {"psks": TO_D2},
        ["establish a reinitiated++", "contract b psk only", "finish a psk only"],
    ),
    (
        "cut off before the initiator forgets the old key: no SA is touched",
        _two(OURS, replace(OURS, digest="d2")),
        {"secrets": (replace(THEIRS, digest="d2"),)},
        {"psks": TO_D2},
        ["finish a psk only"],
    ),
    (
        "our responder alone: it accepts both, and is not contracted",
        {"connection": HAS},
        {"connection": HAS},
        {"settings": {"proposals": NEW}, "limit": ["b"]},
        [f"responder b proposals={BOTH}"],
    ),
    (
        "and the next run changes nothing",
        {"connection": HAS},
        {"connection": {"proposals": (NEW, AES), "settings": settings(proposals=BOTH)}},
        {"settings": {"proposals": NEW}, "limit": ["b"]},
        [],
    ),
    (
        "our initiator alone, whose peer has only the old",
        {"connection": HAS},
        {"connection": HAS},
        {"settings": {"proposals": NEW}, "limit": ["a"]},
        [f"initiator a proposals={BOTH}++"],
    ),
    (
        "our initiator alone, whose peer speaks only IKEv1",
        IKEV1,
        IKEV1,
        {"settings": {"version": "2"}, "limit": ["a"]},
        [],
    ),
    (
        "our initiator alone, whose peer has not the new key",
        {},
        {},
        {"psks": TO_D2, "limit": ["a"]},
        ["initiator a psk accept++"],
    ),
    (
        "our initiator alone, whose peer accepts the new key",
        {},
        _two(replace(THEIRS, digest="d2"), THEIRS),
        {"psks": TO_D2, "limit": ["a"]},
        ["initiator a psk sign++"],
    ),
    ("neither", {"connection": HAS}, {"connection": HAS}, {"settings": {"proposals": NEW}, "limit": []}, []),
)  # fmt: skip


@pytest.mark.parametrize(("a", "b", "how", "expected"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_a_tunnel_that_is_up_is_changed_without_a_break(
    a: Edit, b: Edit, how: Mapping[str, Any], expected: list[str]
) -> None:
    found = _audited(a, b, **how)
    assert [_line(step) for step in found.steps] == expected
    assert {outage.seconds for outage in found.outages.values()} <= {0.0}


COSTS: tuple[tuple[str, Edit, Edit, dict[str, Any], Outage], ...] = (
    ("make before break", {}, {}, {"settings": {"dpd_delay": "10s"}}, GENTLE),
    (
        "a selector",
        {},
        {},
        {"ends": (replace(ENDS[0], child_settings={"local_ts": "10.1.0.0/16"}), ENDS[1])},
        Outage(
            2.0, "local_ts of a/to-b cannot be changed while the old value is still accepted: it is re-initiated once"
        ),
    ),
    (
        "an initiator that knows no address",
        {**NOWHERE, "child": {"start_action": "trap"}},
        {},
        {"settings": {"dpd_delay": "10s"}, "initiator": "a"},
        Outage(2.0, f"a/to-b {NO_ADDRESS}: it is re-initiated once"),
    ),
    (
        "a responder that refuses a second IKE_SA",
        {},
        {"connection": {"unique": "keep"}},
        {"settings": {"dpd_delay": "10s"}},
        Outage(2.0, "unique = keep of b/to-a refuses a second IKE_SA: it is re-initiated once"),
    ),
    (
        "a responder that generates its configuration",
        {},
        {"settable": ("dpd_delay",), "child": {"policies": False}},
        {"settings": {"dpd_delay": "10s"}},
        Outage(2.0, "a routed child of b/to-a has one value at a time: it is re-initiated once"),
    ),
    (
        "a responder that generates its configuration, and has one key for a peer",
        {},
        {"settable": ("dpd_delay",)},
        {"psks": TO_D2},
        Outage(2.0, "the pre-shared key of b/to-a has one value at a time: it is re-initiated once"),
    ),
    (
        "a responder that starts, and cannot",
        {},
        {"child": {"start_action": "start"}, "connection": {"remote_addrs": ("%any",)}},
        {"settings": {"dpd_delay": "10s"}},
        Outage(2.0, f"b/to-a ends its SAs when it is loaded, and {NO_ADDRESS}: it is re-initiated once"),
    ),
    (
        "a responder that starts again what is closed",
        {},
        {"child": {"close_action": "start"}},
        {"settings": {"dpd_delay": "10s"}},
        Outage(2.0, "b/to-a starts the tunnel again when it is closed: it is re-initiated once"),
    ),
    (
        "a responder that starts, whose peer starts again what is closed",
        {"child": {"close_action": "start"}},
        {"child": {"start_action": "start"}},
        {"settings": {"dpd_delay": "10s"}},
        Outage(
            2.0, "b/to-a ends its SAs when it is loaded, and a/to-b starts them again: it is re-initiated once"
        ),
    ),
    (
        "our responder alone, whose peer starts again what is closed",
        {"child": {"close_action": "start"}},
        {},
        {"settings": {"dpd_delay": "10s"}, "limit": ["b"]},
        Outage(2.0, "a/to-b starts the tunnel again when it is closed: it is re-initiated once"),
    ),
    (
        "IKEv1 to stay",
        IKEV1,
        IKEV1,
        {"settings": {"dpd_delay": "10s"}},
        Outage(2.0, "IKEv1 takes a second IKE_SA for a reauthentication of the first: it is re-initiated once"),
    ),
    (
        "two keys with IKEv1",
        IKEV1,
        IKEV1,
        {"psks": TO_D2, "settings": {"version": "2"}},
        Outage(2.0, "IKEv1 tries one pre-shared key only: it is re-initiated once"),
    ),
    (
        "keys that differ now",
        {},
        {"secrets": (replace(THEIRS, digest="d3"),)},
        {"psks": TO_D2},
        Outage(2.0, "the two ends have no pre-shared key in common: it is re-initiated once"),
    ),
    (
        "a tunnel that is down",
        {"sas": ()},
        {"sas": ()},
        {"settings": {"dpd_delay": "10s"}},
        Outage(0.0, "it is down before, so nothing is interrupted"),
    ),
    (
        "a file that is loaded, of the end that starts its child",
        {"connection": {"differs": ("net.rekey_time: 1h in the file, 2h in the daemon",)}},
        {},
        {},
        Outage(2.0, "an edited connection is reloaded: strongSwan closes its children and starts them again"),
    ),
    (
        "a file that is loaded, of the end that answers",
        {},
        {"connection": {"differs": ("net.rekey_time: 1h in the file, 2h in the daemon",)}},
        {},
        Outage(0.0, "no step touches live SAs"),
    ),
)  # fmt: skip


@pytest.mark.parametrize(("a", "b", "how", "cost"), [row[1:] for row in COSTS], ids=[row[0] for row in COSTS])
def test_what_a_plan_costs_is_said_before(a: Edit, b: Edit, how: Mapping[str, Any], cost: Outage) -> None:
    assert _audited(a, b, **how).outages == {"a-b": cost}


def test_what_cannot_go_without_a_break_goes_with_one() -> None:
    found = _audited({}, {"connection": {"unique": "keep"}}, settings={"proposals": NEW})
    assert [_line(step) for step in found.steps] == [f"responder b proposals={NEW}", f"initiator a proposals={NEW}+"]


def test_a_tunnel_that_is_not_known_to_be_up_is_not_made_before_it_is_broken() -> None:
    found = _audited({}, {}, settings={"proposals": NEW})
    steps = plan(found.tunnels, found.findings).steps
    assert not any(step.make_before_break for step in steps)


def test_others_are_told_the_values_that_count_in_the_end() -> None:
    found = _audited({}, {}, settings={"proposals": NEW}, limit=["a"])
    assert found.advice == (f"b: connection to-a: set proposals = {NEW} (a-b: setting-deviates)",)


def test_a_key_is_compared_only_where_both_ends_use_keys() -> None:
    certificates = {"connection": {"local": (Auth("local", "pubkey", "a.example"),)}}
    assert "psk-to-rotate" not in {f.id for f in _audited(certificates, {}, psks=TO_D2).findings}


def _gateways() -> tuple[Gateway, Gateway]:
    a, b = healthy()
    weak = {"encr": "AES_CBC-128", "integ": "HMAC_SHA1_96", "prf": "PRF_HMAC_SHA1", "dh_group": "MODP_1024"}
    return replace(a, sas=(replace(ike_sa(a.connections[0]), **weak),)), b  # type: ignore[arg-type]


def test_a_proof_tells_whether_the_sas_use_what_is_offered() -> None:
    found = audit(_gateways())
    proof = found.proofs["a-b"]
    assert (proof.crosswise, proof.adopted) == (True, False)
    used = "AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024"
    assert proof.missing == (f"a/to-b: its IKE_SA uses {used}, and it offers {AES} only",)
    assert [_line(step) for step in found.steps] == ["establish a reinitiated++"]


@pytest.mark.parametrize("one", ["a", "b"])
def test_a_key_is_not_put_beside_another_where_an_end_has_one_for_a_peer(one: str) -> None:
    """A pfSense refuses psk_use other than only, so no plan may ask for it, nor its peer wait for it."""
    edits: dict[str, Edit] = {"a": {}, "b": {}, one: {"settable": ("dpd_delay",)}}
    steps = [step for step in _audited(edits["a"], edits["b"], psks=TO_D2).steps if step.psk]
    assert {(step.gateway, step.psk_use) for step in steps} == {("a", "only"), ("b", "only")}
