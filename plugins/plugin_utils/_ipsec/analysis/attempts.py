# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an attempt to initiate failed, from what both daemons logged while it was made.

An initiator is not told why it is refused (RFC 7296 section 2.21); the responder's log is asked first. Where
nobody refused, what left one end and did not arrive at the other tells what the path drops.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ..model import End, EndName, InitiationAttempt, InitiationResult, Tunnel
from ..swanctl.log import LONGEST, Event, extract_message, has_thread, is_of_others, parse_events, select_exchange
from ..swanctl.normalize import list_explicit, normalize_identities

BOTH_ENDS = ("psk-mismatch", "ike-proposals-disjoint", "esp-proposals-disjoint")  # either could change: the initiator
STRAYS = 3  # lines of others that are shown
FLOATED = 4500  # UDP port of IKE behind NAT (RFC 3948)
_PACKET = re.compile(
    r"(?P<way>sending|received) packet: from (?P<source>\S+)\[\d+\] "
    r"to (?P<target>\S+)\[(?P<port>\d+)\] \((?P<size>\d+) bytes\)"
)


@dataclass(frozen=True, slots=True)
class _Packet:
    source: str  # address
    target: str
    port: int  # it went to
    size: int  # bytes
    line: str


def attach_verdicts(tunnel: Tunnel) -> Tunnel:
    """The tunnel with the verdicts on its attempts, which rules and reports then have in common."""
    return replace(tunnel, verdicts=judge_attempts(tunnel)) if tunnel.attempts else tunnel


def judge_attempts(tunnel: Tunnel) -> tuple[InitiationResult, ...]:
    """One for each attempt that was made, but by an end that knows no address of its peer: it is only to answer."""
    able = (a for a in tunnel.attempts if list_explicit(tunnel.end(a.gateway).connection.remote_addrs))
    return tuple(_judge_attempt(tunnel, attempt) for attempt in able)


def _judge_attempt(tunnel: Tunnel, attempt: InitiationAttempt) -> InitiationResult:
    end = tunnel.end(attempt.gateway)
    peer = tunnel.other(end)
    if attempt.established:
        return InitiationResult(end.name(), works=True)
    heard = _select_lines(end, peer, attempt)
    for who, lines, roles in ((peer, heard, ("responder", "either")), (end, attempt.log, ("initiator", "either"))):
        if told := _find_cause(lines, roles):
            return _find_refusal(tunnel, end, who, told, attempt)
    return _add_strays(_find_loss(end, peer, attempt, heard), peer, attempt, heard)


def _add_strays(
    verdict: InitiationResult, peer: End, attempt: InitiationAttempt, heard: Collection[str]
) -> InitiationResult:
    """The verdict with what the peer logged meanwhile of which nobody can tell whose it is: it proves nothing."""
    if verdict.cause not in ("attempt-failed", "ike-unanswered"):
        return verdict
    others = {each.name for each in peer.gateway.connections} - {peer.connection.name}
    known = frozenset(heard)
    left = parse_events(line for line in attempt.peer_log or () if line not in known)
    strays = [event for event in left if event.means.cause and event.connection not in others]
    told = (f"may belong to another tunnel: {_quote(peer, event.line)}" for event in strays[:STRAYS])
    return replace(verdict, evidence=(*verdict.evidence, *told))


def _find_cause(lines: Iterable[str], roles: Collection[str]) -> Event | None:
    """The first line that proves a cause."""
    return next((event for event in parse_events(lines) if event.means.cause and event.means.side in roles), None)


def _find_refusal(tunnel: Tunnel, end: End, who: End, told: Event, attempt: InitiationAttempt) -> InitiationResult:
    means = told.means
    blamed = tunnel.initiating if means.cause in BOTH_ENDS else who
    evidence = [_quote(who, told.line)]
    evidence += [_quote(end, e.line) for e in parse_events(attempt.log) if e.means.name.startswith("refused")][:1]
    because = f"{who.gateway.name} logs that {means.means}; compare {means.look}"
    return InitiationResult(
        end.name(), works=False, cause=means.cause, end=blamed.name(), because=because, evidence=tuple(evidence)
    )


@dataclass(frozen=True, slots=True)
class _Traffic:
    """What one attempt sent and received, as each end saw it."""

    end: End
    peer: End
    attempt: InitiationAttempt
    sent: list[_Packet]
    answers: list[_Packet]  # of the peer, that arrived
    arrived: list[_Packet]  # at the peer
    answered: list[_Packet]  # by the peer

    def lost(self, cause: str, blamed: End, because: str, *lines: tuple[End, str]) -> InitiationResult:
        """The verdict on it."""
        evidence = tuple(_quote(each, line) for each, line in lines)
        return InitiationResult(
            self.end.name(), works=False, cause=cause, end=blamed.name(), because=because, evidence=evidence
        )


def _find_loss(end: End, peer: End, attempt: InitiationAttempt, heard: Sequence[str]) -> InitiationResult:
    """What the path dropped, by what was sent on one end and not received on the other."""
    log = attempt.log
    there = (_parse_packets(heard, "received"), _parse_packets(heard, "sending"))
    traffic = _Traffic(end, peer, attempt, _parse_packets(log, "sending"), _parse_packets(log, "received"), *there)
    found = _explain_no_log(traffic) or _explain_silence(traffic) or _explain_later_loss(traffic)
    if found:
        return found
    here, there_name = end.gateway.name, peer.gateway.name
    because = f"{here} and {there_name} hear each other, and neither log says why no SA was made"
    return traffic.lost("attempt-failed", end, because, (end, log[-1]))


def _explain_no_log(traffic: _Traffic) -> InitiationResult | None:
    here, there, log = traffic.end.gateway.name, traffic.peer.gateway.name, traffic.attempt.log
    last = [(traffic.end, line) for line in log[-1:]]
    if not traffic.sent:
        return traffic.lost("attempt-failed", traffic.end, f"{here} sent nothing, and its log does not say why", *last)
    if traffic.attempt.peer_log is None:
        because = f"the log of {there} could not be read, and IKE does not tell {here} why"
        return traffic.lost("attempt-failed", traffic.peer, because, *last)
    return None


def _explain_silence(traffic: _Traffic) -> InitiationResult | None:
    here, there, sent = traffic.end.gateway.name, traffic.peer.gateway.name, traffic.sent[-1]
    if not traffic.arrived and (traffic.answers or _logs_no_packets(traffic.peer)):
        hidden = (
            "its log level of net is below 1"
            if _logs_no_packets(traffic.peer)
            else "its packets cannot be matched to this attempt"
        )
        because = f"the log of {there} does not show what it did with the packets of {here}: {hidden}"
        return traffic.lost("attempt-failed", traffic.peer, because, (traffic.end, traffic.attempt.log[-1]))
    if not traffic.arrived:
        because = (
            f"what {here} sends to UDP {sent.port} does not arrive at {there}: a filter on the path or on an end, "
            "a wrong address, or no route"
        )
        return traffic.lost("ike-unanswered", traffic.end, because, (traffic.end, sent.line))
    if not traffic.answers:
        because = f"{there} receives and answers, and none of its answers arrives at {here}"
        last = (traffic.answered or traffic.arrived)[-1]
        return traffic.lost(
            "ike-answer-lost", traffic.peer, because, (traffic.peer, last.line), (traffic.end, sent.line)
        )
    return None


def _logs_no_packets(end: End) -> bool:
    """Whether none of a daemon's loggers writes which packets come and go."""
    loggers = end.gateway.loggers or ()
    return bool(loggers) and all(logger.level("net") < 1 for logger in loggers)


def _explain_later_loss(traffic: _Traffic) -> InitiationResult | None:
    """The first messages passed; a later one to another port, or a larger one, did not."""
    ways = (
        (traffic.end, traffic.peer, traffic.sent, traffic.arrived),
        (traffic.peer, traffic.end, traffic.answered, traffic.answers),
    )
    for who, whom, gone, came in ways:
        there = {(p.port, p.size) for p in came}
        lost = [p for p in gone if (p.port, p.size) not in there]
        if not lost:
            continue
        worst = max(lost, key=lambda packet: packet.size)  # a message may go in fragments, the last of which is small
        lines = ((who, worst.line), (whom, came[-1].line))
        what = (
            f"{worst.size} bytes to UDP {worst.port} left {who.gateway.name} and did not arrive at {whom.gateway.name}"
        )
        if worst.port == FLOATED and all(p.port != FLOATED for p in came):
            return traffic.lost("udp-4500-blocked", who, f"IKE passes on UDP 500 and not on UDP 4500: {what}", *lines)
        if all(p.size < worst.size for p in came):
            return traffic.lost(
                "large-ike-packets-lost", who, f"small IKE packets pass, large ones do not: {what}", *lines
            )
    return None


def _parse_packets(lines: Iterable[str], way: str) -> list[_Packet]:
    found = ((line, _PACKET.search(line)) for line in lines)
    return [
        _Packet(p["source"], p["target"], int(p["port"]), int(p["size"]), line)
        for line, p in found
        if p and p["way"] == way
    ]


def _select_lines(end: End, peer: End, attempt: InitiationAttempt) -> tuple[str, ...]:
    """What the peer logged of this attempt: of packets from this end, or from the address that NAT gives it.

    Two gateways may have several tunnels with each other, at other addresses of theirs or at the same.
    """
    lines = attempt.peer_log or ()
    asked = {
        packet.target for packet in _parse_packets(attempt.log, "sending")
    } & peer.site.addresses  # none: NAT before it
    heard = _attribute_lines(select_exchange(lines, _list_addresses(end), asked), end, peer)
    behind = frozenset() if _parse_packets(heard, "received") else _find_nat_addresses(attempt.log, lines)
    return _select_own_lines(select_exchange(lines, behind, asked) if len(behind) == 1 else heard, peer, attempt)


def _attribute_lines(lines: tuple[str, ...], end: End, peer: End) -> tuple[str, ...]:
    """Without lines that may be about another tunnel of the peer's: those of the journal have no thread to go by.

    They are kept where the gateway has one connection, or where they name the other end.
    """
    if len(peer.gateway.connections) <= 1:
        return lines
    names = {*_list_addresses(end), *filter(None, normalize_identities(end.connection)[:1]), peer.connection.name}
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    named = re.compile(rf"(?<![\w:-])(?<!\w\.)(?:{either})(?![\w:-]|\.\w)")  # 192.0.2.1 is not in 192.0.2.10
    return tuple(line for line in lines if has_thread(line) or named.search(line[:LONGEST]))


def _select_own_lines(lines: tuple[str, ...], peer: End, attempt: InitiationAttempt) -> tuple[str, ...]:
    """Without what the peer logged of its other connections, unless nothing else is there and its answers came here.

    The peer may have taken the request for that of another connection: then what it answered has arrived at this end.
    """
    others = {each.name for each in peer.gateway.connections} - {peer.connection.name}
    strange = is_of_others(lines, peer.connection.name, others)
    own = tuple(line for place, line in enumerate(lines) if place not in strange)
    if not strange or _parse_packets(own, "received"):
        return own
    came = {packet.size for packet in _parse_packets(attempt.log, "received")}
    answered = {packet.size for packet in _parse_packets(lines, "sending")}
    return lines if came & answered else own


def _find_nat_addresses(log: Sequence[str], peer_log: Sequence[str]) -> frozenset[str]:
    """Where the peer saw packets as long as those sent here come from, which it answered with as long as came here."""
    sent, came = ({p.size for p in _parse_packets(log, way)} for way in ("sending", "received"))
    asking = {p.source for p in _parse_packets(peer_log, "received") if p.size in sent}
    return frozenset(asking & {p.target for p in _parse_packets(peer_log, "sending") if p.size in came})


def _list_addresses(end: End) -> frozenset[str]:
    """Where the peer sees packets of this end come from."""
    own, bound = end.site.addresses, list_explicit(end.connection.local_addrs)
    return own if own.issuperset(bound) else own | frozenset(bound)


def _quote(end: End, line: str) -> str:
    return f"log of {end.gateway.name}: {extract_message(line).strip()}"


def succeeds_one_way(found: Iterable[InitiationResult]) -> tuple[EndName, InitiationResult] | None:
    """The end that can initiate, and the verdict of the one that cannot."""
    each = tuple(found)
    good = next((v for v in each if v.works), None)
    bad = next((v for v in each if not v.works), None)
    return (good.initiator, bad) if good and bad else None
