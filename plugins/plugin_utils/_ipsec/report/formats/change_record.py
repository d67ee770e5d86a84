# SPDX-License-Identifier: GPL-3.0-or-later
"""A change record for people: Markdown to attach to a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import ChangeRecord, OutageMeasurement, StepResult, TunnelChange, TunnelSnapshot
from ..markdown_text import escape_text, format_table

_SAID = {
    "planned": "planned",
    "under_way": "**under way** (the run was interrupted here)",
    "proven": "**proven, not confirmed** (the run was interrupted here)",
    "failing": "**failing** (the run was interrupted here)",
    "done": "done",
    "rolled_back": "**rolled back**",
    "failed": "**failed**",
    "untouched": "untouched",
}


def render(record: ChangeRecord) -> str:
    """The record as one page."""
    lines = [
        f"# {escape_text('Plan of change' if record.order.check else 'Change')} {escape_text(record.order.ticket)}",
        "",
    ]
    lines += format_table(("", ""), _describe_record(record))
    lines += ["", "## Tunnels", ""]
    lines += format_table(
        ("Tunnel", "Batch", "Status", "Outage measured", "Outage expected", "Why"),
        [
            (
                escape_text(t.name),
                str(t.batch),
                _SAID[t.status],
                _format_longest_outage(t),
                "" if t.expected is None else _format_seconds(t.expected),
                escape_text(t.because),
            )
            for t in record.tunnels
        ],
    )
    if not record.tunnels:
        lines += ["Nothing was to be done."]
    if record.earlier:
        lines += ["", "## Done earlier under this ticket, and not touched", ""]
        lines += [
            f"- {escape_text(e.tunnel)}, {escape_text(e.finished)}, see {escape_text(e.record)}" for e in record.earlier
        ]
    if record.notes:
        lines += ["", "## Notes", "", *(f"- {escape_text(note)}" for note in record.notes)]
    for tunnel in record.tunnels:
        lines += ["", *_format_tunnel(tunnel, check=record.order.check)]
    return "\n".join(lines) + "\n"


def _describe_record(record: ChangeRecord) -> Iterator[tuple[str, str]]:
    order = record.order
    yield "By", escape_text(order.by)
    if order.reason:
        yield "Reason", escape_text(order.reason)
    yield "Began", escape_text(record.started)
    yield "Ended", escape_text(record.ended) or "it did not: the run was interrupted, or goes on"
    window = order.window or {}
    yield (
        "Window",
        escape_text(" ".join(str(window[key]) for key in ("start", "end", "timezone") if window.get(key))) or "none",
    )
    yield "Gateways roll back after", _format_seconds(order.guard_seconds)
    yield "Batches", escape_text("; ".join(", ".join(batch) for batch in record.batches)) or "none"


def _format_tunnel(tunnel: TunnelChange, *, check: bool) -> Iterator[str]:
    yield f"## {escape_text(tunnel.name)}: {_SAID[tunnel.status]}"
    yield ""
    ends = " and ".join(escape_text(str(end)) for end in tunnel.ends)
    yield f"Between {ends}; {escape_text(tunnel.initiator)} initiates."
    yield from _format_remarks(tunnel)
    if tunnel.steps:
        yield ""
        yield from format_table(
            ("Step", "Gateway", "What", "Setting: old → new", "Result"),
            (_format_step(step, check=check) for step in tunnel.steps),
        )
    for outage in tunnel.outages:
        yield ""
        yield _format_measurement(outage)
    for title, picture in (("Before", tunnel.before), ("After", tunnel.after)):
        if picture:
            yield ""
            yield from _format_snapshot(title, picture)


def _format_remarks(tunnel: TunnelChange) -> Iterator[str]:
    if tunnel.because:
        yield f"Why: {escape_text(tunnel.because)}."
    if tunnel.remains:
        yield f"**After the rollback: {escape_text(tunnel.remains)}.**"
    if tunnel.manages:
        yield f"Managed through this tunnel: {escape_text(', '.join(tunnel.manages))}."
    if tunnel.stand_ins:
        yield f"Stands in for it, and is not changed at the same time: {escape_text(', '.join(tunnel.stand_ins))}."
    if tunnel.expected is not None:
        yield f"Expected outage: {_format_seconds(tunnel.expected)} ({escape_text(tunnel.expected_because)})."


def _format_step(step: StepResult, *, check: bool) -> tuple[str, ...]:
    settings = [
        f"{escape_text(key)}: {escape_text(old or 'not set')} → {escape_text(new or 'not set')}"
        if step.ran and not (step.failed and old is None)
        else f"{escape_text(key)} → {escape_text(new or '')}"
        for key, (old, new) in step.settings.items()
    ]
    settings += ["pre-shared key"] if step.psk else []
    changed, same = ("would change", "unchanged") if check else ("changed", "unchanged")
    came = changed if step.changed else same
    if step.failed:
        came = f"**{'would fail' if check else 'failed'}**: {escape_text(step.failed)}"
    return (
        escape_text(step.phase) + (f", round {step.round}" if step.round > 1 else ""),
        escape_text(step.gateway),
        escape_text(step.what),
        "<br>".join(settings),
        came if step.ran else "not run",
    )


def _format_snapshot(title: str, picture: TunnelSnapshot) -> Iterator[str]:
    yield f"### {title}, {escape_text(picture.time)}"
    yield ""
    crosswise = "both ends hold the same SAs" if picture.crosswise else "the ends do not hold the same SAs"
    traffic = {True: "pings pass both ways", False: "**pings are lost**", None: "nothing was pinged"}[picture.traffic]
    yield f"- {crosswise}; {traffic}"
    yield from (f"- finding: {escape_text(finding)}" for finding in picture.findings)
    yield from (f"- missing: {escape_text(missing)}" for missing in picture.missing)
    yield from (
        f"- {escape_text(p.gateway)} got {p.received} of {p.sent} pings back, child {escape_text(p.child)}"
        for p in picture.pings
    )
    yield from (f"- route of {escape_text(route)}" for route in picture.routes)
    if picture.sas:
        yield ""
        yield from format_table(
            ("Gateway", "Child", "State", "SPI in / out", "Algorithms", "Packets in / out", "Bytes in / out"),
            [
                (
                    escape_text(sa.gateway),
                    escape_text(f"{sa.connection}/{sa.child}"),
                    escape_text(sa.state),
                    escape_text(f"{sa.spi_in} / {sa.spi_out}"),
                    escape_text(sa.algorithms) + (", in UDP" if sa.encap else ""),
                    f"{sa.packets_in} / {sa.packets_out}",
                    f"{sa.bytes_in} / {sa.bytes_out}",
                )
                for sa in picture.sas
            ],
        )


def _format_longest_outage(tunnel: TunnelChange) -> str:
    known = [outage.seconds for outage in tunnel.outages if outage.seconds is not None]
    return _format_seconds(max(known)) if known else "not measured"


def _format_measurement(outage: OutageMeasurement) -> str:
    gateway, source, target, child = map(escape_text, (outage.gateway, outage.source, outage.target, outage.child))
    way = f"{gateway}, {source} to {target} through {child}"
    if outage.seconds is None:
        return f"Running probe from {way}: {escape_text(outage.error or 'it tells nothing')}."
    return (
        f"Running probe from {way}: {outage.lost} of {outage.sent} pings lost, "
        f"{_format_seconds(outage.seconds)} without an answer at most "
        f"(a ping every {_format_seconds(outage.interval)})."
    )


def _format_seconds(value: float) -> str:
    return f"{value:g} s"
