"""gateway_info on pfSense, shown on the stand-in: a real charon below, and config.xml read by every PHP there is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, build_from_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense

from tests.lab.inventory import inventory
from tests.lab.lab import Lab, psks, running
from tests.lab.php import SUITES, box
from tests.lab.topology import pairs, topology
from tests.unit.corpus import CORPUS, needs_corpus
from tests.unit.platforms.pfsense_box import OPTIONS, PROGRAM

from .ansible_run import Run, module, playbook
from .test_pfsense_audit import read

KEY = "a key of the integration tests"
CONFIG = "/cf/conf/config.xml"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A pfSense that answers a strongSwan."""
    data = pairs(1, name="pfread", pfsense={"a": "2.7.2"}).data
    with running(topology({**data, "poll": 3600}, where="pfread")) as lab:
        assert lab.pings("t01") == (True, True)
        yield lab


def ask(tmp: Path, lab: Lab, *more: str, user: str = "root", on: str = "all", **arguments: Any) -> Run:
    hosts = tmp / "inventory.yml"
    hosts.write_text(inventory(lab, user=user), encoding="utf-8")
    return module(tmp, hosts, on, "gateway_info", {"digest_key": KEY, **arguments}, *more)


def gateway(run: Run, host: str = "a01") -> Gateway:
    assert run.status == 0, run.output
    result = run.result("it", host)
    assert result["changed"] is False
    return build_from_plain(Gateway, result["gateway"], host)


@pytest.fixture
def config(lab: Lab) -> Iterator[str]:
    """config.xml of the gateway, put back after the test."""
    text = lab.sh("a01", f"cat {CONFIG}")
    yield text
    lab.write("a01", CONFIG, text, mode="0600")


@pytest.mark.parametrize("user", ["root", "admin", "operator"])
def test_a_pfsense_is_recognised_and_read_beside_a_strongswan(tmp_path: Path, lab: Lab, user: str) -> None:
    done = ask(tmp_path, lab, user=user, on="a01" if user == "admin" else "all")
    one = gateway(done)
    assert (one.platform, one.version, one.problems) == ("pfsense", "6.0.1", ())
    connection = next(each for each in one.connections if each.name == "con1")
    assert (connection.loaded, connection.differs, connection.unapplied) == (True, (), ())
    assert connection.settings["dpd_delay"].origin == "ipsec/phase1[ikeid=1]/dpd_delay"
    (sa,) = one.sas or ()
    assert (sa.connection, sa.children[0].local_ts) == ("con1", ("10.1.1.0/24",))
    assert one.appliance is not None
    assert (one.appliance.version, one.appliance.unapplied, one.appliance.role) == ("2.7.2-RELEASE", False, "alone")
    if user != "admin":
        other = gateway(done, "b01")
        assert other.platform == "strongswan"
        assert {secret.digest for secret in one.secrets} == {secret.digest for secret in other.secrets}


def test_the_audit_of_a_pfsense_and_a_strongswan_finds_one_healthy_tunnel(tmp_path: Path, lab: Lab) -> None:
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(inventory(lab), encoding="utf-8")
    done = playbook(tmp_path, hosts, "tunnelwright.ipsec.audit")
    assert done.status == 0, done.output
    result = done.result("Compare the ends and what came through")
    assert [tunnel["name"] for tunnel in result["tunnels"]] == ["a01-b01"]
    assert (result["findings"], result["unpaired"]) == ([], [])
    assert done.changed() == {}


def test_reading_writes_nothing_and_shows_no_key(tmp_path: Path, lab: Lab) -> None:
    before = lab.sh("a01", "find /cf /var/etc /var/db -type f -exec md5sum {} +")
    done = ask(tmp_path, lab, "-vvvv", on="a01", log=True)
    assert lab.sh("a01", "find /cf /var/etc /var/db -type f -exec md5sum {} +") == before
    keys = {key.strip() for *dummy, key in psks(lab, "b01").values()}
    assert keys
    assert not [key for key in keys if key in done.output or key in json.dumps(done.tasks)]


def test_what_was_saved_and_not_applied_is_told_setting_by_setting(lab: Lab, config: str) -> None:
    changed = config.replace("<dpd_delay>10</dpd_delay>", "<dpd_delay>20</dpd_delay>", 1)
    assert changed != config
    lab.write("a01", CONFIG, changed, mode="0600")
    lab.sh("a01", "touch /var/run/ipsec.dirty")
    found = read(lab, "a01")
    lab.sh("a01", "rm /var/run/ipsec.dirty")
    connection = next(each for each in found.connections if each.name == "con1")
    assert connection.unapplied == ("dpd_delay: 20s in config.xml, 10s generated",)
    assert (connection.dpd_delay, connection.differs) == (20.0, ())
    assert found.appliance is not None
    assert found.appliance.unapplied


def test_a_disabled_phase_1_is_told_and_still_there(lab: Lab, config: str) -> None:
    lab.write("a01", CONFIG, config.replace("<phase1>", "<phase1><disabled></disabled>", 1), mode="0600")
    found = read(lab, "a01")
    connection = next(each for each in found.connections if each.name == "con1")
    assert (connection.omitted, connection.loaded) == ("disabled", True)


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("---- BEGIN config.xml ----\nU2FsdGVk\n---- END config.xml ----\n", "config-encrypted", "is encrypted"),
        ('<?xml version="1.0"?>\n<pfsense><ipsec>', "config-broken", "cannot be parsed"),
        ("<pfsense><ipsec><phase1><descr>a</descr><descr>b</descr></phase1></ipsec></pfsense>", "config-broken",
         "descr occurs more than once at line 1"),
        ("<opnsense></opnsense>", "config-broken", "holds <opnsense>"),
    ],
    ids=["encrypted", "cut", "twice", "another's"],
)  # fmt: skip
@pytest.mark.usefixtures("config")
def test_what_cannot_be_read_is_one_sentence_and_the_daemon_is_still_told(
    lab: Lab, text: str, kind: str, what: str
) -> None:
    lab.write("a01", CONFIG, text, mode="0600")
    found = read(lab, "a01")
    (problem,) = found.problems
    assert (problem.kind, problem.where) == (kind, CONFIG)
    assert what in problem.what
    assert problem.hint
    assert [sa.state for sa in found.sas or ()] == ["ESTABLISHED"]


def test_a_user_without_rights_is_told_to_become(tmp_path: Path, lab: Lab) -> None:
    found = gateway(ask(tmp_path, lab, "-e", "ansible_become=false", user="operator", on="a01"))
    assert {"no-permission", "config-unreadable"} <= {problem.kind for problem in found.problems}
    assert found.platform == "pfsense"


@needs_corpus
@pytest.mark.apart
def test_every_php_reads_the_same_and_finds_nothing_to_warn_of() -> None:
    cases = {case.parent.name: case for case in sorted((CORPUS / "pfsense" / "2.7.2").glob("*/config.xml"))}
    files = {f"cases/{name}.xml": case.read_text(encoding="utf-8") for name, case in cases.items()}
    said = _of_many("php", {name: str(case) for name, case in cases.items()}, _here)
    assert said.keys() == cases.keys()
    for php in SUITES:
        with box(php, files=files) as one:
            paths = {name: f"/cases/{name}.xml" for name in cases}
            assert _of_many("/usr/local/bin/php", paths, one.run) == said, php


EACH = "foreach (json_decode(stream_get_contents(STDIN)) as $name => $given) { $said[$name] = answer($given); }"


def _of_many(php: str, paths: dict[str, str], run: Callable[..., Any]) -> Any:
    """What one process of PHP answers about many configurations."""
    functions, dummy, ends = PROGRAM.variables["TW_READ_PHP"].rpartition(
        "$given = json_decode(stream_get_contents(STDIN));"
    )
    program = f"{functions}{EACH}{ends.replace('answer($given)', '$said')}"
    asked = json.loads(PROGRAM.secrets["TW_ASKED"])
    told = {name: asked | {"paths": {"config": path, "backups": "/none"}} for name, path in paths.items()}
    options = ["-d", "error_reporting=-1", "-d", "display_errors=stderr", "-r", program]
    done = run(php, *options, stdin=json.dumps(told))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def _here(*command: str, stdin: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_the_program_has_no_secret_in_it() -> None:
    program = pfsense.program(OPTIONS)
    assert OPTIONS.digest_key not in "".join((*program.texts, *program.variables.values()))
