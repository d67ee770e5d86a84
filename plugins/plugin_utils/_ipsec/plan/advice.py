# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else is to do on a gateway that is not ours to change, as a sentence to send."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Step, format_name


def write_advice(step: Step) -> str:
    """The step as such a sentence."""
    what = (
        "; ".join(_format_assignments(step))
        or {
            "daemon": f"have the IKE daemon {step.state}",
            "sa": f"have {step.child or 'the tunnel'} {step.state}",
            "keepalive": f"install a periodic check for {step.child}",
            "connection": "set the pre-shared key that was agreed on",
        }[step.do]
    )
    where = f"connection {format_name((step.connection,), step.description)}: " if step.connection else ""
    return f"{step.gateway}: {where}{what} ({step.tunnel}: {', '.join(step.findings)})"


def _format_assignments(step: Step) -> Iterator[str]:
    yield from (_format_assignment(key, value) for key, value in step.settings.items())
    for child, settings in step.children.items():
        yield from (f"{_format_assignment(key, value)} of child {child}" for key, value in settings.items())


def _format_assignment(key: str, value: str) -> str:
    return f"set {key} = {value}" if value else f"remove {key}"
