"""How long things last: SAs until their rekey, a dead peer until it is noticed, certificates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Auth,
    Certificate,
    Daemon,
    Retransmission,
    System,
)

from tests.unit.build import Row, check, child_sa, live, settings, tunnel

DAY = 86400.0
NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
CLOCK = {"system": System(init="systemd", time=NOW)}
DPD = {"settings": settings(dpd_timeout="60s"), "dpd_timeout": 60.0}
QUICK = Daemon(installed=True, running=True, retransmission=Retransmission(tries=2, timeout=3.0, base=2.0, limit=5.0))
PUBKEY = {"local": (Auth("local", "pubkey", "CN=a, O=x"),), "remote": (Auth("remote", "pubkey", "b.example"),)}
PUBKEY_B = {"local": (Auth("local", "pubkey", "b.example"),), "remote": (Auth("remote", "pubkey", "CN=a, O=x"),)}
PEER = {**CLOCK, "connection": PUBKEY_B}


def _aged(age: float, left: float | None, on: str = "a", **values: object) -> dict[str, object]:
    old = child_sa(swapped=on == "b", install_time=age, life_time=left, **values)
    return {"sas": live(old, on=on)}


def _old(age: float, left: float | None, **values: object) -> tuple[dict[str, object], dict[str, object]]:
    """Both ends hold the SA; the initiator's times are what counts."""
    return _aged(age, left, **values), _aged(age, None, "b")


def _due(on: str = "a", **values: object) -> dict[str, object]:
    return {"sas": tuple(replace(ike, **values) for ike in live(child_sa(swapped=on == "b"), on=on))}  # type: ignore[arg-type]


def _until(days: float, subject: str = "O=x, CN=a", life: float = 365.0, **values: object) -> Certificate:
    begin, end = (datetime.fromtimestamp(NOW + at * DAY, UTC).isoformat() for at in (days - life, days))
    given: dict[str, object] = {"private_key": True, "not_before": begin, "not_after": end, **values}
    return Certificate(subject, **given)  # type: ignore[arg-type]


def _holds(*certificates: Certificate, **values: object) -> dict[str, object]:
    return {**CLOCK, "connection": PUBKEY, "certificates": certificates, **values}


def _times(start: str = "none", **values: object) -> dict[str, object]:
    return {"child": {"start_action": start, **values}}


EXACT = {"rekey_time": 3000.0, "rand_time": 0.0}
TENTH = ("b/to-a/net: rand_time = 300s",)
SECOND = {"rekey_time": 3000.0, "rand_time": 30.0}
ROWS = (
    Row("rekey-overdue", "on the initiator", *_old(3800.0, 160.0), remedies=()),
    Row("rekey-overdue", "on the responder", _aged(3800.0, None), _aged(3800.0, 160.0, "b"), ()),
    Row("rekey-overdue", "the daemon says how long ago", *_old(3800.0, 160.0, rekey_time=-200.0), remedies=()),
    Row("rekey-overdue", "it is being tried", *_old(3700.0, 260.0)),
    Row("rekey-overdue", "the daemon has put it off", *_old(3800.0, 160.0, rekey_time=5.0)),
    Row("rekey-overdue", "the SA lasts for long", *_old(3800.0, 7000.0)),
    Row("rekey-overdue", "an SA without an end", *_old(3800.0, None)),
    Row("rekey-overdue", "no rekey is wanted",
        {**_times("trap|start", rekey_time=0.0), **_aged(3800.0, 160.0)}, _aged(3800.0, None, "b")),
    Row("rekey-overdue", "the old SA of a rekey",
        {"sas": live(child_sa(number=2), child_sa(state="REKEYED", install_time=3800.0, life_time=160.0))},
        {"sas": live(child_sa(number=2, swapped=True), child_sa(swapped=True, state="REKEYED"), on="b")}),
    Row("ike-rekey-overdue", "on the initiator", _due(rekey_time=-300.0), _due("b", rekey_time=700.0), ()),
    Row("ike-rekey-overdue", "reauthentication, on the responder", b=_due("b", reauth_time=-300.0), remedies=()),
    Row("ike-rekey-overdue", "it is about time", _due(rekey_time=-100.0), _due("b", rekey_time=0.0)),
    Row("ike-rekey-overdue", "it is being rekeyed", _due(rekey_time=-300.0, state="REKEYING")),
    Row("ike-rekey-overdue", "neither is wanted", _due()),
    Row("dpd-timeout-ignored", "IKEv2 alone", {"connection": DPD}, remedies=()),
    Row("dpd-timeout-ignored", "its gateway waits less", {"connection": DPD, "daemon": QUICK}, remedies=()),
    Row("dpd-timeout-ignored", "IKEv2 alone, on the responder", b={"connection": DPD}, remedies=()),
    Row("dpd-timeout-ignored", "IKEv1 may be spoken", {"connection": {**DPD, "version": 0}}),
    Row("dpd-timeout-ignored", "IKEv1 goes by it",
        {"connection": {**DPD, "version": 1}}, {"connection": {**DPD, "version": 1}}),
    Row("dpd-timeout-ignored", "it is not set", {"connection": {"dpd_delay": 10.0}}),
    Row("dpd-timeout-ignored", "0 is off",
        {"connection": {"settings": settings(dpd_timeout="0s"), "dpd_timeout": 0.0}}),
    Row("lifetimes-equal", "no random part", {"child": EXACT}, _times(**EXACT), TENTH),
    Row("lifetimes-equal", "both start, a small random part",
        {"child": SECOND}, _times("start", **SECOND), TENTH, also=("both-initiate",)),
    Row("lifetimes-equal", "both start, the default random part",
        _times("start", rekey_time=3000.0, close_action="start", dpd_action="start"),
        _times("trap", rekey_time=3000.0)),
    Row("lifetimes-equal", "one starts, a small random part", {"child": SECOND}, _times(**SECOND)),
    Row("lifetimes-equal", "one end is random", {"child": EXACT}, _times(rekey_time=3000.0)),
    Row("lifetimes-equal", "one end is later", {"child": EXACT}, _times(**{**EXACT, "rekey_time": 3300.0})),
    Row("lifetimes-equal", "no end rekeys",
        {"child": {**EXACT, "rekey_time": 0.0}}, _times(**{**EXACT, "rekey_time": 0.0})),
    Row("certificate-expired", "the only one with a key", _holds(_until(-2)), PEER, ()),
    Row("certificate-expired", "by common name, of several",
        _holds(_until(-2, "C=CH, CN=a.example"), _until(9, "CN=other"), connection={
            **PUBKEY, "local": (Auth("local", "pubkey", "a.example"),)}),
        {**PEER, "connection": {**PUBKEY_B, "remote": (Auth("remote", "pubkey", "a.example"),)}}, ()),
    Row("certificate-expired", "by its whole name, of several",
        _holds(_until(-2, "CN=A,O=x"), _until(9, "CN=a, O=other")), PEER, ()),
    Row("certificate-expired", "of the responder", _holds(),
        {**PEER, "certificates": (_until(-1, "CN=b.example"),)}, ()),
    Row("certificate-expired", "a newer one is there", _holds(_until(-2), _until(300)), PEER),
    Row("certificate-expired", "somebody else's, without a key", _holds(_until(-2, private_key=False)), PEER),
    Row("certificate-expired", "of another connection", _holds(_until(-2, "CN=x"), _until(200, "CN=y")), PEER),
    Row("certificate-expired", "a pre-shared key proves the end", {**CLOCK, "certificates": (_until(-2),)}, CLOCK),
    Row("certificate-expired", "no clock could be read",
        {**_holds(_until(-2)), "system": System(init="systemd")}, {"connection": PUBKEY_B}),
    Row("certificate-expired", "its end could not be read", _holds(_until(-2, not_after="June")), PEER),
    Row("certificate-near-expiry", "in less than 14 days", _holds(_until(13)), PEER, ()),
    Row("certificate-near-expiry", "its begin is not known", _holds(_until(13, not_before=None)), PEER, ()),
    Row("certificate-near-expiry", "in more than 14 days", _holds(_until(15)), PEER),
    Row("certificate-near-expiry", "one that lives for a week, renewed yesterday", _holds(_until(6, life=7)), PEER),
    Row("certificate-near-expiry", "one that lives for a week, in its last hours",
        _holds(_until(0.5, life=7)), PEER, ()),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_lasts_too_long_or_too_short_is_seen_and_nothing_else(row: Row) -> None:
    check(row)


@pytest.mark.parametrize(
    ("case", "end", "says", "evidence"),
    [
        (
            "on the responder",
            "b/to-a/net",
            "to be rekeyed 200 s ago and ends in 160 s",
            "b swanctl.conf:20: rekey_time",
        ),
        ("IKEv2 alone", "a/to-b", "after up to 30 + 165 = 195 s", "a swanctl.conf:11: dpd_timeout = 60s"),
        (
            "its gateway waits less",
            "a/to-b",
            "after up to 30 + 13 = 43 s",
            "a: charon.retransmit_tries = 2, retransmit_timeout = 3, retransmit_base = 2, retransmit_limit = 5",
        ),
        ("no random part", "b/to-a/net", "both rekey after 3000 s", "b swanctl.conf:20: rand_time"),
        ("the only one with a key", "a/to-b", "O=x, CN=a, expired on 2026-05-30", "a swanctl.conf:10: local.certs"),
        ("in less than 14 days", "a/to-b", "expires on 2026-06-14", "a: serial unknown, not after 2026-06-14"),
    ],
)
def test_a_finding_says_where_what_and_by_which_line(case: str, end: str, says: str, evidence: str) -> None:
    (found,) = diagnose([tunnel(next(row for row in ROWS if row.case == case))])
    assert str(found.end) == end
    assert says in found.summary
    assert any(line.startswith(evidence) for line in found.evidence)
