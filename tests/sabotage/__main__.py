"""`make sabotage`: ways for a change to go wrong, on real gateways; fails where one does not end as it must.

Writes docs/reliability.md, if all of it ran. `--prove` goes the ways that a guard has to undo, and takes the guards
away when it is struck: then every one of them must be seen to end wrong. Some of these are a part of the whole.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.signals import run

from .page import PAGE, page, table
from .product import SECONDS
from .scene import Terms
from .story import Course, Told, tell
from .way import Way
from .ways import WAYS

REPAIRS = (  # of the playbook remediate, which goes the same way: at each kind of moment, and by each kind of hand
    *("killed-while-writing", "killed-after-the-reload", "killed-before-verifying", "killed-before-confirming"),
    *("killed-between-the-confirmations", "charon-crashes-at-the-reload", "the-initiator-is-restarted"),
    *("the-disk-is-full-when-it-is-written", "the-change-cuts-the-management-path", "the-peer-refuses-the-change"),
)
CONTROL = ("killed-while-writing", "killed-after-the-reload", "killed-before-verifying")  # gone without guards too
REPAIRING = Terms(playbook="remediate")
BARE = Terms(guarded=False)
SUITES = {"trixie": "6.0.1", "bookworm": "5.9.8"}  # Debian releases and their strongSwan


def main() -> int:
    """Run and print; 1 where anything ends otherwise than it must."""
    parser = argparse.ArgumentParser(prog="tests.sabotage", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="ways; all of them unless some are named")
    parser.add_argument("--suite", choices=SUITES, action="append", help="Debian release; both unless one is named")
    parser.add_argument("--prove", action="store_true", help="without guards, where each must end wrong")
    parser.add_argument("--remediate", action="store_true", help="by the playbook remediate, ten ways unless named")
    parser.add_argument("--list", action="store_true", help="say which there are")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - WAYS.keys()):
        parser.error(f"no way is called {', '.join(unknown)}")
    if arguments.list:
        print("\n".join(f"{way.name}: {way.about}" for way in WAYS.values()))
        return 0
    if arguments.prove:
        return int(any(told.right for told in _run([Course("unguarded", chosen("trixie", arguments), terms=BARE)])[0]))
    repairs = Course("remediate", [WAYS[name] for name in arguments.names or REPAIRS], terms=REPAIRING)
    if arguments.remediate:
        return int(any(not told.right for told in _run([repairs])[0]))
    suites = arguments.suite or list(SUITES)
    courses = [Course(SUITES[suite], chosen(suite, arguments), suite) for suite in suites]
    if set(suites) != SUITES.keys() or arguments.names:
        return int(any(not told.right for rows in _run(courses) for told in rows))
    control = Course("unguarded", [WAYS[name] for name in CONTROL], terms=BARE)
    *told, repaired, alone = _run([*courses, repairs, control])
    by_release = {course.name: rows for course, rows in zip(courses, told, strict=True)}
    PAGE.write_text(page(by_release, repaired, alone, SECONDS), encoding="utf-8")
    wrong = any(not one.right for rows in (*told, repaired) for one in rows)
    return int(wrong or any(one.right for one in alone))


def chosen(suite: str, arguments: argparse.Namespace) -> list[Way]:
    """The ways to go on one release: on 5.9 a selection, unless they are named."""
    ways = [way for way in WAYS.values() if way.name in (arguments.names or (way.name,))]
    if arguments.prove:
        ways = [way for way in ways if way.undone]
    return [way for way in ways if suite == "trixie" or way.everywhere or arguments.names]


def _run(courses: Sequence[Course]) -> list[list[Told]]:
    """Go these; what came of each course, which is printed too."""
    since = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - since:4.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        told = tell(courses, Path(folder), say)
    for rows in told.values():
        print(table(rows))
    return list(told.values())


if __name__ == "__main__":
    run(main)
