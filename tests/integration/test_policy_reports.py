"""A fleet with known deviations from a policy: every format of the report tells the same story of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.lab.faults import inject
from tests.lab.faults.hands import both, configure, retry
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs
from tests.unit.report import reading

from .ansible_run import Run, playbook

OFFERED, OUTDATED, CERTIFIED = "t01", "t02", "t03"
STRONG, WEAK = "aes256-sha256-x25519", "aes256-sha1-x25519"
POLICY = """\
profile: lab
extends: baseline
waivers:
  - rule: ike-prf-weak
    tunnel: a01-b01
    reason: the peer is replaced
    owner: net-team
    expires: 2999-12-31
  - rule: ike-integrity-weak
    tunnel: a01-b01
    reason: nobody remembers
    owner: somebody
    expires: 2020-01-31
"""
SCHEMA = Path(__file__).parents[2] / "plugins/plugin_utils/report/report.schema.json"  # at its published address
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ALL = ["json", "junit", "sarif", "markdown", "csv", "prometheus", "html"]
READERS = {
    "json": reading.from_json,
    "xml": reading.from_junit,
    "sarif": reading.from_sarif,
    "csv": reading.from_csv,
    "md": reading.from_markdown,
    "html": reading.from_html,
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(3, name="policy"), suite="trixie") as lab:
        tunnels = lab.topology.tunnels
        both(lab, tunnels[OFFERED], {"proposals": f"{STRONG},{WEAK}"})
        retry(lab, tunnels[OFFERED], up=True)
        asleep = {"start_action": "none"}  # so that loading does not make the SA anew
        both(lab, tunnels[OUTDATED], {"proposals": WEAK}, asleep)
        retry(lab, tunnels[OUTDATED], up=True)
        both(lab, tunnels[OUTDATED], {"proposals": STRONG}, asleep)
        inject(lab, "certificate-near-expiry", CERTIFIED)
        yield lab


def audit(tmp: Path, hosts: Path, *arguments: str, name: str = "audit", **variables: object) -> Run:
    policy = tmp / "policy.yml"
    policy.write_text(POLICY, encoding="utf-8")
    given = {
        "ipsec_policy": str(policy),
        "ipsec_report_dir": str(tmp / "out"),
        "ipsec_report_formats": ALL,
        **variables,
    }
    return playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", *arguments, "-e", json.dumps(given))


def written(tmp: Path) -> dict[str, bytes]:
    return {path.suffix[1:]: path.read_bytes() for path in (tmp / "out").iterdir()}


@pytest.fixture(scope="module")
def folder(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where audits of the gateways as they are find what the one before has written."""
    folder = tmp_path_factory.mktemp("audits")
    (folder / "inventory.yml").write_text(inventory(lab), encoding="utf-8")
    return folder


def test_every_format_tells_the_same_story_of_known_deviations(folder: Path) -> None:
    done = audit(folder, folder / "inventory.yml")
    assert (done.status, done.changed()) == (0, {}), done.output
    texts = {ending: text.decode() for ending, text in written(folder).items()}
    stories = {ending: read(texts[ending]) for ending, read in READERS.items()}
    story = stories["json"]
    assert all(other == story for other in stories.values())
    assert {(name, tunnel, end) for name, dummy, tunnel, end in story.findings} >= {
        ("ike-integrity-weak", "a01-b01", "a01/west"),  # offered and not selected
        ("ike-integrity-weak", "a01-b01", "b01/east"),
        ("waiver-expired", "a01-b01", "a01/west"),
        ("ike-integrity-weak", "a02-b02", "a02/west"),  # in use and not offered any more
        ("sa-outdated", "a02-b02", "a02/west"),
        ("certificate-near-expiry", "a03-b03", "a03/west"),
    }
    assert {(name, tunnel) for name, dummy, tunnel, end in story.waived} == {("ike-prf-weak", "a01-b01")}
    assert {state for dummy, state in story.tunnels} == {"up, traffic passes"}
    samples = reading.metrics(texts["prom"])
    counted = sum(value for (name, labels), value in samples.items() if name == "ipsec_findings")
    assert counted == len(story.findings)
    assert len([name for name, labels in samples if name.startswith("ipsec_certificate")]) == 2
    data = json.loads(texts["json"])
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(data)
    offered = [f for f in data["findings"] if f["id"] == "ike-integrity-weak" and f["end"]["gateway"] == "b01"]
    assert offered[0]["summary"] == "b01/east offers sha1 for IKE integrity"
    assert "a02/west uses HMAC_SHA1_96 for IKE integrity" in [f["summary"] for f in data["findings"]]
    assert "Waived in policy lab" in done.output
    assert "3 tunnels, 0 down; findings: " in done.output


def test_reports_of_gateways_that_have_not_changed_differ_in_their_time_alone(folder: Path) -> None:
    told = []
    for dummy in range(2):  # the test before had nothing to be compared with
        assert audit(folder, folder / "inventory.yml").status == 0
        told.append(written(folder))
    for ending in told[0].keys() - {"prom"}:
        one, other = (TIME.sub(b"then", each[ending]) for each in told)
        assert one == other, ending
    counters = (b"ipsec_audit_timestamp", b"ipsec_tunnel_received", b"ipsec_tunnel_sent")
    metrics = [[line for line in each["prom"].splitlines() if not line.startswith(counters)] for each in told]
    assert metrics[0] == metrics[1]


def some(lab: Lab, tmp: Path, *gateways: str) -> Path:
    """An inventory of some gateways, for what needs no others."""
    path = tmp / "some.yml"
    path.write_text(inventory(lab, only=gateways), encoding="utf-8")
    return path


def test_what_has_changed_since_the_last_run_is_told(lab: Lab, tmp_path: Path) -> None:
    hosts = some(lab, tmp_path, "a02", "b02")
    tunnel = lab.topology.tunnels[OUTDATED]
    assert "nothing has changed" not in audit(tmp_path, hosts, ipsec_probe=False).output
    configure(lab, tunnel, tunnel.responder, {"proposals": STRONG, "dpd_delay": "0s"}, {"start_action": "none"})
    done = audit(tmp_path, hosts, ipsec_probe=False)
    changes = json.loads((tmp_path / "out" / "findings.json").read_text(encoding="utf-8"))["drift"]
    assert [(each["id"], each["tunnel"]) for each in changes["appeared"]] == [("dpd-off", "a02-b02")]
    assert (changes["gone"], changes["moved"]) == ([], [])
    assert ": 1 new" in done.output
    assert ": nothing has changed" in audit(tmp_path, hosts, ipsec_probe=False).output


def test_a_run_fails_by_severity_after_its_reports_are_written(lab: Lab, tmp_path: Path) -> None:
    hosts = some(lab, tmp_path, "a02", "b02")
    done = audit(tmp_path, hosts, ipsec_fail_on="medium", ipsec_probe=False)
    assert done.status != 0
    assert "of severity medium or worse: " in done.output
    assert len(list((tmp_path / "out").iterdir())) == len(ALL)
    assert audit(tmp_path, hosts, ipsec_fail_on="critical", ipsec_probe=False).status == 0


def test_a_mistake_in_a_policy_is_one_sentence_with_its_line(lab: Lab, tmp_path: Path) -> None:
    hosts = some(lab, tmp_path, "a01")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("extends: baseline\nrules:\n  ike-lifetime-lng: {at_most: 3h}\n", encoding="utf-8")
    relative = audit(tmp_path, hosts, ipsec_policy="wrong.yml")
    assert "unknown key 'ike-lifetime-lng' at wrong.yml:3: do you mean ike-lifetime-long?" in relative.output
    missing = audit(tmp_path, hosts, ipsec_policy="nowhere.yml")
    assert "the policy cannot be read: No such file or directory at nowhere.yml: give its path" in missing.output
    assert "no profile is called 'strict'" in audit(tmp_path, hosts, ipsec_policy="strict").output


def test_remediate_brings_a_tunnel_to_what_the_policy_wants_and_a_second_run_changes_nothing(
    lab: Lab, tmp_path: Path
) -> None:
    hosts = some(lab, tmp_path, "a01", "b01")
    target = {"name": "remediate", "ipsec_policy_target": True}
    before = lab.sh("a01", "cat /etc/swanctl/conf.d/west.conf")
    predicted = audit(tmp_path, hosts, "--check", **target)
    assert set(predicted.changed()) == {"a01", "b01"}, predicted.output
    assert lab.sh("a01", "cat /etc/swanctl/conf.d/west.conf") == before
    done = audit(tmp_path, hosts, **target)
    assert done.status == 0, done.output
    for gateway, connection in (("a01", "west"), ("b01", "east")):
        sas = lab.sh(gateway, "swanctl --list-sas")
        assert "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384" in sas
        assert sas.count("ESTABLISHED") == 1
        text = lab.sh(gateway, f"cat /etc/swanctl/conf.d/{connection}.conf")
        assert "proposals = aes256gcm16-prfsha384-ecp384\n" in text
        assert "sha1" not in text
    assert audit(tmp_path, hosts, **target).changed() == {}
    story = reading.from_json((tmp_path / "out" / "before.json").read_text(encoding="utf-8"))
    assert not [name for name, dummy, tunnel, end in story.findings if tunnel == "a01-b01" and name.startswith("ike-")]
