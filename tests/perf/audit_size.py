"""The audit of 1,000 to 30,000 tunnels from files: the curve of time and memory, and what Ansible has of it.

`python -m tests.perf.audit_size 30 90` does it with so many gateways, to see that it runs; 10000 of them take long.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import to_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store.gateways import GatewayStore

from tests.unit.neighbours import EACH, fleet

from ._curve import exponent

GATEWAYS = (100, 300, 1_000, 3_000)
LIMIT = 1.1  # of the exponents; 1 is linear
ROOM = 1_000  # bytes of result for a healthy tunnel
_OFTEN = 0.1  # seconds between two looks at Ansible's memory
PLAY = """- hosts: localhost
  gather_facts: false
  tasks:
    - tunnelwright.ipsec.tunnel_audit: {{folders: ['{folder}']}}
      register: found
    - ansible.builtin.debug: {{msg: "it has {{{{ found | to_json | length }}}} bytes"}}
"""
PRINTED = """## Audit of a fleet by its size

Healthy tunnels with all their SAs, each gateway with {ends} of them, from files as `fleet_info` writes them: reading,
pairing, every rule, plan, proofs, what to ping and the table, in a process of its own; seconds are of CPU. Beside it
ansible-playbook with `tunnel_audit` and a task that takes the length of its result as JSON: bytes of that, CPU of the
whole run, and the memory of Ansible's own process, which keeps the result and nothing of the gateways.

| tunnels | gateways | reading | audit | memory | for a tunnel | result for each | with Ansible | Ansible's process |
|---|---|---|---|---|---|---|---|---|
{rows}

The exponent (least squares over logarithms; 1 is linear) is {time:.2f} of the time and {memory:.2f} of the memory; both
may be at most {limit}. The result may have at most {room} bytes for a healthy tunnel."""


@dataclass(frozen=True)
class Taken:
    """What one size took: seconds, MiB, bytes."""

    tunnels: int
    reading: float
    audit: float
    memory: float
    result: float
    ansible: float
    kept: float


def main() -> None:
    """Measure every size and print the curve; what is not linear, or too large a result, is a failure."""
    sizes = [int(text) for text in sys.argv[1:]] or GATEWAYS
    found = [_taken(size) for size in sizes]
    numbers = [each.tunnels for each in found]
    exponents = (
        exponent(numbers, [each.reading + each.audit for each in found]),
        exponent(numbers, [each.memory for each in found]),
    )
    print(_page(found, *exponents))
    sys.exit(max(exponents) > LIMIT or max(each.result for each in found) > ROOM)


def _taken(gateways: int) -> Taken:
    with tempfile.TemporaryDirectory() as folder:
        kept = GatewayStore(0, lambda: Path(folder))
        for each in fleet(gateways):
            kept.keep(each.name, to_plain(each))
        command = [sys.executable, "-m", "tests.perf._audit_of_files", folder]
        own = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        result, ansible, kept = _by_ansible(folder)
    return Taken(**own, result=result / own["tunnels"], ansible=ansible, kept=kept)


def _by_ansible(folder: str) -> tuple[int, float, float]:
    """The bytes of the result, the seconds of CPU, and the most memory of the process that runs the play."""
    before = _used()
    with tempfile.TemporaryDirectory() as name, (Path(name) / "output").open("w+") as output:
        play = Path(name) / "play.yml"
        play.write_text(PLAY.format(folder=folder), encoding="utf-8")
        ansible = Path(sys.executable).parent / "ansible-playbook"
        environment = {**os.environ, "ANSIBLE_HOME": name, "ANSIBLE_LOCALHOST_WARNING": "false"}
        command = [str(ansible), "-i", "localhost,", str(play)]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        most = 0.0
        while process.poll() is None:
            most = max(most, _peak(process.pid))
            time.sleep(_OFTEN)
        output.seek(0)
        said = output.read()
    told = re.search(r"it has (\d+) bytes", said)
    if process.returncode or not told:
        sys.exit(f"ansible-playbook failed:\n{said[-3000:]}")
    return int(told[1]), _used() - before, most


def _used() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak(pid: int) -> float:
    """The most memory that a process has had, in MiB; 0 where it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak[1]) / 1024 if peak else 0.0


def _page(found: Sequence[Taken], time_exponent: float, memory_exponent: float) -> str:
    rows = [
        f"| {each.tunnels:,} | {each.tunnels // EACH:,} | {each.reading:.1f} s | {each.audit:.1f} s "
        f"| {each.memory:,.0f} MiB | {1024 * each.memory / each.tunnels:.1f} KiB | {each.result:.0f} bytes "
        f"| {each.ansible:.1f} s | {each.kept:,.0f} MiB |"
        for each in found
    ]
    return PRINTED.format(
        ends=2 * EACH, rows="\n".join(rows), time=time_exponent, memory=memory_exponent, limit=LIMIT, room=ROOM
    )


if __name__ == "__main__":
    main()
