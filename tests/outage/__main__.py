"""Packets lost while a tunnel is changed, by kind of change and way to do it; writes its section of the page."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.pinging import PER_SECOND, pinging
from tests.lab.signals import run
from tests.lab.topology import pairs
from tests.tools.measured import measured
from tests.tools.sections import PERFORMANCE, put

from .kinds import KINDS, Kind
from .ways import before, by_declaration, by_template

SUITES = {"trixie": "6.0.1", "bookworm": "5.9.8"}
BREAKS = {kind.name for kind in KINDS if kind.breaks}
BREAK = 2.0  # seconds that those may take
BLINK = 0.1  # and all others: the moment between one end's new SA and the other's, on a busy machine
PRINTED = """## Packets lost while a tunnel is changed

`make outage` wrote this section. Both gateways of a tunnel ping each other through it {rate} times a second while it
is changed; lost are pings of both together, each of which crosses the tunnel both ways: median and worst of {rounds}
rounds, and the longest run of lost pings in any. *Declared* is `tunnelwright.ipsec.remediate` with the change declared;
*template* is both files replaced and `swanctl --load-all` on both ends in the same instant, followed by what else it
took. ESP is done in user space here, on {cores} cores that both gateways and the controller share.

| change | strongSwan | declared: lost | longest | template: lost | longest | with the template |
|---|---|---|---|---|---|---|
{rows}

A declared change of NAT-T or selectors may take {break_:.0f} s, any other {blink:.0f} ms: the moment between the new SA
of one end and that of the other, on a busy machine. {over} A round trip takes nothing here: on a real path every
break is longer by those of its exchanges."""


@dataclass(frozen=True)
class Round:
    """What one change cost; `gap` in seconds."""

    lost: int
    gap: float
    how: str


Rows = dict[tuple[str, str], tuple[list[Round], list[Round]]]  # by kind and suite: by declaration, by template


def main() -> None:
    """Measure what is asked for, and write the page unless that is only a part."""
    parser = argparse.ArgumentParser(prog="python -m tests.outage", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--suite", action="append", choices=SUITES, help="one version of strongSwan only")
    parser.add_argument("--kind", action="append", choices=[kind.name for kind in KINDS], help="one kind only")
    given = parser.parse_args()
    kinds = [kind for kind in KINDS if kind.name in (given.kind or [kind.name])]
    rows: Rows = {}
    for suite in given.suite or SUITES:
        with running(pairs(1, name="outage"), suite=suite) as lab, tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "inventory.yml").write_text(inventory(lab), encoding="utf-8")
            for kind in kinds:
                rows[kind.name, suite] = _measured(lab, kind, Path(folder), given.rounds)
                print(_row(kind.name, suite, *rows[kind.name, suite]), file=sys.stderr, flush=True)
    page = _page(rows, given.rounds)
    print(page)
    if not (given.suite or given.kind):
        put(PERFORMANCE, f"{page}\n\n{measured()}")
    sys.exit(bool(_over(rows)))


def _measured(lab: Lab, kind: Kind, folder: Path, rounds: int) -> tuple[list[Round], list[Round]]:
    """Rounds of both ways in turn, so that a busy moment meets both."""
    tunnel = lab.topology.tunnels["t01"]
    found: tuple[list[Round], list[Round]] = ([], [])
    for dummy in range(rounds):
        for rows, change in zip(found, (by_declaration, by_template), strict=True):
            before(lab, tunnel, kind)
            with pinging(lab, tunnel.name) as pings:
                how = change(lab, tunnel, kind, folder)
            rows.append(Round(pings.lost, pings.longest, how))
    return found


def _page(rows: Rows, rounds: int) -> str:
    over = _over(rows)
    return PRINTED.format(
        rate=PER_SECOND,
        rounds=rounds,
        cores=os.cpu_count(),
        break_=BREAK,
        blink=BLINK * 1000,
        rows="\n".join(_row(kind, suite, *found) for (kind, suite), found in rows.items()),
        over=f"Not within it: {', '.join(over)}." if over else "All were within that.",
    )


def _over(rows: Rows) -> list[str]:
    """The declared changes that took longer than they may."""
    gaps = {key: max(one.gap for one in ours) for key, (ours, dummy) in rows.items()}
    return [
        f"{kind} on {SUITES[suite]}"
        for (kind, suite), gap in gaps.items()
        if gap > (BREAK if kind in BREAKS else BLINK)
    ]


def _row(kind: str, suite: str, ours: list[Round], theirs: list[Round]) -> str:
    took = ", ".join(dict.fromkeys(one.how for one in theirs))
    return f"| {kind} | {SUITES[suite]} | {_lost(ours)} | {_gap(ours)} | {_lost(theirs)} | {_gap(theirs)} | {took} |"


def _lost(rounds: list[Round]) -> str:
    lost = [one.lost for one in rounds]
    return f"{statistics.median(lost):.0f}, worst {max(lost)}"


def _gap(rounds: list[Round]) -> str:
    return f"{max(one.gap for one in rounds) * 1000:.0f} ms"


if __name__ == "__main__":
    run(main)
