"""`make matrix`: every fault and every healthy variant on real tunnels of each strongSwan; fails on any miss.

Writes docs/fault-matrix.md, if all of it ran. `--changed` is what every change must pass: the cases of the families of
rules that it touches and ten others, and what of them behaves or is logged otherwise on 5.9 also there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from tests.lab.faults import Case, Fault
from tests.lab.signals import run

from .judge import Row, judge
from .page import PAGE, page, table
from .selection import BaseError, cases, changed_files, select
from .story import tell

# Debian releases and their strongSwan. Not bullseye's 5.9.1, which refuses trap|start: no tunnel of the lab is loaded.
SUITES = {"trixie": "6.0.1", "bookworm": "5.9.8"}
FIRST, OTHER = "trixie", "bookworm"  # what a change runs on, and what for cases that differ there


def main() -> int:
    """Run and print; 1 where anything is missed."""
    parser = argparse.ArgumentParser(prog="tests.matrix", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="faults and variants; all of them unless some are named")
    parser.add_argument("--suite", choices=SUITES, action="append", help="Debian release; all unless one is named")
    parser.add_argument(
        "--changed", nargs="?", const="", metavar="BASE", help="what was changed since that commit asks for"
    )
    parser.add_argument("--list", action="store_true", help="say what would be run, and run nothing")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - cases().keys()):
        parser.error(f"no fault or variant is called {', '.join(unknown)}")
    try:
        chosen = _changed(arguments.changed) if arguments.changed is not None else _named(arguments)
    except BaseError as error:
        parser.error(str(error))
    if arguments.list:
        print("\n".join(f"{SUITES[suite]} {case.name}" for suite, some in chosen.items() for case in some))
        return 0
    done = {suite: _run(suite, some) for suite, some in chosen.items()}
    if done.keys() == SUITES.keys() and arguments.changed is None and not arguments.names:
        PAGE.write_text(page({SUITES[suite]: rows for suite, rows in done.items()}), encoding="utf-8")
    missed = [(suite, row) for suite, rows in done.items() for row in rows if not row.passed]
    for suite, row in missed:
        for sentence in row.missed:
            print(f"{SUITES[suite]} {row.told.case.name}: {sentence}")
    return int(bool(missed))


def _named(arguments: argparse.Namespace) -> dict[str, list[Case]]:
    """By release, the cases that are named, or all."""
    some = [case for name, case in cases().items() if name in (arguments.names or (name,))]
    return {suite: [case for case in some if case.since <= SUITES[suite]] for suite in arguments.suite or SUITES}


def _changed(base: str) -> dict[str, list[Case]]:
    """By release, what a change asks for."""
    some = select(changed_files(base or None))
    return {FIRST: some, OTHER: [case for case in some if isinstance(case, Fault) and case.differs]}


def _run(suite: str, some: Collection[Case]) -> list[Row]:
    since = time.monotonic()

    def say(what: str) -> None:
        print(f"{SUITES[suite]}  {time.monotonic() - since:4.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="matrix-") as tmp:
        rows = [judge(told) for told in tell(some, suite, Path(tmp), say)]
    print(table(rows))
    return rows


if __name__ == "__main__":
    run(main)
