"""Tasks one after the other in one play, so that ansible-playbook is started once for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .ansible_run import Run, playbook

Task = dict[str, Any]


def task(module: str, arguments: Mapping[str, Any], *, check: bool = False) -> Task:
    """A task of a module of the collection."""
    return {f"tunnelwright.ipsec.{module}": dict(arguments), **({"check_mode": True} if check else {})}


def shell(script: str) -> Task:
    """What a shell on the gateway does between two of them; what it printed is the task's `stdout`."""
    return {"ansible.builtin.raw": script}


def steps(tmp: Path, hosts: Path, on: str, tasks: Mapping[str, Task], *more: str, **env: str) -> Run:
    """Run tasks, by name; one that fails does not keep the next."""
    named = [{"name": name, "ignore_errors": True, **task} for name, task in tasks.items()]
    run = playbook(tmp, hosts, [{"hosts": on, "gather_facts": False, "tasks": named}], *more, **env)
    assert run.status == 0, run.output
    return run


def failed(run: Run, name: str) -> str:
    """What a task that is to fail said."""
    result = run.result(name)
    assert result.get("failed"), (name, result)
    return str(result["msg"])


def changed(run: Run, *names: str) -> list[bool]:
    """Whether each of these tasks changed something; none of them failed."""
    results = {name: run.result(name) for name in names}
    assert not [name for name, result in results.items() if result.get("failed")], results
    return [result["changed"] for result in results.values()]
