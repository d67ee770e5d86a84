"""However a run ends and however it was started, nothing of it is left: labs, gateways, and what tests have started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

import pytest

from tests.lab import owner
from tests.lab.lab import Lab, find, sweep

from .leftovers import left

ROOT = Path(__file__).parents[2]
AT_ONCE = 6
BEGUN_WITHIN = 240.0  # seconds, on a busy machine
ENDED_WITHIN = 240.0
HEARS = ("env", "--default-signal=HUP")  # what is started hears a hangup, also where these tests run under nohup
# A run makes a lab, starts something that would outlive it, says so, and goes on until it is ended.
RUN = """import json, os, subprocess, sys, time
from tests.lab import owner
from tests.lab.lab import running
from tests.lab.signals import run
from tests.lab.topology import pairs

def main(name="run"):
    with running(pairs(1, name="ending")) as lab:
        child = subprocess.Popen(["sleep", "900"], start_new_session=True, stdin=subprocess.DEVNULL).pid
        said = {"lab": lab.state.name, "pid": os.getpid(), "child": [child, owner.started(child)]}
        with open(f"{FOLDER}/.{name}", "w") as file:
            json.dump(said, file)
        os.rename(f"{FOLDER}/.{name}", f"{FOLDER}/{name}.said")
        time.sleep(900)

def test_one():
    main("one")

def test_other():
    main("other")

if __name__ == "__main__":
    run(main)
"""
PYTEST = ("-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "/dev/null", "{file}")
PROGRAMS = {  # by kind: what Python is to run, and how many labs that makes
    "run": (("{file}",), 1),
    "pytest": (PYTEST, 1),
    "workers": ((*PYTEST, "-n", "2"), 2),
}
WAYS = {  # what a shell is to do with the command
    "foreground": 'exec "$@"',
    "background": '"$@" & wait',
    "nohup": 'nohup "$@" & wait',
    "setsid": 'exec setsid -w "$@"',
}


@dataclass(frozen=True)
class Said:
    """What one process of a run says: itself, its lab, and what it has started."""

    pid: int
    lab: Lab
    child: tuple[int, int]

    def left(self) -> list[str]:
        pid, since = self.child
        return [*left(self.lab), *(["what it has started"] if owner.started(pid) == since else [])]


@dataclass(frozen=True)
class Begun:
    """A run that stands where it is to be ended."""

    shell: subprocess.Popen[bytes]
    said: tuple[Said, ...]
    pid: int  # of the process that was started; with workers these are others

    def left(self) -> list[str]:
        return [line for said in self.said for line in said.left()]

    def end(self, number: int, pid: int | None = None) -> list[str]:
        """Send a signal; what is left when the run has ended."""
        os.kill(self.pid if pid is None else pid, number)
        self.shell.wait(ENDED_WITHIN)
        return self.left()


def begun(folder: Path, kind: str, way: str = "foreground") -> Begun:
    folder.mkdir()
    file = folder / "test_run.py"
    file.write_text(RUN.replace("{FOLDER}", str(folder)), encoding="utf-8")
    words, labs = PROGRAMS[kind]
    command = [sys.executable, *(word.format(file=file) for word in words)]
    # The shell tells the pid of what it starts: it becomes that.
    script = WAYS[way].replace('"$@"', f'sh -c \'echo $$ >{folder}/pid; exec "$@"\' sh "$@"')
    with (folder / "output").open("wb") as output:
        shell = subprocess.Popen(
            [*HEARS, "sh", "-c", script, "sh", *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    wait(lambda: len(list(folder.glob("*.said"))) == labs, BEGUN_WITHIN, (folder / "output").read_text)
    said = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.said"))]
    pid = int((folder / "pid").read_text(encoding="utf-8"))
    return Begun(shell, tuple(Said(one["pid"], find(one["lab"]), tuple(one["child"])) for one in said), pid)


def wait(done: Callable[[], bool], seconds: float, otherwise: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.05)


def ended(folder: Path, kind: str, way: str, number: int) -> list[str]:
    run = begun(folder, kind, way)
    assert all(said.left() for said in run.said)
    return run.end(number)


def hung_up(folder: Path) -> list[str]:
    """Under nohup a hangup ends nothing; what does, clears up."""
    run = begun(folder, "run", "nohup")
    os.kill(run.pid, SIGHUP)
    os.kill(run.pid, SIGTERM)
    run.shell.wait(ENDED_WITHIN)
    return run.left()


def half_up(folder: Path, number: int) -> list[str]:
    """A lab of the command line that is ended while it comes up, in the background of a script."""
    name = f"half-{folder.name.replace('_', '-')}-{os.getpid()}"
    script = '"$@" & echo $!; wait'
    command = [
        *HEARS,
        "sh",
        "-c",
        script,
        "sh",
        sys.executable,
        "-m",
        "tests.lab",
        "up",
        "--pairs",
        "8",
        "--name",
        name,
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())

        def boots() -> bool:
            with suppress(LookupError):
                return bool(find(name).state.namespaces)
            return False

        wait(boots, BEGUN_WITHIN, lambda: "nothing came up")
        lab = find(name)
        os.kill(pid, number)
        shell.wait(ENDED_WITHIN)
    if number == SIGKILL:  # nobody's lab stays until it is taken down
        sweep()
        assert left(lab)
        subprocess.run([sys.executable, "-m", "tests.lab", "down", name], cwd=ROOT, check=True)
    return left(lab)


def during(folder: Path, number: int) -> list[str]:
    """A command that runs while a lab is up is ended with it."""
    script = f"echo $LAB $$ >{folder}.part && mv {folder}.part {folder}; sleep 900"
    command = [*HEARS, sys.executable, "-m", "tests.lab", "during", "tests/lab/topologies/pair.yml", "sh", "-c", script]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        wait(folder.exists, BEGUN_WITHIN, lambda: "nothing came up")
        name, pid = folder.read_text(encoding="utf-8").split()
        lab, since = find(name), owner.started(int(pid))
        assert since is not None
        process.send_signal(number)
        process.wait(ENDED_WITHIN)
    if number == SIGKILL:
        sweep()
        wait(lambda: not left(lab), ENDED_WITHIN, lambda: left(lab))  # so may another worker
    return [*left(lab), *(["what ran meanwhile"] if owner.started(int(pid)) == since else [])]


def killed(folder: Path, kind: str) -> list[str]:
    """What a killed run has left is swept away, by the next `up` and by a run's end."""
    run = begun(folder, kind)
    assert all(said.left() for said in run.said)
    os.kill(run.pid, SIGKILL)
    run.shell.wait(ENDED_WITHIN)
    sweep()
    wait(lambda: not run.left(), ENDED_WITHIN, run.left)  # another worker of these tests may be about it already
    return run.left()


def controller_killed(folder: Path) -> list[str]:
    """Workers whose controller is gone end by themselves."""
    run = begun(folder, "workers")
    os.kill(run.pid, SIGKILL)
    wait(lambda: not run.left(), ENDED_WITHIN, run.left)
    return run.left()


def worker_killed(folder: Path) -> list[str]:
    """The others go on, and another takes the place of the one that was killed: what that has left goes first."""
    run = begun(folder, "workers")
    os.kill(run.said[0].pid, SIGKILL)
    wait(lambda: not run.said[0].left(), ENDED_WITHIN, run.said[0].left)
    assert run.said[1].left()
    return run.end(SIGTERM)


CASES: dict[str, Callable[[Path], list[str]]] = {
    **{
        f"{kind} {way} {number.name}": lambda folder, kind=kind, way=way, number=number: ended(
            folder, kind, way, number
        )
        for kind, ways, numbers in (
            ("run", WAYS, (SIGTERM, SIGINT, SIGHUP)),
            ("pytest", ("background",), (SIGTERM, SIGINT)),
            ("workers", ("background",), (SIGTERM, SIGINT)),
        )
        for way in ways
        for number in numbers
        if (way, number) != ("nohup", SIGHUP)
    },
    "run nohup SIGHUP": hung_up,
    **{f"up {number.name}": lambda folder, number=number: half_up(folder, number) for number in (SIGINT, SIGKILL)},
    **{f"during {number.name}": lambda folder, number=number: during(folder, number) for number in (SIGTERM, SIGKILL)},
    **{f"killed {kind}": lambda folder, kind=kind: killed(folder, kind) for kind in ("run", "pytest")},
    "controller killed": controller_killed,
    "worker killed": worker_killed,
}


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[str]]]]:
    """All of them, some at once: each waits more than it works."""
    tmp = tmp_path_factory.mktemp("endings")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(do, tmp / case.replace(" ", "_")) for case, do in CASES.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_left(case: str, endings: dict[str, Future[list[str]]]) -> None:
    assert endings[case].result() == []
