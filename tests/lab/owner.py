"""Who made a lab or started a process: one run. What a run that is gone has left belongs to nobody and may go."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PATIENCE = 20.0  # seconds
MARK = "TUNNELWRIGHT_OWNER"  # in the environment of all that a run starts, and so of what that starts


class Owner(NamedTuple):
    """A process. A recycled pid is another one, and so is the same pid in another pid namespace."""

    pid: int
    since: int
    space: str

    @property
    def is_gone(self) -> bool:
        return self.space == _space() and started(self.pid) != self.since

    def __str__(self) -> str:
        return f"{self.pid} {self.since} {self.space}"


def me() -> Owner:
    """This process."""
    return Owner(os.getpid(), started(os.getpid()) or 0, _space())


def owner(text: str) -> Owner | None:
    """The owner that is written so; None where it is none."""
    match text.split():
        case [pid, since, space] if pid.isdecimal() and since.isdecimal():
            return Owner(int(pid), int(since), space)
    return None


def mark() -> None:
    """What this process starts from now on is its own."""
    os.environ[MARK] = str(me())


def kill_own() -> None:
    """Kill all that this process has started since it was marked, and what that has started."""
    kill_processes(me().__eq__)


def kill_processes(which: Callable[[Owner], bool]) -> None:
    """Kill what such owners have started until nothing of it runs; what the kernel does not let go is told and left."""
    until = time.monotonic() + PATIENCE
    while found := [pid for pid in _pids() if (whose := _owner_of(pid)) and which(whose)]:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            print(f"Killed, but still there: processes {found}.", file=sys.stderr)
            return
        time.sleep(0.01)


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone (proc(5), field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _pids() -> list[int]:
    """All processes but this one, which a run may have started too."""
    return [pid for path in Path("/proc").glob("[0-9]*") if (pid := int(path.name)) != os.getpid()]


def _owner_of(pid: int) -> Owner | None:
    """By the environment that it was started with."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return next((owner(word.partition("=")[2]) for word in words if word.startswith(f"{MARK}=")), None)


def _space() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return "none"
