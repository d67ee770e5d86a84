"""What happens to a lab with every fault in it: diagnosed, repaired, looked at again, with pings between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.integration.ansible_run import Run, module, playbook
from tests.lab.faults import Case, Fault, Variant, inject
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, LabError, running
from tests.lab.topology import Tunnel, pairs

SETTLED = 6.0  # seconds: an SA younger than that may be known to one end only, and no rule speaks of it
AT_ONCE = 8
SHARDS = 6  # diagnoses at once: each mostly waits for answers that do not come


@dataclass(frozen=True)
class Told:
    """What happened to one case."""

    case: Case
    gateways: Mapping[str, str]  # by role: initiator, responder
    wrong: str = ""  # why it could not be put
    carried: tuple[bool, bool] = (False, False)
    findings: Sequence[Mapping[str, Any]] = ()  # of the diagnosis where only that tells, else of the audit
    repair: Mapping[str, Any] | None = None
    carries: tuple[bool, bool] = (False, False)
    left: Sequence[Mapping[str, Any]] = ()  # findings of the second run
    again: Sequence[str] = ()  # gateways that the second run changed


@dataclass
class _Stage:
    """A lab with its cases on it."""

    lab: Lab
    tmp: Path
    put: Mapping[str, str]  # tunnel by case
    cases: Mapping[str, Case]
    wrong: dict[str, str] = field(default_factory=dict)

    def tunnel(self, case: Case) -> Tunnel:
        return self.lab.topology.tunnels[self.put[case.name]]

    def gateways(self, case: Case) -> dict[str, str]:
        """By role."""
        tunnel = self.tunnel(case)
        return {"initiator": tunnel.initiator.gateway, "responder": tunnel.responder.gateway}

    def title(self, case: Case) -> str:
        """The tunnel's name as the audit makes it."""
        return "-".join(sorted(self.gateways(case).values()))


def tell(cases: Collection[Case], suite: str, tmp: Path, say: Callable[[str], None]) -> list[Told]:
    """Put the cases on a lab of that Debian release, one pair of gateways each, and run the playbooks on all."""
    put = {case.name: f"t{number:02d}" for number, case in enumerate(cases, 1)}
    with running(pairs(len(put), name=f"matrix-{suite}"), suite=suite) as lab:
        stage = _Stage(lab, tmp, put, {case.name: case for case in cases})
        say(f"{len(put)} pairs of gateways are up")
        _each(stage, lambda case: _put(stage, case))
        carried = _each(stage, lambda case: lab.pings(put[case.name]))
        say("faults are put")
        time.sleep(SETTLED)
        diagnosed = _diagnose(stage)
        say("diagnosed")
        before, after, dummy = _remediate(stage, "first")
        carries = _each(stage, lambda case: lab.pings(put[case.name]))
        say("repaired")
        left, dummy, run = _remediate(stage, "second")
        say("looked at again")
        return [
            Told(
                case,
                stage.gateways(case),
                stage.wrong.get(case.name, ""),
                carried[case.name],
                _findings(diagnosed.get(case.name, before), stage.title(case)),
                next((r for r in after.get("repairs", ()) if r["tunnel"] == stage.title(case)), None),
                carries[case.name],
                _findings(left, stage.title(case)),
                sorted(set(stage.gateways(case).values()) & run.changed().keys()),
            )
            for case in cases
        ]


def _findings(audit: Mapping[str, Any], title: str) -> list[Mapping[str, Any]]:
    return [finding for finding in audit["findings"] if finding["tunnel"] == title]


def _each(stage: _Stage, do: Callable[[Case], Any]) -> dict[str, Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(stage.cases, pool.map(do, stage.cases.values()), strict=True))


def _put(stage: _Stage, case: Case) -> None:
    try:
        inject(stage.lab, case.name, stage.put[case.name])
        if isinstance(case, Variant) and case.kept:
            _keep(stage, case)
    except LabError as error:
        stage.wrong[case.name] = str(error)


def _keep(stage: _Stage, case: Case) -> None:
    end = stage.tunnel(case).initiator
    tmp = stage.tmp / f"keep-{case.name}"
    tmp.mkdir()
    hosts = _inventory(stage, tmp, [end.gateway])
    made = module(tmp, hosts, end.gateway, "keepalive", {"connection": end.connection, "child": "net"})
    if made.status:
        raise LabError(f"no periodic check for {end.connection}: {made.output}")


def _inventory(stage: _Stage, tmp: Path, gateways: Iterable[str]) -> Path:
    """An inventory of these gateways alone."""
    data = yaml.safe_load(inventory(stage.lab))
    data["all"]["hosts"] = {name: data["all"]["hosts"][name] for name in gateways}
    path = tmp / "inventory.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def _diagnose(stage: _Stage) -> dict[str, Mapping[str, Any]]:
    """What the playbook `diagnose` says, by case, of those that the logs alone tell; some fleets at once."""
    heard = [case for case in stage.cases.values() if isinstance(case, Fault) and case.heard]
    shards = [shard for number in range(SHARDS) if (shard := heard[number::SHARDS])]
    with ThreadPoolExecutor(SHARDS) as pool:
        done = list(pool.map(lambda shard: _diagnosis(stage, shard), shards))
    return {case.name: said for shard, said in zip(shards, done, strict=True) for case in shard}


def _diagnosis(stage: _Stage, cases: Sequence[Case]) -> Mapping[str, Any]:
    tmp = stage.tmp / f"diagnose-{stage.put[cases[0].name]}"
    tmp.mkdir()
    tunnels = [stage.tunnel(case) for case in cases]
    hosts = _inventory(stage, tmp, [end.gateway for tunnel in tunnels for end in (tunnel.initiator, tunnel.responder)])
    run = playbook(tmp, hosts, "tunnelwright.ipsec.diagnose", "-e", f"ipsec_report_dir={tmp}", **_ssh(stage))
    return _report(tmp, "diagnosis", run)


def _remediate(stage: _Stage, when: str) -> tuple[Mapping[str, Any], Mapping[str, Any], Run]:
    """The audits before and after the repair, and the run. The second may find nothing to repair."""
    tmp = stage.tmp / when
    tmp.mkdir()
    hosts = _inventory(stage, tmp, stage.lab.topology.gateways)
    psks = {
        stage.title(case): (stage.lab.folder / f"psk-{stage.put[case.name]}").read_text(encoding="utf-8")
        for case in stage.cases.values()
        if isinstance(case, Fault) and case.psk
    }
    given = tmp / "given.json"
    given.write_text(json.dumps({"ipsec_psks": psks, "ipsec_report_dir": str(tmp)}), encoding="utf-8")
    run = playbook(tmp, hosts, "tunnelwright.ipsec.remediate", "-e", f"@{given}", **_ssh(stage))
    after = _report(tmp, "after", run) if (tmp / "after.json").exists() else {}
    return _report(tmp, "before", run), after, run


def _ssh(stage: _Stage) -> dict[str, str]:
    """One login to each gateway for all playbooks: logins take most of the time where one machine is all gateways."""
    return {
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=900",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(stage.tmp / "cp"),
    }


def _report(tmp: Path, name: str, run: Run) -> Mapping[str, Any]:
    path = tmp / f"{name}.json"
    if not path.exists():
        raise RuntimeError(f"the playbook left no {path.name} ({run.status}):\n{run.output[-3000:]}")
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
