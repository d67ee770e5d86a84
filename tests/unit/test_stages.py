"""The runner of a tier's stages: it loses no failure and no output, and ends what it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.tools import stages
from tests.tools.stages import ROOT, Stage, Tier, Timed, read_tests, summarize

# What a stage's name has it do.
SCRIPT = """
case $1 in
fails) echo "it broke"; exit 3 ;;
meets-*) echo "$PYTEST_ADDOPTS" >"$FOLDER/$1"
         until [ "$(ls "$FOLDER" | grep -c '^meets-.$')" -ge 2 ]; do sleep 0.01; done ;;
waits) trap 'echo cleaned; exit 143' TERM; : >"$FOLDER/waiting"; while :; do sleep 0.01; done ;;
*) echo "well" ;;
esac
"""


@pytest.fixture
def tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tier:
    monkeypatch.setenv("FOLDER", str(tmp_path))
    return Tier(tmp_path, ("sh", "-c", SCRIPT, "stage"))


def test_every_stage_of_a_lane_runs_also_after_a_failure(tier: Tier, capfd: pytest.CaptureFixture[str]) -> None:
    tier.run_lanes([["one", "fails", "other"]])
    assert [(stage.name, stage.status) for stage in tier.ended] == [("one", 0), ("fails", 3), ("other", 0)]
    printed = capfd.readouterr().out
    assert "it broke\n-- fails FAILED" in printed
    assert "well\n-- other ends" in printed


def test_lanes_run_beside_each_other_and_each_stage_has_a_report_of_its_own(tier: Tier) -> None:
    tier.run_lanes([["meets-a"], ["meets-b"]])  # each waits for the other
    assert {stage.status for stage in tier.ended} == {0}
    assert f"--junitxml={tier.folder}/meets-a.xml" in (tier.folder / "meets-a").read_text()


def test_what_wants_the_machine_alone_begins_when_all_lanes_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setattr(stages, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(stages, "Tier", lambda folder: Tier(folder, ("sh", "-c", SCRIPT, "stage")))
    monkeypatch.setattr(
        sys, "argv", ["stages", "tier", "--lane", "meets-a fails", "--lane", "meets-b", "--alone", "last"]
    )
    monkeypatch.setattr(stages, "heed", lambda *dummy: None)
    assert stages.main() == 1
    said = capfd.readouterr().out
    assert said.index("-- last begins") > max(said.index(f"-- {name}") for name in ("fails FAILED", "meets-b ends"))


def test_a_stopped_tier_ends_what_runs_and_begins_nothing(tier: Tier) -> None:
    def stop() -> None:
        while not (tier.folder / "waiting").exists():
            pass
        tier.stop()

    threading.Thread(target=stop).start()
    tier.run_lanes([["waits", "never"]])
    assert [(stage.name, stage.status) for stage in tier.ended] == [("waits", 143)]
    assert (tier.folder / "waits.log").read_text().endswith("cleaned\n")
    assert not (tier.folder / "never.log").exists()


RUN = """
import signal
import sys
from pathlib import Path
from tests.lab.signals import heed
from tests.tools.stages import Tier
tier = Tier(Path(sys.argv[1]), ("sh", "-c", sys.argv[2], "stage"))
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where these tests themselves run under nohup
heed(lambda *dummy: tier.stop())
tier.run_lanes([["waits", "never"]])
assert [(stage.name, stage.status) for stage in tier.ended] == [("waits", 143)], tier.ended
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_the_tier_and_waits_for_its_stages(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path), SCRIPT]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "FOLDER": str(tmp_path)}) as run:
        while not (tmp_path / "waiting").exists():
            assert run.poll() is None
        run.send_signal(ending)
    assert run.returncode == 0
    assert not (tmp_path / "never.log").exists()


def test_the_summary_counts_stages_and_names_the_slowest_tests(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.unit.test_x" name="test_y[1]" time="3.0"/>'
        '<testcase classname="tests.unit.test_x" name="test_z" time="0.1"/></testsuite></testsuites>'
    )
    tests = list(read_tests(tmp_path))
    assert tests == [Timed("unit", "unit.test_x::test_y[1]", 3.0), Timed("unit", "unit.test_x::test_z", 0.1)]
    text = summarize([Stage("lint", 0, 61, 60), Stage("unit", 2, 10, 19)], tests, 71)
    assert text.index("test_y") < text.index("test_z")
    assert "    10 s      19 s of CPU  unit  FAILED" in text
    assert text.endswith(f"71 s  in all{os.linesep}stages: 1 passed, 1 failed")
