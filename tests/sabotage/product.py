"""What users run, in the one place that knows its name, its variables and what its tasks are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.topology import Tunnel


@dataclass(frozen=True)
class Change:
    """What each end is to have, as module `connection` takes it."""

    responder: Mapping[str, Any]
    initiator: Mapping[str, Any]


@dataclass(frozen=True)
class Product:
    """A playbook, how it is told what to do, and the names of its steps' tasks."""

    playbook: str
    variables: Callable[[Sequence[tuple[Tunnel, Change]], int], Mapping[str, Any]]
    seconds: int  # that a guard is armed for: a run on a busy machine may take that long
    steps: Mapping[str, str]  # arm, responder, initiator, guarded, prove, confirm-responder, confirm-initiator


def _variables(changes: Sequence[tuple[Tunnel, Change]], seconds: int) -> Mapping[str, Any]:
    return {
        "seconds": seconds,
        "tunnels": {t.initiator.gateway: _tunnel(t, change) for t, change in changes},
        "ends": {end.gateway: t.initiator.gateway for t, dummy in changes for end in (t.responder, t.initiator)},
    }


def _tunnel(tunnel: Tunnel, change: Change) -> Mapping[str, Any]:
    responder, initiator = tunnel.responder, tunnel.initiator
    inside = [end.network.removesuffix("0/24") + "1" for end in (initiator, responder)]
    return {
        "responder": {"gateway": responder.gateway, "name": responder.connection, **change.responder},
        "initiator": {"gateway": initiator.gateway, "name": initiator.connection, **change.initiator},
        "ping": {"from": inside[0], "to": inside[1]},
    }


OWN = Product(
    str(Path(__file__).parent / "change.yml"),
    _variables,
    45,
    {
        "arm": "Arm",
        "responder": "Change the responder",
        "initiator": "Change the initiator",
        "guarded": "Be guarded still",
        "prove": "Prove",
        "confirm-responder": "Confirm the responder",
        "confirm-initiator": "Confirm the initiator",
    },
)
PRODUCT = OWN
