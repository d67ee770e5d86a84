"""Runs the collection's playbooks and modules as a user would: ansible-playbook in a process of its own, or a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .ansible_server import run, settled

PROGRAM = str(Path(sys.executable).parent / "ansible-playbook")
LONGEST = 900.0  # seconds


@dataclass(frozen=True)
class Run:
    """One finished run: its exit status, all it printed, and the recap by host."""

    status: int
    output: str
    stats: dict[str, dict[str, int]]
    tasks: tuple[tuple[str, str, dict[str, Any]], ...]  # (task name, host, result)

    def changed(self) -> dict[str, int]:
        """Hosts that changed, with how many tasks."""
        return {host: counts["changed"] for host, counts in self.stats.items() if counts["changed"]}

    def diffs(self) -> set[str]:
        """What each gateway was shown to change, or to have changed."""
        return {
            f"{host}: {json.dumps(each['diff'], sort_keys=True)}"
            for task, host, result in self.tasks
            if "Write the findings" not in task
            for each in result.get("results", [result])
            if each.get("diff")
        }

    def result(self, task: str, host: str | None = None) -> dict[str, Any]:
        """The last result of a task, of a host or of whichever ran it."""
        found = [r for name, who, r in self.tasks if name.endswith(task) and host in (None, who)]
        assert found, f"no result of {task!r} on {host} in:\n{self.output}"
        return found[-1]


def environment(tmp: Path, **more: str) -> dict[str, str]:
    """The process environment: this checkout's collection, no configuration of whoever runs the tests."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **settled(),
        "ANSIBLE_HOME": str(tmp / "home"),
        "ANSIBLE_FORKS": "10",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        **more,
    }


def playbook(
    tmp: Path,
    inventory: Path,
    play: str | list[dict[str, Any]],
    *arguments: str,
    enter: Sequence[str] = (),
    **more: str,
) -> Run:
    """Run a playbook of the collection by its name, or a list of plays, and read its results as data.

    `enter`: the command before it, to have it run somewhere else.
    """
    name = play if isinstance(play, str) else str(tmp / "play.json")
    if not isinstance(play, str):
        Path(name).write_text(json.dumps(play), encoding="utf-8")
    given = ["-i", str(inventory), name, *arguments]
    results = tmp / "results.json"
    results.unlink(missing_ok=True)
    env = environment(
        tmp,
        ANSIBLE_CALLBACKS_ENABLED="results_file",
        RESULTS_FILE=str(results),
        **more,
    )
    if enter:
        command = [*enter, PROGRAM, *given]
        done = subprocess.run(command, env=env, cwd=tmp, capture_output=True, text=True, check=False, timeout=LONGEST)
    else:
        done = run(given, env, tmp, timeout=LONGEST)
    output = done.stdout + done.stderr
    assert results.exists(), f"ansible-playbook did not run ({done.returncode}):\n{output}"
    data = json.loads(results.read_text(encoding="utf-8"))
    return Run(done.returncode, output, data["stats"], tuple((t, h, r) for t, h, r in data["tasks"]))


def module(tmp: Path, inventory: Path, hosts: str, name: str, arguments: dict[str, Any], *more: str, **env: str) -> Run:
    """Run one module of the collection as one task."""
    task = {"name": "it", f"tunnelwright.ipsec.{name}": arguments}
    return playbook(tmp, inventory, [{"hosts": hosts, "gather_facts": False, "tasks": [task]}], *more, **env)


def told(run: Run) -> dict[str, Any]:
    """The result of a module, without what core adds."""
    return {key: value for key, value in run.result("it").items() if not key.startswith("_")}


def works(tmp: Path, hosts: Path, on: str, name: str, arguments: dict[str, Any], *more: str) -> dict[str, Any]:
    """The result of a module that must work."""
    done = module(tmp, hosts, on, name, arguments, *more)
    assert done.status == 0, done.output
    return told(done)
