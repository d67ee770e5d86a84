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
from .scene import USUAL, Terms
from .story import Told, tell
from .way import Way
from .ways import WAYS

REPAIRS = (  # of the playbook remediate, which goes the same way: at each kind of moment, and by each kind of hand
    *("killed-while-writing", "killed-after-the-reload", "killed-before-verifying", "killed-before-confirming"),
    *("killed-between-the-confirmations", "charon-crashes-at-the-reload", "the-initiator-is-restarted"),
    *("the-disk-is-full-when-it-is-written", "the-change-cuts-the-management-path", "the-peer-refuses-the-change"),
)
CONTROL = ("killed-while-writing", "killed-after-the-reload", "killed-before-verifying")  # gone without guards too
REPAIRING = Terms(playbook="remediate")
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
        return int(any(told.right for told in _run("trixie", chosen("trixie", arguments), Terms(guarded=False))))
    repairs = [WAYS[name] for name in arguments.names or REPAIRS]
    if arguments.remediate:
        return int(any(not told.right for told in _run("trixie", repairs, REPAIRING)))
    done = {suite: _run(suite, chosen(suite, arguments)) for suite in arguments.suite or SUITES}
    rows = [told for suite in done.values() for told in suite]
    if done.keys() != SUITES.keys() or arguments.names:
        return int(any(not told.right for told in rows))
    repaired = _run("trixie", repairs, REPAIRING)
    control = _run("trixie", [WAYS[name] for name in CONTROL], Terms(guarded=False))
    told = {SUITES[suite]: rows for suite, rows in done.items()}
    PAGE.write_text(page(told, repaired, control, SECONDS), encoding="utf-8")
    return int(any(not each.right for each in (*rows, *repaired)) or any(each.right for each in control))


def chosen(suite: str, arguments: argparse.Namespace) -> list[Way]:
    """The ways to go on one release: on 5.9 a selection, unless they are named."""
    ways = [way for way in WAYS.values() if way.name in (arguments.names or (way.name,))]
    if arguments.prove:
        ways = [way for way in ways if way.undone]
    return [way for way in ways if suite == "trixie" or way.everywhere or arguments.names]


def _run(suite: str, ways: Sequence[Way], terms: Terms = USUAL) -> list[Told]:
    since = time.monotonic()

    def say(what: str) -> None:
        print(f"{SUITES[suite]}  {time.monotonic() - since:4.0f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        rows = tell(ways, suite, Path(folder), say, terms)
    print(table(rows))
    return rows


if __name__ == "__main__":
    run(main)
