"""What users run, in the one place that knows its name, its variables and what its tasks are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.lab.topology import Tunnel

Playbook = Literal["change_window", "remediate"]
SECONDS = 90  # that a guard is armed for: what a run takes from there to its confirmation on a busy machine


@dataclass(frozen=True)
class Change:
    """What is declared of a tunnel."""

    settings: Mapping[str, str] = field(default_factory=dict)
    child_settings: Mapping[str, str] = field(default_factory=dict)
    initiator: Mapping[str, str] = field(default_factory=dict)  # settings of that end alone


@dataclass(frozen=True)
class Point:
    """Before the n-th task of a run whose name ends so."""

    task: str
    nth: int = 1

    @property
    def name(self) -> str:
        return f"{self.task}-{self.nth}".replace(" ", "-").lower()


_STEP_DONE = "Note what was done and what failed"
MOMENTS: Mapping[str, Point] = {
    "arming": Point("Have every gateway of the batch undo it unless it is confirmed"),
    "armed": Point("Note which gateways are guarded"),
    "responder changed": Point(_STEP_DONE),
    "initiator changed": Point(_STEP_DONE, 2),
    "changed": Point("Prove the tunnels"),
    "proven": Point("Tell every gateway what is proven"),
    "agreed": Point("Keep what is proven"),
    "confirmed": Point("Stop watching"),
}


def variables(
    playbook: Playbook, changes: Sequence[tuple[Tunnel, Change]], *, ticket: str, folder: Path, seconds: int
) -> dict[str, Any]:
    """The extra variables of a run that makes these changes in one batch."""
    window = {
        "ipsec_ticket": ticket,
        "ipsec_change_dir": str(folder),
        "ipsec_by": "the sabotage",
        "ipsec_serial": len(changes),
    }
    return {
        **(window if playbook == "change_window" else {}),
        "ipsec_guard_seconds": seconds,
        "ipsec_timeout": 10,
        "ipsec_tunnels": [
            {
                "name": tunnel.name,
                "ends": [
                    {"gateway": tunnel.responder.gateway, "connection": tunnel.responder.connection},
                    {
                        "gateway": tunnel.initiator.gateway,
                        "connection": tunnel.initiator.connection,
                        "settings": dict(change.initiator),
                    },
                ],
                "settings": dict(change.settings),
                "child_settings": dict(change.child_settings),
            }
            for tunnel, change in changes
        ],
    }
