"""What came of all ways as text for a terminal and as docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .story import Told

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
ABOUT = """# Reliability

`make sabotage` wrote this.
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


def page(done: Mapping[str, Sequence[Told]]) -> str:
    """The page, from what was told on each version of strongSwan."""
    return "\n".join([ABOUT, *(line for item in done.items() for line in _told(*item))]) + "\n"


def _told(version: str, rows: Sequence[Told]) -> Iterator[str]:
    yield f"## strongSwan {version}"
    yield ""
    yield f"{sum(told.right for told in rows)} of {len(rows)} end as they must."
    yield ""
    yield "| Way | What is done | What was other when it was struck | What happened | What is right | Right after |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for told in rows:
        seconds = "**wrong**" if told.seconds is None else f"{told.seconds:.0f} s"
        harm, happened = "; ".join(told.harm) or "-", "; ".join(told.happened)
        yield f"| {told.way.name} | {told.way.about} | {harm} | {happened} | {told.way.right.text} | {seconds} |"
