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
TIMEOUT = 15  # seconds for an SA to come up, or not
FLEETS = 12  # a playbook's task costs the more the more hosts there are
FLEETS_AT_ONCE = 4


@dataclass(frozen=True)
class Told:
    """What happened to one case."""

    case: Case
    gateways: Mapping[str, str]  # by role: initiator, responder
    wrong: str = ""  # why it could not be put
    carried: tuple[bool, bool] = (False, False)
    paired: bool = False  # every report speaks of the tunnel
    findings: Sequence[
        Mapping[str, Any]
    ] = ()  # on its gateways: of the diagnosis where only that tells, else the audit
    changed: Sequence[str] = ()  # gateways that the repair changed
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
        heard = [case for case in cases if isinstance(case, Fault) and case.heard]
        diagnosed = _play(stage, heard, "diagnose")
        say("diagnosed")
        first = _play(stage, cases, "remediate", "first")
        carries = _each(stage, lambda case: lab.pings(put[case.name]))
        say("repaired")
        second = _play(stage, cases, "remediate", "second")
        say("looked at again")
        told = []
        for case in cases:
            gateways, title = stage.gateways(case), stage.title(case)
            here = set(gateways.values())
            looks = [(diagnosed, "diagnosis") if case in heard else (first, "before"), (second, "before")]
            told.append(
                Told(
                    case,
                    gateways,
                    wrong=stage.wrong.get(case.name, ""),
                    carried=carried[case.name],
                    paired=all(title in played.tunnels(report) for played, report in looks),
                    findings=looks[0][0].findings(looks[0][1], here),
                    changed=sorted(here & first.changed()),
                    repair=first.repair(title),
                    carries=carries[case.name],
                    left=second.findings("before", here),
                    again=sorted(here & second.changed()),
                )
            )
        return told


@dataclass(frozen=True)
class _Played:
    """What a playbook did to some fleets: the reports it wrote by their names, and the runs."""

    reports: Sequence[Mapping[str, Mapping[str, Any]]]
    runs: Sequence[Run]

    def tunnels(self, report: str) -> set[str]:
        return {tunnel["name"] for reports in self.reports for tunnel in reports[report]["tunnels"]}

    def findings(self, report: str, gateways: Collection[str]) -> list[Mapping[str, Any]]:
        """All that is said of these gateways, also beside their tunnel."""
        each = (finding for reports in self.reports for finding in reports[report]["findings"])
        return [finding for finding in each if finding["end"]["gateway"] in gateways]

    def repair(self, title: str) -> Mapping[str, Any] | None:
        each = (repair for reports in self.reports for repair in reports.get("after", {}).get("repairs", ()))
        return next((repair for repair in each if repair["tunnel"] == title), None)

    def changed(self) -> set[str]:
        return {gateway for run in self.runs for gateway in run.changed()}


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


def _play(stage: _Stage, cases: Collection[Case], name: str, when: str = "once") -> _Played:
    """Run a playbook on these cases, some fleets of them at once."""
    every = list(cases)
    fleets = [fleet for number in range(FLEETS) if (fleet := every[number::FLEETS])]
    with ThreadPoolExecutor(FLEETS_AT_ONCE) as pool:
        done = list(pool.map(lambda fleet: _fleet(stage, fleet, name, when), fleets))
    return _Played([reports for reports, dummy in done], [run for dummy, run in done])


def _fleet(stage: _Stage, cases: Sequence[Case], name: str, when: str) -> tuple[dict[str, Mapping[str, Any]], Run]:
    tmp = stage.tmp / f"{name}-{when}-{stage.put[cases[0].name]}"
    tmp.mkdir()
    hosts = _inventory(stage, tmp, [gateway for case in cases for gateway in stage.gateways(case).values()])
    psks = {
        stage.title(case): (stage.lab.folder / f"psk-{stage.put[case.name]}").read_text(encoding="utf-8")
        for case in cases
        if isinstance(case, Fault) and case.psk
    }
    given = tmp / "given.json"
    variables = {"ipsec_psks": psks, "ipsec_report_dir": str(tmp), "ipsec_timeout": TIMEOUT}
    given.write_text(json.dumps(variables), encoding="utf-8")
    run = playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", "-e", f"@{given}", **_ssh(stage))
    names = ("diagnosis", "before", "after")  # there is nothing after where nothing was found
    reports = {n: json.loads((tmp / f"{n}.json").read_text("utf-8")) for n in names if (tmp / f"{n}.json").exists()}
    if not reports:
        raise RuntimeError(f"{name} left no report ({run.status}):\n{run.output[-3000:]}")
    return reports, run


def _ssh(stage: _Stage) -> dict[str, str]:
    """One login to each gateway for all playbooks: logins take most of the time where one machine is all gateways."""
    return {
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=900",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(stage.tmp / "cp"),
    }
