"""Runs make's targets as the stages of a tier: `tests.tools.stages test --lane "lint unit" --lane integration`.

Lanes run beside each other, the stages of a lane one after the other, and all of them also after a failure; what wants
the machine alone comes last. What a stage says is shown whole when it ends. At the end: the seconds of each stage, the
slowest tests, the total; the same as JSON and each stage's log in tests/output/TIER. Fails if a stage did.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.lab.signals import heed

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "tests" / "output"
SLOWEST = 25
POLL = 0.2  # seconds


@dataclass(frozen=True)
class Stage:
    """A finished stage. `seconds` of the clock, `cpu` of all its processes."""

    name: str
    status: int
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Timed:
    """A finished test of a stage."""

    stage: str
    name: str
    seconds: float


class Tier:
    """The stages that run now and those that have ended."""

    def __init__(self, folder: Path, command: Sequence[str] = ("make", "-k", "--no-print-directory")) -> None:
        self.folder, self.command = folder, command
        self.ended: list[Stage] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._printing = threading.Lock()
        self._starting = threading.Lock()  # between a stage that begins and the end of all
        self._stopped = False

    def run_lanes(self, lanes: Sequence[Sequence[str]]) -> None:
        """Run all stages; returns when the last has ended, also where a signal's handler stops them meanwhile."""
        with ThreadPoolExecutor(len(lanes)) as pool:
            running = [pool.submit(self._run_lane, lane) for lane in lanes]
            while wait(running, POLL).not_done:  # Python does not see a signal that comes just before it waits
                pass
        for lane in running:
            lane.result()

    def stop(self) -> None:
        """Start no further stage and end those that run, which clean up after themselves."""
        with self._starting:
            self._stopped = True
            for process in list(self._running.values()):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)

    def _run_lane(self, lane: Sequence[str]) -> None:
        for name in lane:
            self._run_stage(name)

    def _run_stage(self, name: str) -> None:
        log, since = self.folder / f"{name}.log", time.monotonic()
        env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        env["PYTEST_ADDOPTS"] = f"{env.get('PYTEST_ADDOPTS', '')} --junitxml={self.folder / name}.xml"
        with self._starting:
            if self._stopped:
                return
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [*self.command, name],
                    cwd=ROOT,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self._running[name] = process
        self._say(f"-- {name} begins")
        dummy, waited, used = os.wait4(process.pid, 0)
        del self._running[name]
        process.returncode = os.waitstatus_to_exitcode(waited)
        stage = Stage(name, process.returncode, time.monotonic() - since, used.ru_utime + used.ru_stime)
        self.ended.append(stage)
        said = log.read_text(encoding="utf-8", errors="replace").strip("\n")
        self._say(f"{said}\n-- {name} {'ends' if stage.status == 0 else 'FAILED'} after {stage.seconds:.0f} s")

    def _say(self, text: str) -> None:
        with self._printing:
            print(text, flush=True)


def read_tests(folder: Path) -> Iterator[Timed]:
    """The tests that pytest has written about, of all stages."""
    for path in sorted(folder.glob("*.xml")):
        for case in ET.parse(path).iter("testcase"):  # noqa: S314  pytest wrote it
            name = f"{case.get('classname', '').removeprefix('tests.')}::{case.get('name')}"
            yield Timed(path.stem, name, float(case.get("time", 0)))


def summarize(stages: Sequence[Stage], tests: Sequence[Timed], total: float) -> str:
    """The table that a run ends with. Its last line is the one that CI counts."""
    slowest = sorted(tests, key=lambda test: test.seconds, reverse=True)[:SLOWEST]
    failed = [stage for stage in stages if stage.status]
    lines = [
        f"\n== the {len(slowest)} slowest of {len(tests)} tests",
        *(f"{test.seconds:6.0f} s  {test.stage:20} {test.name}" for test in slowest),
        "\n== stages",
        *(
            f"{stage.seconds:6.0f} s  {stage.cpu:6.0f} s of CPU  {stage.name}{'' if stage.status == 0 else '  FAILED'}"
            for stage in stages
        ),
        f"{total:6.0f} s  in all",
        f"stages: {len(stages) - len(failed)} passed, {len(failed)} failed",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run a tier; 1 where a stage failed."""
    parser = argparse.ArgumentParser(prog="tests.tools.stages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tier", help="its name: that of the folder in tests/output")
    parser.add_argument("--lane", action="append", required=True, help="make's targets, in their order")
    parser.add_argument("--alone", default="", help="make's targets that run when all lanes have ended")
    arguments = parser.parse_args()
    folder, since = OUTPUT / arguments.tier, time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tier = Tier(folder)
    heed(lambda *dummy: tier.stop())  # raises nothing: a wait for a thread that an exception breaks off is lost
    lanes, alone = [lane.split() for lane in arguments.lane], arguments.alone.split()
    tier.run_lanes(lanes)
    tier.run_lanes([alone])
    total, tests = time.monotonic() - since, list(read_tests(folder))
    print(summarize(tier.ended, tests, total))
    result = {
        "tier": arguments.tier,
        "seconds": round(total, 1),
        "stages": [asdict(stage) for stage in tier.ended],
        "tests": [asdict(test) for test in sorted(tests, key=lambda test: -test.seconds)],
    }
    (folder / "summary.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    whole = len(tier.ended) == sum(map(len, (*lanes, alone)))
    return 0 if whole and not any(stage.status for stage in tier.ended) else 1


if __name__ == "__main__":
    sys.exit(main())
