"""What came of all ways as text for a terminal and as docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.tools.measured import measured

from .story import Told

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
ABOUT = """# Reliability

`make sabotage` wrote this. In each row the playbook `change_window`, or `remediate` where the title says so, gives a
tunnel between two real gateways other ESP proposals, unless the row says otherwise, and something goes wrong. Then
nobody does anything any more.

Before and at the end a picture is taken of both gateways: every file below `/etc`, `/usr/local`, `/root` and the
crontabs with bytes, mode and owner, what the daemon has loaded, the SAs with their algorithms, and all processes. *As
before* means that there is no difference, that pings pass both ways, and that nothing of the guard is left: no
`/etc/tunnelwright`, no entry of cron or systemd, no process, no file beside the configuration, no twin connection.
Only the record of a rollback that nobody has asked for stays (`/etc/tunnelwright/rolled-back`), so that a run that
comes late learns of it, and it must not speak of anything that could not be done. Where something else than *as
before* is right, the row says what, and exactly that is compared.

*Right after* is the time from the sabotage until all of that held. Guards are armed for {seconds} seconds here,
{usual} by default, and most of the time is spent waiting for that; a change that is proven and never confirmed stays
only after as long again.

The time of day cannot be set for one gateway of the lab, because namespaces share the clock. What jumps in
*the-clock-jumps* is what `date` says; the guard goes by `/proc/uptime`, which nobody sets. A restart is that of all
processes, with another boot id and empty `/run` and `/tmp`; the kernel below goes on.
"""


def table(rows: Sequence[Told]) -> str:
    """A line for each, and all that is wrong."""
    width = max((len(told.way.name) for told in rows), default=0) + 2
    lines = []
    for told in rows:
        seconds = "" if told.seconds is None else f"{told.seconds:4.0f} s"
        lines.append(f"{told.way.name:{width}}{'right' if told.right else 'WRONG'} {seconds}")
        lines += [f"    struck with {'; '.join(told.harm)}"] if told.harm else []
        lines += [f"    {sentence}" for sentence in told.happened]
        lines += [f"    WRONG {sentence}" for sentence in told.wrong]
    lines.append(f"{sum(told.right for told in rows)} of {len(rows)} end as they must")
    return "\n".join(lines)


def page(
    done: Mapping[str, Sequence[Told]], repairs: Sequence[Told], control: Sequence[Told], seconds: int, usual: int = 300
) -> str:
    """The page, from what was told on each version of strongSwan, of `remediate`, and without guards."""
    about = ABOUT.format(seconds=seconds, usual=usual)
    lines = [line for version, rows in done.items() for line in _told(f"strongSwan {version}", rows)]
    lines += _told("The playbook remediate", repairs)
    return "\n".join([about, measured(), "", *lines, *_control(control)]) + "\n"


def _told(title: str, rows: Sequence[Told]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield f"{sum(told.right for told in rows)} of {len(rows)} end as they must."
    yield ""
    yield "| Way | What is done | What was other when it was struck | What happened | What is right | Right after |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for told in rows:
        seconds = f"{told.seconds:.0f} s" if told.right and told.seconds is not None else "**wrong**"
        harm, happened = "; ".join(told.harm) or "-", "; ".join(told.happened)
        yield f"| {told.way.name} | {told.way.about} | {harm} | {happened} | {told.way.right.text} | {seconds} |"
    yield ""


def _control(rows: Sequence[Told]) -> Iterator[str]:
    yield "## Without guards"
    yield ""
    yield "The same, with the guards taken away at the moment of the sabotage: here it must be seen that it ends wrong."
    yield ""
    yield "| Way | Seen to be wrong | What was wrong in the end |"
    yield "| --- | --- | --- |"
    for told in rows:
        yield f"| {told.way.name} | {'**no**' if told.right else 'yes'} | {'; '.join(told.wrong[:3]) or '-'} |"
