"""Fuzzes all that reads, or the targets that are named: `python -m tests.fuzz [--seconds 900] [TARGET...]`.

The time is shared by the targets, two of which run at a time. An input that is neither read nor refused in one sentence
is kept in `tests/output/fuzz/TARGET/found`; it belongs into a unit test. Fails where there is one.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.signals import run

from .targets import TARGETS

OUTPUT = Path(__file__).parents[1] / "output" / "fuzz"
JOBS = 2
SLOWEST = 20  # seconds for one input: what waits longer hangs
MEMORY = 2048  # MiB
LONGEST = 20_000  # bytes: what grows faster than its input is found by tests/unit/test_linear.py


def main() -> int:
    """Fuzz, and say of each target what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=900, help="for all together")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - TARGETS.keys():
        parser.error(f"there is no target {', '.join(sorted(unknown))}: choose of {', '.join(TARGETS)}")
    names = arguments.targets or list(TARGETS)
    seconds = max(1, arguments.seconds * min(JOBS, len(names)) // len(names))
    with ThreadPoolExecutor(JOBS) as pool:
        failed = [
            name
            for name, good in zip(names, pool.map(lambda name: fuzz(name, seconds), names), strict=True)
            if not good
        ]
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


def fuzz(name: str, seconds: int) -> bool:
    """Whether a target read all that it was given in this time."""
    folder = OUTPUT / re.sub(r"[^a-z_]+", "-", name)
    found = folder / "found"
    found.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "tests.fuzz.one", name, str(folder / "inputs")),
        *(f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}"),
        *(f"-artifact_prefix={found}/", "-print_final_stats=1"),
    ]
    with (folder / "log").open("wb") as log:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, stdin=subprocess.DEVNULL)
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")
    units = re.search(r"stat::number_of_executed_units: (\d+)", said)
    ran = f"{units[1]} inputs in {seconds} s" if units else "it did not come to its end"
    if done.returncode == 0 and units:
        print(f"{name}: {ran}", flush=True)
        return True
    defect = re.search(r"Uncaught Python exception.*?\n(?:.*\n)*?(\w[\w.]*(?:Error|Exception)\b.*)", said)
    why = defect[1] if defect else next(iter(reversed(said.strip().splitlines())), "it said nothing")
    print(f"{name}: FAILED, {ran}: {why[:300]}; see {folder / 'log'} and {found}", flush=True)
    return False


if __name__ == "__main__":
    run(main)
