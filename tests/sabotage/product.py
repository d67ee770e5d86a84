"""What users run, in the one place that knows its name, its variables and what its tasks are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    variables: Callable[[Tunnel, Change, int], Mapping[str, Any]]
    steps: Mapping[str, str]  # arm, responder, initiator, guarded, prove, confirm-responder, confirm-initiator


def _variables(tunnel: Tunnel, change: Change, seconds: int) -> Mapping[str, Any]:
    ends = {"responder": tunnel.responder, "initiator": tunnel.initiator}
    wanted = {"responder": change.responder, "initiator": change.initiator}
    inside = {role: end.network.removesuffix("0/24") + "1" for role, end in ends.items()}
    return {
        **{role: end.gateway for role, end in ends.items()},
        "change": {role: {"name": end.connection, **wanted[role]} for role, end in ends.items()},
        "ping": {"from": inside["initiator"], "to": inside["responder"]},
        "seconds": seconds,
    }


OWN = Product(
    str(Path(__file__).parent / "change.yml"),
    _variables,
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
