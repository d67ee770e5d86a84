"""Runs every measurement of this folder, or those that are named, and writes its section of docs/performance.md.

Fails where one of them finds a ratio over its limit, after all have run: what was measured is written also then.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import platform
import subprocess
import sys
from pathlib import Path

from tests.lab.signals import run
from tests.tools.measured import measured
from tests.tools.sections import PERFORMANCE, begin, put

HERE = Path(__file__).parent


def main() -> int:
    """One process each, so that none warms another up."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(HERE)]) if not module.name.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m tests.perf", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all unless some are named")
    given = parser.parse_args().names or names
    if unknown := sorted(set(given) - set(names)):
        parser.error(f"no measurement is called {', '.join(unknown)}")
    done = {name: _run(name) for name in given}
    begin(PERFORMANCE, f"# Performance\n\n{_machine()}")
    said = measured()
    for section in (each.stdout.strip() for each in done.values() if each.stdout.strip()):
        put(PERFORMANCE, f"{section}\n\n{said}")
        print(f"{section}\n")
    print(said)
    failed = [name for name, each in done.items() if each.returncode]
    if failed:
        print(f"Over a limit, or not measured at all: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _run(name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"tests.perf.{name}"]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)


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
