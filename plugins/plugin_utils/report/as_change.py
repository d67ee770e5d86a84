"""A change record for people: Markdown to attach to a ticket."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ..model import ChangeRecord, Measured, Picture, Taken, TunnelChange

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
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
    lines = [f"# {_text('Plan of change' if record.order.check else 'Change')} {_text(record.order.ticket)}", ""]
    lines += _table(("", ""), _about(record))
    lines += ["", "## Tunnels", ""]
    lines += _table(
        ("Tunnel", "Batch", "Status", "Outage measured", "Outage expected", "Why"),
        [
            (
                _text(t.name),
                str(t.batch),
                _SAID[t.status],
                _outage(t),
                "" if t.expected is None else _seconds(t.expected),
                _text(t.because),
            )
            for t in record.tunnels
        ],
    )
    if not record.tunnels:
        lines += ["Nothing was to be done."]
    if record.earlier:
        lines += ["", "## Done earlier under this ticket, and not touched", ""]
        lines += [f"- {_text(e.tunnel)}, {_text(e.finished)}, see {_text(e.record)}" for e in record.earlier]
    if record.notes:
        lines += ["", "## Notes", "", *(f"- {_text(note)}" for note in record.notes)]
    for tunnel in record.tunnels:
        lines += ["", *_tunnel(tunnel)]
    return "\n".join(lines) + "\n"


def _about(record: ChangeRecord) -> Iterator[tuple[str, str]]:
    order = record.order
    yield "By", _text(order.by)
    if order.reason:
        yield "Reason", _text(order.reason)
    yield "Began", _text(record.started)
    yield "Ended", _text(record.ended) or "it did not: the run was interrupted, or goes on"
    window = order.window or {}
    yield (
        "Window",
        _text(" ".join(str(window[key]) for key in ("start", "end", "timezone") if window.get(key))) or "none",
    )
    yield "Gateways roll back after", _seconds(order.guard_seconds)
    yield "Batches", _text("; ".join(", ".join(batch) for batch in record.batches)) or "none"


def _tunnel(tunnel: TunnelChange) -> Iterator[str]:
    yield f"## {_text(tunnel.name)}: {_SAID[tunnel.status]}"
    yield ""
    ends = " and ".join(_text(str(end)) for end in tunnel.ends)
    yield f"Between {ends}; {_text(tunnel.initiator)} initiates."
    yield from _remarks(tunnel)
    if tunnel.steps:
        yield ""
        yield from _table(("Step", "Gateway", "What", "Setting: old → new", "Came of it"), map(_step, tunnel.steps))
    for outage in tunnel.outages:
        yield ""
        yield _measured(outage)
    for title, picture in (("Before", tunnel.before), ("After", tunnel.after)):
        if picture:
            yield ""
            yield from _picture(title, picture)


def _remarks(tunnel: TunnelChange) -> Iterator[str]:
    if tunnel.because:
        yield f"Why: {_text(tunnel.because)}."
    if tunnel.remains:
        yield f"**After the rollback: {_text(tunnel.remains)}.**"
    if tunnel.manages:
        yield f"Managed through this tunnel: {_text(', '.join(tunnel.manages))}."
    if tunnel.stand_ins:
        yield f"Stands in for it, and is not changed at the same time: {_text(', '.join(tunnel.stand_ins))}."
    if tunnel.expected is not None:
        yield f"Expected outage: {_seconds(tunnel.expected)} ({_text(tunnel.expected_because)})."


def _step(step: Taken) -> tuple[str, ...]:
    settings = [
        f"{_text(key)}: {_text(old or 'not set')} → {_text(new or 'not set')}"
        if step.ran and not (step.failed and old is None)
        else f"{_text(key)} → {_text(new or '')}"
        for key, (old, new) in step.settings.items()
    ]
    settings += ["pre-shared key"] if step.psk else []
    came = "changed" if step.changed else "was so already"
    if step.failed:
        came = f"**failed**: {_text(step.failed)}"
    return (
        _text(step.phase),
        _text(step.gateway),
        _text(step.what),
        "<br>".join(settings),
        came if step.ran else "not run",
    )


def _picture(title: str, picture: Picture) -> Iterator[str]:
    yield f"### {title}, {_text(picture.time)}"
    yield ""
    crosswise = "both ends hold the same SAs" if picture.crosswise else "the ends do not hold the same SAs"
    traffic = {True: "pings pass both ways", False: "**pings are lost**", None: "nothing was pinged"}[picture.traffic]
    yield f"- {crosswise}; {traffic}"
    yield from (f"- finding: {_text(finding)}" for finding in picture.findings)
    yield from (f"- missing: {_text(missing)}" for missing in picture.missing)
    yield from (
        f"- {_text(p.gateway)} got {p.received} of {p.sent} pings back, child {_text(p.child)}" for p in picture.pings
    )
    yield from (f"- route of {_text(route)}" for route in picture.routes)
    if picture.sas:
        yield ""
        yield from _table(
            ("Gateway", "Child", "State", "SPI in / out", "Algorithms", "Packets in / out", "Bytes in / out"),
            [
                (
                    _text(sa.gateway),
                    _text(f"{sa.connection}/{sa.child}"),
                    _text(sa.state),
                    _text(f"{sa.spi_in} / {sa.spi_out}"),
                    _text(sa.algorithms) + (", in UDP" if sa.encap else ""),
                    f"{sa.packets_in} / {sa.packets_out}",
                    f"{sa.bytes_in} / {sa.bytes_out}",
                )
                for sa in picture.sas
            ],
        )


def _outage(tunnel: TunnelChange) -> str:
    known = [outage.seconds for outage in tunnel.outages if outage.seconds is not None]
    return _seconds(max(known)) if known else "not measured"


def _measured(outage: Measured) -> str:
    way = f"{_text(outage.gateway)}, {_text(outage.source)} to {_text(outage.target)} through {_text(outage.child)}"
    if outage.seconds is None:
        return f"Running probe from {way}: {_text(outage.error or 'it tells nothing')}."
    return (
        f"Running probe from {way}: {outage.lost} of {outage.sent} pings lost, "
        f"{_seconds(outage.seconds)} without an answer at most (a ping every {_seconds(outage.interval)})."
    )


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body] if body else []


def _text(value: str) -> str:
    """Any text as it is, on one line: what Markdown or HTML would make something of is escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(value.split())).replace("&", "&amp;")
