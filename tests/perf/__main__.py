"""Runs every measurement of this folder and writes its section of docs/performance.md."""

from __future__ import annotations

import os
import pkgutil
import platform
import subprocess
import sys
from pathlib import Path

from tests.lab.signals import run
from tests.tools.sections import PERFORMANCE, begin, put

HERE = Path(__file__).parent


def main() -> None:
    """One process each, so that none warms another up."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(HERE)]) if not module.name.startswith("_"))
    sections = [_printed_by(name) for name in names]
    begin(PERFORMANCE, f"# Performance\n\n{_machine()}")
    for section in sections:
        put(PERFORMANCE, section)
    print(PERFORMANCE.read_text(encoding="utf-8"))


def _printed_by(name: str) -> str:
    command = [sys.executable, "-m", f"tests.perf.{name}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return (
        f"The machine: {os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}; controller and gateways share it."
    )


if __name__ == "__main__":
    run(main)
