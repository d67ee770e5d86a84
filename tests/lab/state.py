"""What a lab has made, written down before it is made, so that `down` can always find it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .owner import Owner, me, owner, started

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

    @property
    def owner(self) -> Owner | None:
        """The run that it belongs to; None where it stays until it is taken down."""
        try:
            return owner((self.folder / "owner").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def give(self, whose: Owner) -> None:
        (self.folder / "owner").write_text(str(whose), encoding="utf-8")

    def save(self) -> None:
        part = self.folder / ".state.part"
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.rename(self.folder / "state.json")


def claim(name: str, whose: Owner | None = None) -> State:
    """A new lab's state, with an index no other lab on this machine has, and its owner.

    Raises:
        FileExistsError: a lab of this name is there.
    """
    with _lock():
        taken = {state.index for state in every()}
        index = next(number for number in range(MOST_LABS) if number not in taken)
        (RUN / name).mkdir()
        state = State(name, index)
        if whose:
            state.give(whose)
        state.save()
    return state


def claim_abandoned() -> list[State]:
    """The labs whose owner is gone: they are this process's now, so that no other one takes them too."""
    if not any(_is_abandoned(state) for state in every()):
        return []
    with _lock():
        found = [state for state in every() if _is_abandoned(state)]
        for state in found:
            state.give(me())
    return found


def _is_abandoned(state: State) -> bool:
    return state.owner is not None and state.owner.is_gone


def load(name: str) -> State:
    """The state of a lab.

    Raises:
        LookupError: there is no lab of this name.
    """
    try:
        data = json.loads((RUN / name / "state.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LookupError(f"no lab is called {name}; `lab list` shows those there are") from None
    data["processes"] = {node: (pid, started) for node, (pid, started) in data["processes"].items()}
    return State(**data)


def every() -> list[State]:
    """All labs on this machine."""
    found = []
    for path in sorted(RUN.glob("*/state.json")):
        with suppress(LookupError):  # it goes at this moment
            found.append(load(path.parent.name))
    return found


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
