"""The controller of a change: ansible-playbook in a process group of its own, that stops where it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.ansible_run import environment

from .product import Playbook, Point

REACHED_WITHIN = 300.0  # seconds to a point, on a busy machine
ENDS_WITHIN = 600.0


class SabotageError(RuntimeError):
    """The sabotage itself did not work, so nothing was shown."""


AT_WORK = threading.BoundedSemaphore(3)  # runs, on two cores; gateways that wait for a deadline cost nothing


@dataclass
class Controller:
    """One run."""

    process: subprocess.Popen[bytes]
    folder: Path
    at_work: bool = True

    @classmethod
    def start(
        cls, folder: Path, inventory: Path, playbook: Playbook, variables: Mapping[str, Any], points: Sequence[Point]
    ) -> Controller:
        """Run the playbook; at each of the points it waits for :meth:`go`."""
        AT_WORK.acquire()
        folder.mkdir()
        said = [{"name": point.name, "task": point.task, "nth": point.nth} for point in points]
        (folder / "points.json").write_text(json.dumps(said), encoding="utf-8")
        (folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        env = environment(
            folder,
            ANSIBLE_CALLBACK_PLUGINS=str(Path(__file__).parent / "callbacks"),
            ANSIBLE_CALLBACKS_ENABLED="points",
            ANSIBLE_SSH_TIMEOUT="5",
            SABOTAGE_FOLDER=str(folder),
        )
        program = str(Path(sys.executable).parent / "ansible-playbook")
        hears = ("env", "--default-signal=HUP")  # a hangup, also where this runs under nohup
        command = [*hears, program, "-i", str(inventory), f"tunnelwright.ipsec.{playbook}"]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [*command, "-e", f"@{folder / 'variables.json'}"],
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process, folder)

    def reached(self, point: Point) -> None:
        """Wait until it stands there.

        Raises:
            SabotageError: it ended before, or does not come there.
        """
        end = time.monotonic() + REACHED_WITHIN
        while not (self.folder / point.name).exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SabotageError(f"the run did not come {point.name}: {self.output[-1500:]}")
            time.sleep(0.05)

    def go(self, point: Point) -> None:
        (self.folder / f"{point.name}.go").touch()

    def signal(self, number: signal.Signals) -> None:
        """To the whole group, as a terminal or an out-of-memory killer would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.end()

    def end(self) -> int:
        """Wait for its end: the exit status."""
        status = self.process.wait(timeout=ENDS_WITHIN)
        if self.at_work:
            self.at_work = False
            AT_WORK.release()
        return status

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    @property
    def failures(self) -> Iterator[tuple[str, str]]:
        """Task and message of what failed, in order."""
        path = self.folder / "failures"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            task, message = json.loads(line)
            yield task, message
