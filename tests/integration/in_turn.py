"""Several tasks in one play, for starting a play costs more than most tasks do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .ansible_run import playbook

Task = Mapping[str, Any]


def use(module: str, arguments: Task, **keywords: Any) -> Task:
    """A task with a module of the collection."""
    return {f"tunnelwright.ipsec.{module}": arguments, **keywords}


def check(module: str, arguments: Task, **keywords: Any) -> Task:
    """The same, in check mode."""
    return use(module, arguments, check_mode=True, **keywords)


def sh(script: str) -> Task:
    """A task whose `stdout` is what a script prints."""
    return {"ansible.builtin.raw": script}


def until(script: str) -> Task:
    """A task that waits until a script succeeds."""
    return {"ansible.builtin.raw": script, "register": "tried", "until": "tried.rc == 0", "retries": 100, "delay": 0.2}


def in_turn(tmp: Path, hosts: Path, on: str, *tasks: Task) -> list[dict[str, Any]]:
    """The result of each task, without what core adds; one that fails does not end the play."""
    given = [{"name": f"task {number}", **task, "ignore_errors": True} for number, task in enumerate(tasks)]
    done = playbook(tmp, hosts, [{"hosts": on, "gather_facts": False, "tasks": given}])
    assert done.status == 0, done.output
    results = (done.result(f"task {number}", on) for number in range(len(given)))
    return [{key: _plain(value) for key, value in each.items() if not key.startswith("_")} for each in results]


def _plain(value: Any) -> Any:
    """What a script has printed went through a terminal."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
