"""fleet_info over 50 gateways, against a bare paramiko loop with the same script and against five ordinary tasks.

`python -m tests.perf.fleet_info 5 1` does it with five pairs of gateways in one round, to see that it runs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import yaml
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import find_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack

from tests.integration.sick import TIMEOUT, sick, wrong
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.signals import run
from tests.lab.topology import pairs

from .gateway_info import COMMANDS, python_root

PAIRS = 25
NAMES = 5  # of each gateway in the long run: so many times as many hosts
CONNECTIONS = 10
THREADS = 32
ROUNDS = 3
MOST_BARE = 1.8  # of the controller CPU of the bare loop, which takes the less, the faster the cipher of the machine is
MOST_ORDINARY = 0.2  # and of the five tasks
MOST_WALL = 1.15  # of the wall time of the bare loop
BARE = Path(__file__).with_name("_bare_loop.py")
PRINTED = """## A fleet in one task

`fleet_info` over {gateways} gateways of the lab with {connections} connections each, {threads} at a time, ansible-core
{core}, paramiko {paramiko}, against a bare paramiko loop that runs the same script and throws the answers away, and
against five pipelined command tasks with {forks} forks; whole processes, median of {rounds} rounds in turn.

| run | controller CPU | wall | most memory of a process |
|---|---|---|---|
{rows}

`fleet_info` takes {bare:.2f} of the controller CPU of the bare loop (at most {most_bare}), {ordinary:.3f} of that of
the five tasks (at most {most_ordinary}), and {wall:.2f} of the wall time of the bare loop (at most {most_wall}). The
bare loop, which understands nothing of what it gets, takes {floor:.3f} of the five tasks.

Over {many} hosts, {names} names for each gateway, it takes {cpu:.1f} ms of CPU a host instead of {cpu_few:.1f}, and
{memory:.0f} MiB instead of {memory_few:.0f}.

Of the sick {sick} of the {gateways}, each fifth is unreachable, hangs before its banner, rejects the key, closes in the
middle of its answer, or answers garbage. Each was reported as what it is, the others were read, and the run took
{delay:+.1f} s of wall time for them (they have {timeout} s to connect and log in).
"""


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds, seconds, MiB."""

    cpu: float
    wall: float
    memory: float


def main() -> None:
    """Measure on a lab of its own and print the result; a ratio over its limit is a failure."""
    count, number = (int(text) for text in (sys.argv[1:] or (PAIRS, ROUNDS)))
    lab_of = running(pairs(count, connections=CONNECTIONS), suite=python_root())
    with lab_of as lab, tempfile.TemporaryDirectory() as folder, sick(lab, Path(folder), _times(2 * count)) as hosts:
        commands = _commands(lab, Path(folder), hosts)
        rounds = [{name: _run(command, Path(folder)) for name, command in commands.items()} for dummy in range(number)]
        _check(Path(folder) / "readings", hosts, 2 * count)
    costs = {name: _median([each[name] for each in rounds]) for name in commands}
    print(_page(costs, 2 * count, number))
    bare, fleet, dummy, dummy, ordinary = costs.values()
    over = fleet.cpu > MOST_BARE * bare.cpu or fleet.cpu > MOST_ORDINARY * ordinary.cpu
    sys.exit(over or fleet.wall > MOST_WALL * bare.wall)


def _times(gateways: int) -> int:
    """How often there is each of the five ways to be sick: 5 % are from 100 gateways on, of fewer five."""
    return max(gateways // 100, 1)


def _check(folder: Path, hosts: Mapping[str, object], gateways: int) -> None:
    """The sick ones are told as what they are, and the others were read."""
    kept = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()}
    reasons = {name: each["msg"] for name, each in kept.items() if "msg" in each}
    if len(kept) != gateways or reasons.keys() != hosts.keys() or wrong(reasons):
        sys.exit(f"{len(kept)} of {gateways} gateways are told of, and these wrongly: {wrong(reasons)}")


def _commands(lab: Lab, tmp: Path, hosts: Mapping[str, object]) -> Mapping[str, list[str]]:
    """Each run's name and the command that is it."""
    (tmp / "few.yml").write_text(inventory(lab), encoding="utf-8")
    data = yaml.safe_load(inventory(lab))
    all_of = data["all"]["hosts"]
    data["all"]["hosts"] = {f"{h}-{n}": v for h, v in all_of.items() for n in range(NAMES)}
    (tmp / "many.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    data["all"]["hosts"] = {**hosts, **dict(list(all_of.items())[len(hosts) :])}
    (tmp / "some.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    script = pack(find_platform("auto").gather(GatherOptions(digest_key="0" * 64)), make_mark())
    (tmp / "script").write_bytes(script)
    (tmp / "bare.json").write_text(
        json.dumps(
            {
                "addresses": [str(lab.management(gateway)) for gateway in lab.topology.gateways],
                "key": str(lab.folder / "id_ed25519"),
                "known_hosts": str(lab.folder / "known_hosts"),
                "script": str(tmp / "script"),
                "threads": THREADS,
            }
        ),
        encoding="utf-8",
    )
    task = f"    - tunnelwright.ipsec.fleet_info: {{threads: {THREADS}, certificates: false, %s}}\n"
    fleet, kept = task % "memory: 0", task % f"dest: {tmp / 'readings'}"
    ordinary = "".join(f"    - ansible.builtin.command: {command}\n" for command in COMMANDS)
    ansible = str(Path(sys.executable).parent / "ansible-playbook")
    return {
        "a bare paramiko loop": [sys.executable, str(BARE), str(tmp / "bare.json")],
        "`fleet_info`": [ansible, "-i", str(tmp / "few.yml"), _play(tmp, "fleet", fleet)],
        "`fleet_info`, some of them sick": [ansible, "-i", str(tmp / "some.yml"), _play(tmp, "sick", kept)],
        "`fleet_info`, more hosts": [ansible, "-i", str(tmp / "many.yml"), _play(tmp, "fleet", fleet)],
        "five `command` tasks": [ansible, "-i", str(tmp / "few.yml"), _play(tmp, "five", ordinary)],
    }


def _play(tmp: Path, name: str, tasks: str) -> str:
    path = tmp / f"{name}.yml"
    path.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}", encoding="utf-8")
    return str(path)


def _run(command: list[str], tmp: Path) -> Cost:
    """One run: the time of the process and of all that it waited for."""
    environment = {
        **os.environ,
        "ANSIBLE_FORKS": str(THREADS),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": tempfile.mkdtemp(dir=tmp),
        "ANSIBLE_HOME": str(tmp / "home"),
    }
    with (tmp / "output").open("w+") as output:
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        dummy, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode:
            sys.exit(f"{command}\n{output.read()[-3000:]}")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, part) for cost in costs) for part in ("cpu", "wall", "memory")))


def _page(costs: Mapping[str, Cost], gateways: int, rounds: int) -> str:
    bare, fleet, some, many, ordinary = costs.values()
    return PRINTED.format(
        gateways=gateways,
        connections=CONNECTIONS,
        threads=THREADS,
        core=version("ansible-core"),
        paramiko=version("paramiko"),
        forks=THREADS,
        rounds=rounds,
        rows="\n".join(
            f"| {name} | {cost.cpu:.1f} s | {cost.wall:.1f} s | {cost.memory:.0f} MiB |" for name, cost in costs.items()
        ),
        bare=fleet.cpu / bare.cpu,
        ordinary=fleet.cpu / ordinary.cpu,
        most_bare=MOST_BARE,
        most_ordinary=MOST_ORDINARY,
        most_wall=MOST_WALL,
        floor=bare.cpu / ordinary.cpu,
        wall=fleet.wall / bare.wall,
        many=gateways * NAMES,
        names=NAMES,
        cpu=1000 * many.cpu / gateways / NAMES,
        cpu_few=1000 * fleet.cpu / gateways,
        memory=many.memory,
        memory_few=fleet.memory,
        sick=5 * _times(gateways),
        delay=some.wall - fleet.wall,
        timeout=TIMEOUT,
    )


if __name__ == "__main__":
    run(main)
