"""`make matrix`: every fault and every healthy variant on real tunnels of both releases; fails on any miss.

Writes docs/fault-matrix.md, if all of it ran. `--brief` is what CI runs: all on strongSwan 6.0, and on 5.9 what
behaves or is logged otherwise there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from tests.lab.faults import FAULTS, VARIANTS, Case, Fault
from tests.lab.signals import run

from .judge import Row, judge
from .page import PAGE, page, table
from .story import tell

SUITES = {"trixie": "6.0", "bookworm": "5.9"}  # Debian releases and their strongSwan


def main() -> int:
    """Run and print; 1 where anything is missed."""
    parser = argparse.ArgumentParser(prog="tests.matrix", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="faults and variants; all of them unless some are named")
    parser.add_argument("--suite", choices=SUITES, action="append", help="Debian release; both unless one is named")
    parser.add_argument("--brief", action="store_true", help="on 5.9 only what differs there")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - FAULTS.keys() - VARIANTS.keys())
    if unknown:
        parser.error(f"no fault or variant is called {', '.join(unknown)}")
    done = {suite: _run(suite, chosen(suite, arguments)) for suite in arguments.suite or SUITES}
    if done.keys() == SUITES.keys() and not arguments.brief and not arguments.names:
        PAGE.write_text(page({SUITES[suite]: rows for suite, rows in done.items()}), encoding="utf-8")
    missed = [(suite, row) for suite, rows in done.items() for row in rows if not row.passed]
    for suite, row in missed:
        for sentence in row.missed:
            print(f"{SUITES[suite]} {row.told.case.name}: {sentence}")
    return int(bool(missed))


def chosen(suite: str, arguments: argparse.Namespace) -> list[Case]:
    """The cases to run on one release."""
    every: list[Case] = [*FAULTS.values(), *VARIANTS.values()]
    here = [case for case in every if case.since <= SUITES[suite] and case.name in (arguments.names or (case.name,))]
    if arguments.brief and SUITES[suite] == "5.9":
        return [case for case in here if isinstance(case, Fault) and case.differs]
    return here


def _run(suite: str, cases: Collection[Case]) -> list[Row]:
    since = time.monotonic()

    def say(what: str) -> None:
        print(f"{SUITES[suite]}  {time.monotonic() - since:4.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="matrix-") as tmp:
        rows = [judge(told) for told in tell(cases, suite, Path(tmp), say)] if cases else []
    print(table(rows))
    return rows


if __name__ == "__main__":
    run(main)
