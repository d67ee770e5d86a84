# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in who starts a tunnel and who brings it back: peers must be complementary, not equal."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.evidence import build_change, build_establish_step, build_start_action, has_live_state, locate
from ...model import Change, Child, End, Fault, Step, Tunnel
from ...swanctl.log import parse_events, select_lines
from ...swanctl.normalize import list_explicit
from . import rule


@rule(
    "both-initiate",
    "medium",
    reference="strongSwan docs: start_action; facts of two simultaneous starts (duplicate CHILD_SAs)",
    repair="roles",
)
def both_initiate(tunnel: Tunnel) -> Iterator[Fault]:
    """Both ends start the tunnel, which makes duplicate SAs. The responder stops starting; a trap it has, it keeps."""
    end, peer = tunnel.answering, tunnel.initiating
    for own, other in tunnel.pairs(end):
        begin = _begins(end, own) and _begins(peer, other)
        if begin and "start" in own.start_action and "start" in other.start_action:
            value = "trap" if "trap" in own.start_action else "none"
            yield Fault(
                end.name(own),
                f"{end.name(own)} and {peer.name(other)} both start the tunnel; "
                f"{peer.gateway.name} initiates, because {tunnel.initiator_because}",
                (locate(end, "start_action", own), locate(peer, "start_action", other)),
                (build_change(end, "start_action", value, own),),
            )


@rule(
    "no-initiator",
    "high",
    reference="strongSwan docs: start_action",
    explains=("not-installed", "initiator-not-persistent"),
    repair="roles",
)
def no_initiator(tunnel: Tunnel) -> Iterator[Fault]:
    """Neither end starts the tunnel nor traps its traffic: it stays down until it is started by hand.

    An end that does not know its peer's address starts nothing, whatever its start action.
    """
    end, peer = tunnel.initiating, tunnel.answering
    able = bool(list_explicit(end.connection.remote_addrs))
    for own, other in tunnel.pairs(end):
        if not _begins(end, own) and not _begins(peer, other):
            action = build_start_action(end, own)
            gaps = _find_gaps(tunnel, own) if action == "start" and not _has_keepalive(tunnel, own) else {}
            also = () if _needs_keepalive(end, own) else _build_gap_fixes(tunnel, own, gaps)
            yield Fault(
                end.name(own),
                f"neither {end.name(own)} nor {peer.name(other)} starts the tunnel; "
                f"{end.gateway.name} is to, because {tunnel.initiator_because}",
                (locate(end, "start_action", own), locate(peer, "start_action", other)),
                (build_change(end, "start_action", action, own), *also) if able else (),
                ""
                if able
                else f"{end.gateway.name} does not know the address of {peer.gateway.name}: set remote_addrs",
            )


@rule("close-action-both", "medium", reference="strongSwan docs: close_action", repair="roles")
def close_action_both(tunnel: Tunnel) -> Iterator[Fault]:
    """Both ends start the tunnel again when it is closed, which makes storms of reconnects and duplicates."""
    end, peer = tunnel.answering, tunnel.initiating
    for own, other in tunnel.pairs(end):
        if "start" in own.close_action and "start" in other.close_action:
            value = "trap" if "trap" in own.close_action else "none"
            yield Fault(
                end.name(own),
                f"{end.name(own)} and {peer.name(other)} both start the tunnel again when it is closed",
                (locate(end, "close_action", own), locate(peer, "close_action", other)),
                (build_change(end, "close_action", value, own),),
            )


@rule(
    "initiator-not-persistent",
    "low",
    reference="strongSwan docs: close_action, start_action run only when the configuration is loaded",
    repair="persistence",
)
def initiator_not_persistent(tunnel: Tunnel) -> Iterator[Fault]:
    """The initiator starts the tunnel, and something that ends it is not followed by another start.

    That is a close by the peer (`close_action`), a dead peer (`dpd_action`), or a peer that is away for longer than
    one sequence of retransmissions, 165 s by default (`keyingtries`). A trap or a periodic check stands for all three.
    """
    end = tunnel.initiating
    for own, other in tunnel.pairs(end):
        gaps = _find_gaps(tunnel, own)
        followed = _sets_trap(tunnel.answering, other) or _has_keepalive(tunnel, own) or _needs_keepalive(end, own)
        if own.start_action == "start" and gaps and not followed:
            yield Fault(
                end.name(own),
                f"{end.name(own)} starts the tunnel once; nothing brings it back when {' or '.join(gaps)}",
                (locate(end, "start_action", own), *(locate(end, key, child) for key, dummy, child in gaps.values())),
                _build_gap_fixes(tunnel, own, gaps),
            )


@rule(
    "gave-up",
    "high",
    reference="strongSwan docs: Retransmission; swanctl.conf(5): keyingtries",
    explains=("not-installed", "no-traffic"),
    repair="roles",
)
def gave_up(tunnel: Tunnel) -> Iterator[Fault]:
    """A tunnel that its initiator should start is down, and no daemon is retrying: it gave up, or it was closed.

    With `keyingtries` other than 0, charon stops after so many sequences of retransmissions, 165 s each by default. A
    start action does not run again before the configuration is loaded; no trap, periodic check or peer starts it.
    """
    end, peer = tunnel.initiating, tunnel.answering
    if end.sas or peer.sas or not (end.connection.keyingtries and all(has_live_state(each) for each in tunnel.ends)):
        return
    for own, other in tunnel.pairs(end):
        kept = _has_keepalive(tunnel, own) or _needs_keepalive(end, own)
        brings = kept or _begins(peer, other) or _has_trap_installed(end, own) or _has_trap_installed(peer, other)
        if own.start_action == "start" and own.loaded and other.loaded and not brings and _begins(end, own):
            yield Fault(
                end.name(own),
                f"{end.name(own)} should be up but is down, and {end.gateway.name} has stopped retrying "
                f"(keyingtries = {end.connection.keyingtries}); nothing else will start it",
                (
                    locate(end, "keyingtries"),
                    locate(end, "start_action", own),
                    f"{end.gateway.name}: no IKE_SA, no trap and no periodic check for {own.name}",
                    *(f"{end.gateway.name}: {line}" for line in _quote_silent_peer(end)),
                ),
                (_build_retry_fix(tunnel, own), build_establish_step(tunnel, own)),
                confidence="observed",
            )


@rule(
    "keepalive-missing",
    "medium",
    reference="strongSwan docs: route-based VPN; a local terminate triggers no close_action",
    repair="persistence",
)
def keepalive_missing(tunnel: Tunnel) -> Iterator[Fault]:
    """No policy can trap this child's traffic (route-based, or `policies = no`), and no periodic check does it."""
    end = tunnel.initiating
    for own, dummy in tunnel.pairs(end):
        if own.route_based and not _has_keepalive(tunnel, own):
            possible = _needs_keepalive(end, own)
            marks = [key for key in ("if_id_in", "if_id_out", "mark_in", "mark_out", "policies") if key in own.settings]
            yield Fault(
                end.name(own),
                f"{end.name(own)} cannot be trapped ({', '.join(marks) or 'route-based'}) and has no periodic check",
                tuple(locate(end, key, own) for key in marks),
                (_build_keepalive_step(tunnel, own),) if possible else (),
                "" if possible else f"{end.gateway.name} runs neither systemd nor cron; install one of them",
            )


def _needs_keepalive(end: End, child: Child) -> bool:
    """Whether a periodic check is what this child needs, and its gateway has the means."""
    return child.route_based and (end.gateway.system.init == "systemd" or end.gateway.system.cron)


def _find_gaps(tunnel: Tunnel, child: Child) -> dict[str, tuple[str, str, Child | None]]:
    """What ends the tunnel for good, and the setting of the initiator that would bring it back."""
    end, peer = tunnel.initiating, tunnel.answering.gateway.name
    found: dict[str, tuple[str, str, Child | None]] = {}
    if child.close_action == "none":
        found[f"{peer} closes it"] = ("close_action", "start", child)
    if child.dpd_action == "none":
        found[f"{peer} is dead"] = ("dpd_action", "start", child)
    if end.connection.keyingtries:
        found[f"{peer} is away for minutes"] = ("keyingtries", "0", None)
    return found


def _build_gap_fixes(
    tunnel: Tunnel, child: Child, gaps: dict[str, tuple[str, str, Child | None]]
) -> tuple[Change | Step, ...]:
    """What closes these gaps on the initiator."""
    return tuple(
        _build_retry_fix(tunnel, child) if key == "keyingtries" else build_change(tunnel.initiating, key, value, at)
        for key, value, at in gaps.values()
    )


def _build_retry_fix(tunnel: Tunnel, child: Child) -> Change | Step:
    """What has an initiator try for ever; a periodic check where its configuration has no place for that."""
    end = tunnel.initiating
    return (
        build_change(end, "keyingtries", "0")
        if end.gateway.can_set("keyingtries")
        else _build_keepalive_step(tunnel, child)
    )


def _build_keepalive_step(tunnel: Tunnel, child: Child) -> Step:
    """The step that gives the initiator a periodic check of a child."""
    end = tunnel.initiating
    return Step(
        "persist", end.gateway.name, "keepalive", end.connection.name, child.name, "present", tunnel=tunnel.name
    )


def _begins(end: End, child: Child) -> bool:
    return child.start_action != "none" and bool(list_explicit(end.connection.remote_addrs))


def _sets_trap(end: End, child: Child) -> bool:
    return "trap" in child.start_action and bool(list_explicit(end.connection.remote_addrs))


def _has_trap_installed(end: End, child: Child) -> bool:
    """Whether a trap for this child is installed, whatever the file says."""
    return any(policy.child == child.name and policy.kind == "trap" for policy in end.policies)


def _quote_silent_peer(end: End) -> tuple[str, ...]:
    """The last line of the log that says of this connection that its peer does not answer, if the log was read."""
    lines = select_lines(end.gateway.log or (), end.connection.name)
    return tuple(event.line for event in parse_events(lines) if event.means.name in ("gave-up", "peer-silent"))[-1:]


def _has_keepalive(tunnel: Tunnel, child: Child) -> bool:
    """Whether a periodic check watches the child on either end."""
    names = {c.name for pair in tunnel.children if child in pair.children for c in pair.children if c}
    return any(keepalive.child in names and not keepalive.idle for end in tunnel.ends for keepalive in end.keepalives)
