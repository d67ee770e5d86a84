"""Attempts to initiate, as real daemons logged them (6.0.1), and what is concluded from both logs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.analysis.attempts import judge_attempts
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_rules
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    InitiationAttempt,
    InitiationResult,
    Logger,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log_signatures import SIGNATURES

from tests.unit.build import A, B, Row, check, connection, tunnel

DOWN = {"sas": ()}
ABOUT = "Nov 21 03:44:50 {thread}[{words}"


def _packet(way: str, source: str, target: str, size: int, port: int = 500) -> str:
    return f"NET] {way} packet: from {source}[{port}] to {target}[{port}] ({size} bytes)"


SENT, GOT = _packet("sending", A, B, 240), _packet("received", A, B, 240)
ANSWERED, ANSWER = _packet("sending", B, A, 248), _packet("received", B, A, 248)
AGAIN = "IKE] retransmit 1 of request with message ID 0"
UNPROVEN = "IKE] received AUTHENTICATION_FAILED notify error"
NONE_CHOSEN = "IKE] received NO_PROPOSAL_CHOSEN notify error"
NO_CHILD = "IKE] received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built"
NO_SELECTORS = "IKE] received TS_UNACCEPTABLE notify, no CHILD_SA built"


def _logged(*words: str, thread: int = 12) -> tuple[str, ...]:
    return tuple(ABOUT.format(thread=thread, words=each) for each in words)


def _attempt(
    own: tuple[str, ...], peer: tuple[str, ...] | None = (), *, by: str = "a", works: bool = False
) -> InitiationAttempt:
    """An attempt by the end `a`: what swanctl printed there, and what the other end's log file has."""
    log = tuple(f"[{line}" for line in own)
    heard = None if peer is None else _logged(*peer)
    return InitiationAttempt(by, {"a": "to-b", "b": "to-a"}[by], works, log, heard)


def _refusal(cause: str) -> tuple[InitiationAttempt, ...]:
    return (_attempt((SENT, ANSWER, TOLD.get(cause, UNPROVEN)), (GOT, REASONS[cause])),)


NO_CONFIG = f"IKE] no IKE config found for {B}...{A}, sending NO_PROPOSAL_CHOSEN"
REASONS = {
    "psk-mismatch": "IKE] tried 1 shared key for 'b.example' - 'a.example', but MAC mismatched",
    "psk-missing": "IKE] no shared key found for 'b.example' - 'a.example'",
    "identity-mismatch": "CFG] no matching peer config found",
    "ike-proposals-disjoint": "IKE] received proposals unacceptable",
    "esp-proposals-disjoint": "IKE] no acceptable proposal found",
    "selectors-not-mirrored": "IKE] traffic selectors 10.6.1.0/24 === 10.6.2.0/24 unacceptable",
    "connection-unknown": NO_CONFIG,
    "authentication-refused": "CFG] constraint check failed: RULE_CRL_VALIDATION is FAILED, but requires at least GOOD",
    "kernel-refused": "IKE] unable to install IPsec policies (SPD) in kernel",
}
TOLD = {  # what the initiator hears of it; of policies, child_create.c tells the same as of selectors
    "ike-proposals-disjoint": NONE_CHOSEN,
    "esp-proposals-disjoint": NO_CHILD,
    "selectors-not-mirrored": NO_SELECTORS,
    "connection-unknown": NONE_CHOSEN,
    "kernel-refused": NO_SELECTORS,
}
SILENT = (_attempt((SENT, AGAIN)),)
WORKS = _attempt(("IKE] CHILD_SA net{1} established",), (), works=True)
FLOATED, ARRIVED = _packet("sending", A, B, 272, 4500), _packet("received", A, B, 272, 4500)
LARGE = _packet("sending", A, B, 1236)
LOST = (_attempt((SENT, AGAIN), (GOT, ANSWERED)),)
FIRST = (SENT, ANSWER)
HEARD = (GOT, ANSWERED)
NAT = "192.0.2.254"
BEHIND_NAT = (_packet("received", NAT, B, 240), NO_CONFIG, _packet("sending", B, NAT, 36))
BEHIND_ANOTHER = tuple(line.replace(NAT, "192.0.2.253") for line in BEHIND_NAT)
QUIET = (Logger("journal", {"default": 1, "net": 0}),)
UNRESOLVED = (_attempt(("IKE] unable to resolve gw.example, initiate aborted",)),)
ROWS = (
    *(Row(cause, "the responder logs it", DOWN, DOWN, (), attempts=_refusal(cause)) for cause in REASONS),
    Row("kernel-refused", "it came up", DOWN, DOWN, attempts=(WORKS,), also=("not-installed",)),
    Row("authentication-refused", "another's line", DOWN, DOWN, attempts=SILENT, also=("ike-unanswered",)),
    Row(
        "connection-unknown",
        "another peer was meant",
        DOWN,
        DOWN,
        attempts=(_attempt((SENT, AGAIN), (_packet("received", "192.0.2.9", B, 240), NO_CONFIG)),),
        also=("ike-unanswered",),
    ),
    Row(
        "connection-unknown",
        "behind NAT",
        DOWN,
        DOWN,
        (),
        attempts=(_attempt((SENT, _packet("received", B, A, 36), NONE_CHOSEN), BEHIND_NAT),),
    ),
    Row(
        "attempt-failed",
        "two peers behind NAT that could be meant",
        DOWN,
        DOWN,
        (),
        attempts=(_attempt((SENT, _packet("received", B, A, 36), NONE_CHOSEN), (*BEHIND_NAT, *BEHIND_ANOTHER)),),
    ),
    Row("attempt-failed", "the other end logs no packets", DOWN, {**DOWN, "loggers": QUIET}, (), attempts=SILENT),
    Row("address-unresolved", "of a name", DOWN, DOWN, (), attempts=UNRESOLVED),
    Row("address-unresolved", "the name is found", DOWN, DOWN, attempts=SILENT, also=("ike-unanswered",)),
    Row("ike-unanswered", "nothing arrives", DOWN, DOWN, (), attempts=SILENT),
    Row("ike-unanswered", "it arrives", DOWN, DOWN, attempts=LOST, also=("ike-answer-lost",)),
    Row(
        "ike-unanswered",
        "the other daemon's log is not to be had",
        DOWN,
        DOWN,
        attempts=(_attempt((SENT, AGAIN), None),),
        also=("attempt-failed",),
    ),
    Row("ike-answer-lost", "it arrives and is answered", DOWN, DOWN, (), attempts=LOST),
    Row("ike-answer-lost", "nothing arrives", DOWN, DOWN, attempts=SILENT, also=("ike-unanswered",)),
    Row(
        "udp-4500-blocked",
        "what goes to UDP 500 arrives, what goes to UDP 4500 does not",
        DOWN,
        DOWN,
        (),
        attempts=(_attempt((*FIRST, FLOATED), HEARD),),
    ),
    Row(
        "udp-4500-blocked",
        "both ports pass",
        DOWN,
        DOWN,
        attempts=(_attempt((*FIRST, FLOATED), (*HEARD, ARRIVED)),),
        also=("attempt-failed",),
    ),
    Row("large-ike-packets-lost", "small ones arrive", DOWN, DOWN, (), attempts=(_attempt((*FIRST, LARGE), HEARD),)),
    Row(
        "large-ike-packets-lost",
        "only the small last fragment arrives",
        DOWN,
        DOWN,
        (),
        attempts=(_attempt((*FIRST, LARGE, _packet("sending", A, B, 180)), (*HEARD, _packet("received", A, B, 180))),),
    ),
    Row(
        "large-ike-packets-lost",
        "a small one is lost",
        DOWN,
        DOWN,
        attempts=(_attempt((*FIRST, _packet("sending", A, B, 80)), HEARD),),
        also=("attempt-failed",),
    ),
    Row("attempt-failed", "neither log says why", DOWN, DOWN, (), attempts=(_attempt(FIRST, HEARD),)),
    Row("attempt-failed", "the log says why", DOWN, DOWN, attempts=SILENT, also=("ike-unanswered",)),
    Row(
        "one-way-only",
        "b works, a does not",
        DOWN,
        DOWN,
        (),
        also=("ike-unanswered",),
        attempts=(*SILENT, _attempt((), by="b", works=True)),
    ),
    Row("one-way-only", "both fail", DOWN, DOWN, attempts=SILENT, also=("ike-unanswered",)),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row) -> None:
    check(row)


def test_the_end_at_fault_is_the_one_that_refuses_or_whose_packets_are_lost() -> None:
    ends = {
        cause: judge_attempts(tunnel(Row(cause, "", DOWN, DOWN, attempts=attempts)))[0].end
        for cause, attempts in (
            ("identity-mismatch", _refusal("identity-mismatch")),
            ("psk-mismatch", _refusal("psk-mismatch")),
            ("ike-unanswered", SILENT),
            ("ike-answer-lost", LOST),
        )
    }
    assert {cause: str(end) for cause, end in ends.items()} == {
        "identity-mismatch": "b/to-a",
        "psk-mismatch": "a/to-b",
        "ike-unanswered": "a/to-b",
        "ike-answer-lost": "b/to-a",
    }


def test_the_reason_and_what_the_initiator_was_told_are_the_evidence() -> None:
    (found,) = judge_attempts(tunnel(Row("", "", DOWN, DOWN, attempts=_refusal("psk-mismatch"))))
    assert found.evidence == (
        "log of b: tried 1 shared key for 'b.example' - 'a.example', but MAC mismatched",
        "log of a: received AUTHENTICATION_FAILED notify error",
    )


def _beside(attempt: InitiationAttempt, others: str = "to-d") -> InitiationResult:
    """What is concluded where the peer has another connection to the same gateway."""
    found = tunnel(Row("", "", DOWN, DOWN, attempts=(attempt,)))
    a, b = found.ends
    gateway = replace(b.gateway, connections=(*b.gateway.connections, connection(others)))
    site = replace(b.site, addresses=b.site.addresses | {B})
    (verdict,) = judge_attempts(replace(found, ends=(a, replace(b, gateway=gateway, site=site))))
    return verdict


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        ("'b.example' - 'a.example'", "psk-mismatch"),
        ("'b.example' - 'd.example'", "attempt-failed"),
        ("'b.example' - 'a.example.org'", "attempt-failed"),
        (f"'b.example' - '{A}0'", "attempt-failed"),
        (f"'b.example' - '{A}'", "psk-mismatch"),
    ],
)
def test_what_the_journal_says_of_another_peer_proves_nothing(names: str, cause: str) -> None:
    """charon-systemd's lines have no thread there, so only what they name tells whose they are."""
    line = f"2026-11-21T03:44:50+0100 b charon-systemd[99]: tried 1 shared key for {names}, but MAC mismatched"
    own = tuple(f"[{each}" for each in (SENT, ANSWER, UNPROVEN))
    found = _beside(InitiationAttempt("a", "to-b", False, own, (line,)))  # noqa: FBT003 - established
    shown = [
        text for text in found.evidence if text.startswith("may belong to another tunnel: log of b: tried 1 shared")
    ]
    assert (found.cause, len(shown)) == (cause, cause == "attempt-failed")


STRANGER = "no matching peer config found"
MISMATCH = "tried 1 shared key for 'b.example' - 'a.example', but MAC mismatched"
MEANWHILE = (GOT, f"NET] <9> {ANSWERED[5:]}", f"IKE] <to-d|9> {MISMATCH}")


@pytest.mark.parametrize(
    ("own", "peer", "cause"),
    [
        ((SENT, AGAIN), MEANWHILE, "ike-unanswered"),  # nothing of this attempt arrived
        ((SENT, ANSWER, UNPROVEN), MEANWHILE, "psk-mismatch"),  # taken for that of another, and answered
        ((SENT, ANSWER, UNPROVEN), (*MEANWHILE, GOT, f"CFG] <to-a|10> {STRANGER}"), "identity-mismatch"),
        ((SENT, ANSWER, UNPROVEN), (GOT, f"IKE] <to-d|9> {MISMATCH}", f"IKE] <to-a|9> {MISMATCH}"), "psk-mismatch"),
        ((SENT, AGAIN), (GOT.replace(f"to {B}", "to 192.0.2.99"), f"IKE] <11> {MISMATCH}"), "ike-unanswered"),
    ],
)  # fmt: skip
def test_what_the_peer_logs_of_another_tunnel_proves_nothing(
    own: tuple[str, ...], peer: tuple[str, ...], cause: str
) -> None:
    assert _beside(_attempt(own, peer)).cause == cause


def test_an_end_that_is_only_to_answer_is_not_judged_for_not_initiating() -> None:
    only = Row("", "", DOWN, {**DOWN, "connection": {"remote_addrs": ("%any",)}}, attempts=(_attempt((), by="b"),))
    assert judge_attempts(tunnel(only)) == ()


def test_every_cause_of_the_catalogue_is_a_rule() -> None:
    assert {each.cause for each in SIGNATURES if each.cause} <= {each.id for each in list_rules()}
