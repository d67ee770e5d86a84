# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a tunnel that cannot be changed without a break: both ends are changed, and it starts over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..model import End, Step, Tunnel
from .desired import DesiredSettings


def plan_with_break(tunnel: Tunnel, wanted: Mapping[str, DesiredSettings], others: list[Step]) -> list[Step]:
    """All steps of one tunnel, whoever may take them."""
    settings = [
        _build_connection_step(tunnel, end, wanted[end.gateway.name])
        for end in (tunnel.answering, tunnel.initiating)
        if wanted[end.gateway.name].findings
    ]
    return [*settings, *_build_live_steps(tunnel, settings, others)]


def _build_connection_step(tunnel: Tunnel, end: End, wanted: DesiredSettings) -> Step:
    initiates = end is tunnel.initiating
    return Step(
        "initiator" if initiates else "responder",
        end.gateway.name,
        "connection",
        end.connection.name,
        settings=wanted.settings,
        children=wanted.children,
        psk=wanted.psk,
        reinitiate=initiates and not _restarts(tunnel),
        tunnel=tunnel.name,
        findings=tuple(wanted.findings),
    )


def _build_live_steps(tunnel: Tunnel, settings: list[Step], others: list[Step]) -> list[Step]:
    """Steps that are not settings; a changed tunnel is initiated anew once, here if no settings step does it."""
    rest = [step for step in others if step.phase != "establish"]
    establishing = [step for step in others if step.phase == "establish"]
    if settings:
        rest = [step for step in rest if step.phase != "retire"]  # re-initiating retires what was there
        if _restarts(tunnel):
            rest.append(_drop_replaced(tunnel, settings))
        establishing = [_build_reinitiate_step(tunnel, settings)] if not _does_it_itself(tunnel, settings[-1]) else []
    anew = [replace(step, phase="establish") for step in rest if step.state == "reinitiated"]
    if anew and any(step.state == "terminated" for step in rest):  # only after the other end has dropped its own
        rest = [step for step in rest if step.state != "reinitiated"]
        establishing = anew
    whole = [step for step in establishing if step.child is None]
    return [*rest, *(whole[:1] or establishing)]


def _does_it_itself(tunnel: Tunnel, last: Step) -> bool:
    """Whether the last settings step re-initiates: it does where it changes something; a key may be right already."""
    return last.reinitiate and bool(last.settings or last.children or (last.psk and _has_other_key(tunnel)))


def _has_other_key(tunnel: Tunnel) -> bool:
    """Whether the initiator is known to have another key than the one that is given."""
    given, held = tunnel.psk, tunnel.initiating.secret
    return bool(given and given.digest and held and held.digest and held.digest != given.digest)


def _restarts(tunnel: Tunnel) -> bool:
    """Whether the responder's live SAs start the tunnel again when the initiator closes them."""
    end = tunnel.answering
    return bool(end.sas) and any("start" in child.close_action for child in end.connection.children)


def _drop_replaced(tunnel: Tunnel, settings: list[Step]) -> Step:
    """The responder drops those SAs itself: what an end closes itself triggers no close action there."""
    end = tunnel.answering
    return replace(
        _build_reinitiate_step(tunnel, settings),
        phase="retire",
        gateway=end.gateway.name,
        connection=end.connection.name,
        state="terminated",
    )


def _build_reinitiate_step(tunnel: Tunnel, settings: list[Step]) -> Step:
    """The initiator makes the tunnel anew with the changed settings.

    It does so also where its close action starts again what the responder drops: once for each SA, so what was up twice
    would be so again.
    """
    end = tunnel.initiating
    ids = tuple(dict.fromkeys(name for step in settings for name in step.findings))
    return Step(
        "establish", end.gateway.name, "sa", end.connection.name, state="reinitiated", tunnel=tunnel.name, findings=ids
    )
