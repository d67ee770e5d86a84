"""What happens to faults on real tunnels: diagnosed, foretold by `--check`, repaired and looked at again.

Cases share labs in batches, and each batch goes its own way: while one waits, others work.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
AT_ONCE = 8  # cases of a batch, where no playbook is run
TIMEOUT = 15  # seconds for an SA to come up, or not
BATCH = 8  # cases: a playbook's task costs the more the more hosts there are
BATCHES_AT_ONCE = 3
TOLD = ("--diff", "-vvv")  # the most that a user asks Ansible to say
SECRET = re.compile(r'^ *secret = "(?:0s)?(.+)"$', re.MULTILINE)
LITTER = "find /etc/swanctl -name '*tunnelwright*' -o -name '.*.conf*'"


@dataclass(frozen=True)
class Deeds:
    """What a run did to a case's gateways, or said that it would."""

    tasks: Mapping[str, int] = field(default_factory=dict)  # how many changed something, by gateway
    diffs: Sequence[Any] = ()  # (task, gateway, diff)


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
    foretold: Deeds = Deeds()  # what --check said
    made: Deeds = Deeds()  # what the repair did
    repairs: Sequence[Mapping[str, Any]] = ()
    carries: tuple[bool, bool] = (False, False)
    left: Sequence[Mapping[str, Any]] = ()  # findings of the second run
    again: Sequence[str] = ()  # gateways that the second run changed
    failed: Sequence[str] = ()  # runs of its batch that failed for no reason, or did not for one
    leaks: Sequence[str] = ()  # where one of its pre-shared keys was seen
    litter: Sequence[str] = ()  # files of ours on its gateways at the end
    rewritten: Sequence[str] = ()  # gateways whose files are not what they were before


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
    """What happens to each of the cases on that Debian release, in the order of the cases."""
    batches = list(_batches(list(cases)))

    def go(number: int) -> list[Told]:
        folder = tmp / f"{suite}-{number + 1}"
        folder.mkdir()
        clock = _Clock()
        try:
            return _tell(batches[number], suite, folder, clock)
        except Exception as error:  # noqa: BLE001  # told of each of its cases, which thereby miss everything
            return [Told(case, {}, wrong=f"{type(error).__name__}: {error}") for case in batches[number]]
        finally:
            say(f"batch {number + 1} of {len(batches)}, {len(batches[number])} cases: {clock}")

    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        told = {one.case.name: one for some in pool.map(go, range(len(batches))) for one in some}
    return [told[case.name] for case in cases]


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Alike in size; cases that are diagnosed come together, first, since they take longest.

    Those whose repair is made only if it is asked for come by themselves: of all others it is not.
    """
    for some in ([case for case in cases if not _asked(case)], [case for case in cases if _asked(case)]):
        number = -(-len(some) // BATCH)
        ordered = sorted(some, key=lambda case: not _heard(case))
        for index in range(number):
            yield ordered[index * len(some) // number : (index + 1) * len(some) // number]


def _heard(case: Case) -> bool:
    return isinstance(case, Fault) and case.heard


def _asked(case: Case) -> str:
    return case.asked if isinstance(case, Fault) else ""


class _Clock:
    """Says how long each step of a batch took."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        since = time.monotonic()
        try:
            yield
        finally:
            self.steps[name] = self.steps.get(name, 0) + time.monotonic() - since

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.steps.items())


def _tell(cases: Sequence[Case], suite: str, tmp: Path, clock: _Clock) -> list[Told]:
    put = {case.name: f"t{number:02d}" for number, case in enumerate(cases, 1)}
    with clock.step("all"), running(pairs(len(put), name=f"matrix-{suite}"), suite=suite) as lab:
        stage = _Stage(lab, tmp, put, {case.name: case for case in cases})
        with clock.step("put"):
            _each(stage, lambda case: _put(stage, case))
            keys = _each(stage, lambda case: _keys(stage, case))
        with clock.step("ping"):
            carried = _each(stage, lambda case: lab.pings(put[case.name]))
            time.sleep(SETTLED)
        with clock.step("diagnose"):
            heard = [case for case in cases if _heard(case)]
            diagnosed = [_play(stage, heard, "diagnose", "once")] if heard else []
        with clock.step("sums"):
            before = _each(stage, lambda case: _sums(stage, case))
        with clock.step("check"):
            check = _play(stage, cases, "remediate", "check", "--check", *TOLD)
        with clock.step("repair"):
            first = _play(stage, cases, "remediate", "first", *TOLD)
        with clock.step("ping"):
            carries = _each(stage, lambda case: lab.pings(put[case.name]))
        with clock.step("look again"):
            second = _play(stage, cases, "remediate", "second")
            litter = _each(stage, lambda case: _litter(stage, case))
            after = _each(stage, lambda case: _sums(stage, case))
        runs = [*diagnosed, check, first, second]
        failed = [
            f"{played.name} ended with {played.run.status}"
            for played in (*diagnosed, first, second)
            if played.is_wrong()
        ]
        if not first.as_foretold_by(check):
            failed.append(f"{check.name} ended with {check.run.status}, and the run with {first.run.status}")
        texts = dict(_texts(stage, runs))
        told = []
        for case in cases:
            gateways, title = stage.gateways(case), stage.title(case)
            here = set(gateways.values())
            looks = [(diagnosed[0], "diagnosis") if _heard(case) else (first, "before"), (second, "before")]
            told.append(
                Told(
                    case,
                    gateways,
                    wrong=stage.wrong.get(case.name, ""),
                    carried=carried[case.name],
                    paired=all(title in played.tunnels(report) for played, report in looks),
                    findings=looks[0][0].findings(looks[0][1], here),
                    foretold=check.deeds(here),
                    made=first.deeds(here),
                    repairs=first.repairs(title),
                    carries=carries[case.name],
                    left=second.findings("before", here),
                    again=sorted(here & second.run.changed().keys()),
                    failed=failed,
                    leaks=[where for where, text in texts.items() if any(key in text for key in keys[case.name])],
                    litter=litter[case.name],
                    rewritten=[name for name, sums in before[case.name].items() if after[case.name][name] != sums],
                )
            )
        return told


@dataclass(frozen=True)
class _Played:
    """What a playbook did to a batch: its run, and the reports it wrote by their names."""

    name: str
    run: Run
    reports: Mapping[str, Mapping[str, Any]]

    def tunnels(self, report: str) -> set[str]:
        return {tunnel["name"] for tunnel in self.reports[report]["tunnels"]}

    def findings(self, report: str, gateways: Collection[str]) -> list[Mapping[str, Any]]:
        """All that is said of these gateways, also beside their tunnel."""
        return [finding for finding in self.reports[report]["findings"] if finding["end"]["gateway"] in gateways]

    def repairs(self, title: str) -> list[Mapping[str, Any]]:
        return [repair for repair in self.reports.get("after", {}).get("repairs", ()) if repair["tunnel"] == title]

    def is_wrong(self) -> bool:
        """A run fails where a repair is not proven, and nowhere else."""
        return bool(self.run.status) != bool(self._unproven())

    def as_foretold_by(self, check: _Played) -> bool:
        """Whether `--check` ended as this run did; what only daemons refuse when a step is taken, it cannot know."""
        unproven = self._unproven()
        known = [repair for repair in unproven if not repair["failed"]]
        if not unproven:
            return check.run.status == 0
        return check.run.status != 0 or not known

    def _unproven(self) -> list[Mapping[str, Any]]:
        repairs = self.reports.get("after", {}).get("repairs", ())
        return [each for each in repairs if each["failed"] or (each["due"] and not each["proven"])]

    def deeds(self, gateways: Collection[str]) -> Deeds:
        """The steps of a plan are loops, and each item has its own diff."""
        steps = ((task, host, item) for task, host, result in self.run.tasks for item in result.get("results", ()))
        diffs = [(task, host, item["diff"]) for task, host, item in steps if host in gateways and item.get("diff")]
        return Deeds({host: n for host, n in self.run.changed().items() if host in gateways}, sorted(diffs, key=str))


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


def _keys(stage: _Stage, case: Case) -> set[str]:
    """The pre-shared keys of a case: that which is right, and all that its gateways have."""
    files = [stage.lab.sh(gateway, "cat /etc/swanctl/conf.d/secrets.conf") for gateway in stage.gateways(case).values()]
    found = [set(SECRET.findall(text)) for text in files]
    if not all(found):
        raise LabError(f"{case.name} has a gateway without any pre-shared key, of which nothing could be seen")
    return {(stage.lab.folder / f"psk-{stage.put[case.name]}").read_text(encoding="utf-8")}.union(*found)


def _litter(stage: _Stage, case: Case) -> list[str]:
    """What the collection has left beside the configuration."""
    return [
        f"{path} on {gateway}"
        for gateway in stage.gateways(case).values()
        for path in stage.lab.sh(gateway, LITTER).split()
    ]


def _sums(stage: _Stage, case: Case) -> dict[str, str]:
    """By gateway of a case, its files of strongSwan and what starts things."""
    script = "find /etc/swanctl /etc/strongswan* /etc/cron.d -type f -exec sha256sum {} + | sort"
    return {gateway: stage.lab.sh(gateway, script) for gateway in stage.gateways(case).values()}


def _texts(stage: _Stage, runs: Iterable[_Played]) -> Iterator[tuple[str, str]]:
    """All that the runs have said, and every file they have left on the controller: by where it is."""
    yield from ((f"the output of {played.name}", played.run.output) for played in runs)
    for path in stage.tmp.rglob("*"):
        if path.is_file() and path.name != "given.json" and "ansible_collections" not in path.parts:
            yield str(path.relative_to(stage.tmp)), path.read_text(encoding="utf-8", errors="replace")


def _inventory(stage: _Stage, tmp: Path, gateways: Iterable[str]) -> Path:
    """An inventory of these gateways alone."""
    data = yaml.safe_load(inventory(stage.lab))
    data["all"]["hosts"] = {name: data["all"]["hosts"][name] for name in gateways}
    path = tmp / "inventory.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def _play(stage: _Stage, cases: Collection[Case], name: str, when: str, *arguments: str) -> _Played:
    """Run a playbook on these cases."""
    tmp = stage.tmp / f"{name}-{when}"
    tmp.mkdir()
    hosts = _inventory(stage, tmp, [gateway for case in cases for gateway in stage.gateways(case).values()])
    psks = {
        stage.title(case): (stage.lab.folder / f"psk-{stage.put[case.name]}").read_text(encoding="utf-8")
        for case in cases
        if isinstance(case, Fault) and case.psk
    }
    given = tmp / "given.json"
    repair = ["default", *sorted({_asked(case) for case in cases} - {""})]
    variables = {
        "ipsec_psks": psks,
        "ipsec_repair": repair,
        "ipsec_report_dir": str(tmp),
        "ipsec_timeout": TIMEOUT,
    }
    given.write_text(json.dumps(variables), encoding="utf-8")
    run = playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", "-e", f"@{given}", *arguments, **_ssh(stage))
    names = ("diagnosis", "before", "after")  # there is nothing after where nothing was found
    reports = {n: json.loads((tmp / f"{n}.json").read_text("utf-8")) for n in names if (tmp / f"{n}.json").exists()}
    if not reports:
        raise RuntimeError(f"{name} left no report ({run.status}):\n{run.output[-3000:]}")
    return _Played(f"{name}-{when}", run, reports)


def _ssh(stage: _Stage) -> dict[str, str]:
    """One login to each gateway for all playbooks: logins take most of the time where one machine is all gateways."""
    return {
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=120",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(stage.tmp / "cp"),
    }
