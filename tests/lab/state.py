"""What a lab has made, written down before it is made, so that `down` can always find it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

RUN = Path(os.environ.get("TUNNELWRIGHT_LAB_RUN", "/run/tunnelwright-lab"))
MOST_LABS = 1024


@dataclass
class State:
    """One lab's things in the kernel. Processes are (pid, start time): a recycled pid is never ours."""

    name: str
    index: int
    topology: dict[str, object] = field(default_factory=dict)
    suite: str = "trixie"
    namespaces: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    processes: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return RUN / self.name

    def save(self) -> None:
        part = self.folder / ".state.part"
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.rename(self.folder / "state.json")


def claim(name: str) -> State:
    """A new lab's state, with an index no other lab on this machine has.

    Raises:
        FileExistsError: a lab of this name is there.
    """
    with _lock():
        taken = {state.index for state in every()}
        index = next(number for number in range(MOST_LABS) if number not in taken)
        (RUN / name).mkdir()
        state = State(name, index)
        state.save()
    return state


def load(name: str) -> State:
    """The state of a lab.

    Raises:
        LookupError: there is no lab of this name.
    """
    path = RUN / name / "state.json"
    if not path.exists():
        raise LookupError(f"no lab is called {name}; `lab list` shows those there are")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["processes"] = {node: (pid, started) for node, (pid, started) in data["processes"].items()}
    return State(**data)


def every() -> list[State]:
    """All labs on this machine."""
    return [load(path.parent.name) for path in sorted(RUN.glob("*/state.json"))]


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone (proc(5), field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def kill(pid: int, since: int) -> None:
    """Kill the process of this pid if it is still the one that was started then."""
    if started(pid) == since:
        os.kill(pid, signal.SIGKILL)


@contextmanager
def _lock() -> Iterator[None]:
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
