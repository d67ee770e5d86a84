"""A fleet in two slices, each by a worker of ansible-runner, and one report of both in which no pair is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.faults import inject
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import environment, playbook

RUNNER = [str(Path(sys.executable).parent / "ansible-runner")]
PLAY = "- import_playbook: tunnelwright.ipsec.gather\n"
KEY = "the same key for every slice"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(2, name="slices")) as lab:
        inject(lab, "dpd-off", "t02")
        yield lab


def slice_of(tmp: Path, lab: Lab, number: int, limit: str) -> Path:
    """What a worker read, where `process` has put it: job, stream there, work, stream back."""
    job, work = tmp / f"job{number}", tmp / f"worker{number}"
    for folder in ("project", "inventory", "env"):
        (job / folder).mkdir(parents=True)
    (job / "project" / "slice.yml").write_text(PLAY, encoding="utf-8")
    (job / "inventory" / "hosts.yml").write_text(inventory(lab), encoding="utf-8")
    (job / "env" / "extravars").write_text(json.dumps({"ipsec_digest_key": KEY}), encoding="utf-8")
    env = environment(tmp)
    (job / "env" / "envvars").write_text(
        json.dumps({key: value for key, value in env.items() if key.startswith("ANSIBLE_")}), encoding="utf-8"
    )

    def step(given: bytes, *arguments: str) -> bytes:
        done = subprocess.run(
            [*RUNNER, *arguments], input=given, env=env, capture_output=True, check=False, timeout=300
        )
        assert done.returncode == 0, (arguments, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout

    sent = step(b"", "transmit", str(job), "-p", "slice.yml", "--limit", limit, "--ident", "1")
    back = step(sent, "worker", "--private-data-dir", str(work))
    step(back, "process", str(job), "--ident", "1")
    return job / "artifacts" / "1" / "ipsec"


def test_two_workers_read_a_slice_each_and_one_report_has_both(tmp_path: Path, lab: Lab) -> None:
    folders = [slice_of(tmp_path, lab, number, limit) for number, limit in enumerate(("a01,a02", "b01,b02"))]
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders] == [
        ["a01.json", "a02.json"],
        ["b01.json", "b02.json"],
    ]
    hosts = tmp_path / "nobody.yml"
    hosts.write_text("all: {}\n", encoding="utf-8")
    wanted = {
        "ipsec_gather_dirs": [str(tmp_path / "job*/artifacts/1/ipsec")],
        "ipsec_report_dir": str(tmp_path),
        "ipsec_report_formats": ["json", "html"],
        "ipsec_policy": "rfc",
    }
    done = playbook(tmp_path, hosts, "tunnelwright.ipsec.merge", "-e", json.dumps(wanted))
    assert done.status == 0, done.output
    found = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert [tunnel["name"] for tunnel in found["tunnels"]] == ["a01-b01", "a02-b02"]
    assert found["unpaired"] == []
    assert found["policy"] == "rfc"
    assert "a02-b02" in (tmp_path / "findings.html").read_text(encoding="utf-8")
    assert {(finding["id"], finding["tunnel"]) for finding in found["findings"]} == {("dpd-off", "a02-b02")}
