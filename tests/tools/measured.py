"""What a page of figures says of how they came about: at which commit, on which machine, and how busy that was."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .sections import PERFORMANCE, ROOT

PAGES = (PERFORMANCE, ROOT / "docs" / "fault-matrix.md", ROOT / "docs" / "reliability.md")
QUIET = 0.25  # load for each core, below which the machine does nothing else
_load_at_begin = os.getloadavg()[0]  # whoever measures has imported this before


def measured(root: Path = ROOT) -> str:
    """Of all that this process has measured until now."""
    tree = " with changes that are not in it" if changes(root) else ""
    busy = "" if _load_at_begin < quiet() else ": the machine did other work beside"
    return (
        f"Measured at commit {_git(root, 'rev-parse', '--short=12', 'HEAD').strip()}{tree}, on {os.cpu_count()} cores, "
        f"with a load of {_load_at_begin:.1f} at the beginning and {os.getloadavg()[0]:.1f} at the end{busy}."
    )


def changes(root: Path = ROOT) -> str:
    """What in the tree is not in the commit, a line each; the pages themselves do not count."""
    pages = [f":!{page.relative_to(ROOT)}" for page in PAGES]
    return _git(root, "status", "--porcelain", "--", ".", *pages).rstrip()


def quiet() -> float:
    """The load below which the machine does nothing else."""
    return QUIET * (os.cpu_count() or 1)


def _git(root: Path, *words: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(root), *words]  # the tree may be another user's
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
