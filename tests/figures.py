"""`make figures`: every figure in docs/, measured anew, one after the other, and written into its page.

Some of them where parts are named. Refuses where the tree has changes that are in no commit, or the machine does other
work: the figures would be of neither. `--anyway` measures all the same, and the pages say so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.tools.measured import changes, quiet
from tests.tools.sections import ROOT

PARTS = ("perf", "outage", "matrix", "sabotage")
PATIENCE = 900.0  # seconds for the load of what ran before to fade
OFTEN = 5.0  # seconds between two looks at it


def main() -> int:
    """All parts, also after one that failed; 1 where one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.figures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--anyway", action="store_true", help="also of a changed tree or on a busy machine; is written")
    parser.add_argument("--ready", action="store_true", help="only refuse where the tree has changes")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless some are named")
    given = parser.parse_args()
    anyway, parts = given.anyway, given.parts or PARTS
    if unknown := sorted(set(parts) - set(PARTS)):
        parser.error(f"there are no figures called {', '.join(unknown)}")
    if given.ready:
        why = changed_tree()
        sys.exit(f"Not begun, commit first: {why}" if why else 0)
    failed = []
    for part in parts:
        if not anyway and (why := obstacle(PATIENCE)):
            sys.exit(f"Not measured from {part} on: {why}. With --anyway it is, and the pages say so.")
        since = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"tests.{part}"], check=False).returncode
        print(f"== {part}: {'as it must be' if code == 0 else f'exit code {code}'}, {time.monotonic() - since:.0f} s")
        failed += [part] if code else []
    return int(bool(failed))


def obstacle(patience: float, load: Callable[[], tuple[float, float, float]] = os.getloadavg, root: Path = ROOT) -> str:
    """What keeps figures from being true, when the load has had so many seconds to fade; empty where nothing does."""
    if found := changed_tree(root):
        return found
    until = time.monotonic() + patience
    if patience and load()[0] >= quiet():
        print(f"The load of the machine is {load()[0]:.1f}: waits until it is below {quiet():.1f}.", flush=True)
    while load()[0] >= quiet():
        if time.monotonic() >= until:
            return f"the machine does other work, its load is {load()[0]:.1f} and may be {quiet():.1f}"
        time.sleep(OFTEN)
    return ""


def changed_tree(root: Path = ROOT) -> str:
    """What of the tree is in no commit, in a sentence; empty where all is."""
    found = changes(root)
    return f"the tree has changes that are in no commit:\n{found}\n" if found else ""


if __name__ == "__main__":
    sys.exit(main())
