"""gateway_info over 50 gateways, against the same script in a raw task and against five ordinary tasks."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import find_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack

from tests.lab.inventory import inventory
from tests.lab.lab import running
from tests.lab.root import CACHE, root
from tests.lab.signals import run
from tests.lab.topology import pairs

PAIRS = 25
CONNECTIONS = 10
ROUNDS = 3
MOST_RAW = 1.3  # of the controller CPU of the raw task
MOST_ORDINARY = 0.6  # and of the five tasks
FORKS = 10
COMMANDS = (
    "swanctl --list-conns",
    "swanctl --list-sas",
    "swanctl --list-pols",
    "swanctl --stats",
    "cat /etc/swanctl/swanctl.conf",
)
PRINTED = """## One task over many gateways

`gateway_info` over {gateways} gateways of the lab with {connections} connections each, ansible-core {core},
{forks} forks, pipelining, new ssh connections in each run; whole runs of ansible-playbook, median of {rounds}
rounds in turn.

| run | controller CPU | wall |
|---|---|---|
{rows}

`gateway_info` takes {raw:.2f} of the controller CPU of the raw task (at most {most_raw}) and {ordinary:.2f} of that of
the five tasks (at most {most_ordinary}); of the wall time {raw_wall:.2f} and {ordinary_wall:.2f}. To log in and run
nothing takes {login:.2f} of the CPU of the five tasks: no task can be under that.
"""


@dataclass(frozen=True)
class Cost:
    """What one run took, in seconds."""

    cpu: float
    wall: float


def main() -> None:
    """Measure on a lab of its own and print the result; a ratio over its limit is a failure."""
    with (
        running(pairs(PAIRS, connections=CONNECTIONS), suite=python_root()) as lab,
        tempfile.TemporaryDirectory() as folder,
    ):
        tmp = Path(folder)
        (tmp / "inventory.yml").write_text(inventory(lab), encoding="utf-8")
        plays = {name: _play(tmp, tasks) for name, tasks in _candidates().items()}
        rounds = [{name: _run(tmp, play) for name, play in plays.items()} for dummy in range(ROUNDS)]
    costs = {name: _median([each[name] for each in rounds]) for name in plays}
    print(_page(costs))
    dummy, ours, raw, ordinary = costs.values()
    sys.exit(ours.cpu > MOST_RAW * raw.cpu or ours.cpu > MOST_ORDINARY * ordinary.cpu)


def _candidates() -> Mapping[str, str]:
    """Each run's name and its tasks in YAML."""
    script = pack(find_platform("strongswan").gather(GatherOptions(digest_key="0" * 64)), make_mark()).decode()
    quoted = f"!unsafe {json.dumps(script)}"  # as free form Ansible would look for quotes and templates in it
    tasks = "".join(f"    - ansible.builtin.command: {command}\n" for command in COMMANDS)
    return {
        "one `raw` task that runs `true`": "    - ansible.builtin.raw: 'true'\n",
        "`gateway_info`": "    - tunnelwright.ipsec.gateway_info:\n",
        "one `raw` task, the same script": f"    - ansible.builtin.raw:\n      args: {{_raw_params: {quoted}}}\n",
        "five `command` tasks": tasks,
    }


def _play(tmp: Path, tasks: str) -> Path:
    path = Path(tempfile.mkdtemp(dir=tmp)) / "play.yml"
    path.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}", encoding="utf-8")
    return path


def _run(tmp: Path, play: Path) -> Cost:
    """One ansible-playbook, as a process whose children's time is counted with it."""
    sockets = tempfile.mkdtemp(dir=tmp)
    environment = {
        **os.environ,
        "ANSIBLE_FORKS": str(FORKS),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
        "ANSIBLE_HOME": str(tmp / "home"),
    }
    program = Path(sys.executable).parent / "ansible-playbook"
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [program, "-i", tmp / "inventory.yml", play], env=environment, check=False, capture_output=True, text=True
    )
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{play.read_text(encoding='utf-8')[:300]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.cpu for cost in costs), statistics.median(cost.wall for cost in costs))


def _page(costs: Mapping[str, Cost]) -> str:
    login, ours, raw, ordinary = costs.values()
    return PRINTED.format(
        gateways=2 * PAIRS,
        connections=CONNECTIONS,
        core=version("ansible-core"),
        forks=FORKS,
        rounds=ROUNDS,
        rows="\n".join(f"| {name} | {cost.cpu:.1f} s | {cost.wall:.1f} s |" for name, cost in costs.items()),
        most_raw=MOST_RAW,
        most_ordinary=MOST_ORDINARY,
        raw=ours.cpu / raw.cpu,
        ordinary=ours.cpu / ordinary.cpu,
        login=login.cpu / ordinary.cpu,
        raw_wall=ours.wall / raw.wall,
        ordinary_wall=ours.wall / ordinary.wall,
    )


def python_root() -> str:
    """The suite of a root that also has the Python that ordinary tasks need; ours and raw do not use it."""
    made = CACHE / "trixie-python"
    if not made.is_dir():
        part = made.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        subprocess.run(["cp", "-a", root("trixie"), part], check=True)
        install = ["chroot", str(part), "apt-get", "install", "-qq", "--yes", "--no-install-recommends", "python3"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        subprocess.run(install, check=True, env=environment, stdout=sys.stderr)
        part.rename(made)
    return made.name


if __name__ == "__main__":
    run(main)
