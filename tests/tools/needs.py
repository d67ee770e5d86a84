"""Says in one sentence what this machine lacks of what is used on it: of the table in needs.sh."""

from __future__ import annotations

import subprocess
from pathlib import Path

TABLE = Path(__file__).with_suffix(".sh")


def lacking(*parts: str) -> str:
    """What is missing and what to install, or nothing; of some parts of the table, or of none."""
    if not parts:
        return ""
    said = subprocess.run(["sh", TABLE, *parts], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [line.split(" ", 1) for line in said.splitlines()]
    reasons, packages = ", ".join(why for dummy, why in found), " ".join(package for package, dummy in found)
    return f"{reasons}: install {packages}" if found else ""
