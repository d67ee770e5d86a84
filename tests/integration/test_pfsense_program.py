"""The PHP that has a pfSense change itself, on every PHP and release: what it writes, and when it writes nothing."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import psk_digest

from tests.lab.pfsense.sample import sample
from tests.lab.php import Box, box

from .test_standin import BOXES, backups, changed, written

pytestmark = [pytest.mark.apart, pytest.mark.lasts(1)]
PROGRAM = (Path(__file__).parents[2] / "plugins/plugin_utils/_ipsec/platforms/pfsense/write.php").read_text(
    encoding="utf-8"
)
KEY = "sixteen letters."
CLOSE = {"section": "phase1", "key": "ikeid", "entry": "1", "element": "closeaction", "value": "start"}
UMLAUT = ("<hostname>fw</hostname>", "<hostname>fw</hostname>\n\t\t<domain>b\u00fcro.example</domain>")


@pytest.fixture(params=BOXES)
def each(request: pytest.FixtureRequest) -> Iterator[tuple[Box, str]]:
    """A fresh box of every release on every PHP that fits."""
    php, version = request.param
    with box(php, version, {"cf/conf/config.xml": sample(version)}) as one:
        yield one, version


@pytest.fixture
def one() -> Iterator[Box]:
    with box("8.2", "2.7.2", {"cf/conf/config.xml": sample("2.7.2")}) as one:
        yield one


def order(one: Box, *edits: dict[str, Any], **more: Any) -> str:
    """What is asked of the program, meant for the file as it is now."""
    ipad, opad = (block.hex() for block in psk_digest.compute_pads(KEY))
    given = {
        "paths": {"config": "/cf/conf/config.xml", "backups": "/cf/conf/backup"},
        "ipad": ipad,
        "opad": opad,
        "fingerprint": psk_digest.compute_fingerprint(KEY, (one.root / "cf/conf/config.xml").read_bytes()),
        "edits": edits or (CLOSE,),
        "from": "",
        "journal": "",
        "text": "tunnelwright.ipsec for alice: con1 closeaction",
        "pending": False,
        "apply": True,
        "terminate": "",
        "timeout": 5,
    }
    return json.dumps(given | more)


def run(one: Box, asked: str) -> subprocess.CompletedProcess[str]:
    command = 'TW_UNDO=/run/undo exec /usr/local/bin/php -d display_errors=stderr -r "$0"'
    return one.run("/bin/sh", "-c", command, PROGRAM.removeprefix("<?php"), stdin=asked)


def answer(one: Box, asked: str) -> Any:
    """What it answers; it says nothing else."""
    done = run(one, asked)
    assert not done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert done.returncode == (1 if "refused" in found else 0)
    return found


def generated(one: Box) -> str:
    return (one.root / "var/etc/ipsec/swanctl.conf").read_text(encoding="utf-8")


def test_the_element_and_the_revision_change_and_it_is_applied(each: tuple[Box, str]) -> None:
    one = each[0]
    before = written(one)
    assert answer(one, order(one)) == {"done": True, "copy": "/cf/conf/backup/config-1700000000.xml"}
    after = written(one)
    assert changed(before, after) == ["<closeaction>start</closeaction>"]
    assert "<![CDATA[(system): tunnelwright.ipsec for alice: con1 closeaction]]>" in after
    assert backups(one) == {"config-1700000000.xml": before}
    assert "close_action = start" in generated(one)
    assert (one.root / "run/stand-in/events").read_text(encoding="utf-8").count("filter sync") == 1


def test_what_it_did_is_taken_back_by_itself(each: tuple[Box, str]) -> None:
    one = each[0]
    before = written(one)
    remove = {**CLOSE, "element": "dhgroup-of-nothing", "value": None}
    added = {**CLOSE, "element": "mobike", "value": "on"}
    answer(one, order(one, CLOSE, added, remove))
    undo = (one.root / "run/undo").read_text(encoding="utf-8")
    assert "start" not in json.loads(undo)["edits"][0].values()
    assert oct((one.root / "run/undo").stat().st_mode)[-3:] == "600"
    assert answer(one, undo)["done"] is True
    assert changed(before, written(one)) == []
    assert "close_action = start" not in generated(one)


def test_what_is_set_for_the_whole_firewall_is_no_entry_and_is_taken_back_too(each: tuple[Box, str]) -> None:
    one = each[0]
    before = written(one)
    tries = {"section": "", "key": "", "entry": "", "element": "ikev2_retransmit_tries", "value": "3"}
    answer(one, order(one, tries, {**CLOSE, "element": "splitconn", "value": ""}))
    conf = one.root / "var/etc/ipsec/strongswan.conf"
    assert "retransmit_tries = 3" in conf.read_text(encoding="utf-8")
    assert "con1_7 {" in generated(one)
    answer(one, (one.root / "run/undo").read_text(encoding="utf-8"))
    assert changed(before, written(one)) == []
    assert "retransmit_tries" not in conf.read_text(encoding="utf-8")


def test_a_whole_list_of_algorithms_is_one_element(each: tuple[Box, str]) -> None:
    one = each[0]
    cipher = {"name": "aes256gcm", "keylen": "128"}
    item = {"encryption-algorithm": cipher, "hash-algorithm": "sha384", "prf-algorithm": "sha384", "dhgroup": "20"}
    answer(one, order(one, {**CLOSE, "element": "encryption", "value": {"item": [item]}}))
    assert "proposals = aes256gcm128-sha384-ecp384" in generated(one)
    lines = [line.strip() for line in written(one).splitlines()]
    at = lines.index("<encryption>")
    assert lines[at + 1 : at + 4] == ["<item>", "<encryption-algorithm>", "<name>aes256gcm</name>"]


@pytest.mark.parametrize(
    ("marks", "edit", "more", "refused"),
    [
        ((), CLOSE, {"fingerprint": "0" * 64}, {"refused": "moved", "more": ""}),
        (("booting",), CLOSE, {}, {"refused": "booting", "more": ""}),
        (("ipsec.dirty",), CLOSE, {}, {"refused": "pending", "more": ""}),
        ((), {**CLOSE, "entry": "7"}, {}, {"refused": "gone", "more": "phase1 7"}),
    ],
)
def test_nothing_is_written_when_it_is_not_the_time(
    one: Box, marks: tuple[str, ...], edit: dict[str, Any], more: dict[str, Any], refused: dict[str, str]
) -> None:
    before = written(one)
    for mark in marks:
        (one.root / "run" / mark).touch()
    assert answer(one, order(one, edit, **more)) == refused
    assert (written(one), backups(one)) == (before, {})


def test_changes_that_wait_go_with_it_where_that_is_allowed(one: Box) -> None:
    (one.root / "run/ipsec.dirty").touch()
    assert answer(one, order(one, pending=True))["done"] is True
    assert not (one.root / "run/ipsec.dirty").exists()


def test_what_charon_has_nothing_of_is_not_applied(one: Box) -> None:
    (one.root / "run/ipsec.dirty").touch()
    assert answer(one, order(one, apply=False))["done"] is True
    assert (one.root / "run/ipsec.dirty").exists()
    assert not (one.root / "var/etc/ipsec/swanctl.conf").exists()


def test_a_file_that_this_version_would_spoil_is_left_alone(each: tuple[Box, str]) -> None:
    one, version = each
    text = written(one).replace(*UMLAUT)
    (one.root / "cf/conf/config.xml").write_text(text, encoding="utf-8")
    if version == "2.9.0":
        assert answer(one, order(one))["done"] is True
        return
    assert answer(one, order(one))["refused"] == "unwritable"
    assert written(one) == text


def test_of_several_at_once_one_writes_and_the_others_are_told(one: Box) -> None:
    asked = order(one)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda given: answer(one, given), [asked] * 4))
    assert sorted(each.get("refused", "done") for each in found) == ["done", "moved", "moved", "moved"]


def test_what_somebody_saves_in_the_last_moment_is_not_lost(one: Box) -> None:
    """As if the web interface wrote between our last look and our write: in the stand-in, just before its copy."""
    code = one.root / "etc/inc/config.lib.inc"
    begins = "function backup_config() {\n"
    hook = f"{begins}\tif (is_file('/run/meanwhile')) {{ rename('/run/meanwhile', '/cf/conf/config.xml'); }}\n"
    code.write_text(code.read_text(encoding="utf-8").replace(begins, hook), encoding="utf-8")
    theirs = written(one).replace("<myid_type>myaddress", "<myid_type>address").replace("1700000000", "1700000001")
    (one.root / "run/meanwhile").write_text(theirs, encoding="utf-8")
    assert answer(one, order(one))["refused"] == "moved"
    assert changed(theirs, written(one)) == []
    assert answer(one, order(one))["done"] is True
    assert changed(theirs, written(one)) == ["<closeaction>start</closeaction>"]


def guarded(one: Box) -> None:
    """What a guard keeps, as keep.sh does."""
    one.run("/bin/sh", "-c", "mkdir -p /etc/tunnelwright/guard/kept && cd /etc/tunnelwright/guard && : >journal && "
            "cp /cf/conf/config.xml kept/1")  # fmt: skip


def test_a_guard_takes_back_what_was_changed_and_nobody_has_changed_since(each: tuple[Box, str]) -> None:
    one = each[0]
    before = written(one)
    guarded(one)
    answer(one, order(one))
    answer(one, order(one, {**CLOSE, "value": "trap"}, {**CLOSE, "element": "mobike", "value": "on"}))
    theirs = written(one).replace("<mobike>on</mobike>", "<mobike>off</mobike>")
    (one.root / "cf/conf/config.xml").write_text(theirs, encoding="utf-8")
    folder = "/etc/tunnelwright/guard"
    back = {"fingerprint": "", "from": f"{folder}/kept/1", "journal": f"{folder}/journal", "edits": []}
    assert answer(one, order(one, **back))["done"] is True
    assert "<mobike>off</mobike>" in written(one)
    assert changed(before, written(one).replace("\t\t\t<mobike>off</mobike>\n", "")) == []
    again = written(one)
    assert answer(one, order(one, **back)) == {"done": True, "copy": ""}
    assert written(one) == again


def test_a_guard_can_bring_back_all_of_it(each: tuple[Box, str]) -> None:
    one = each[0]
    before = written(one)
    guarded(one)
    answer(one, order(one))
    command = 'TW_WHOLE=1 exec /usr/local/bin/php -d display_errors=stderr -r "$0"'
    asked = order(one, **{"from": "/etc/tunnelwright/guard/kept/1"})
    done = one.run("/bin/sh", "-c", command, PROGRAM.removeprefix("<?php"), stdin=asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert changed(before, written(one)) == []


def test_a_daemon_that_is_started_does_not_hold_the_lock(one: Box) -> None:
    rc = one.root / "usr/local/sbin/strongswanrc"
    rc.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    for value in ("start", "none"):
        assert answer(one, order(one, {**CLOSE, "value": value}))["done"] is True
    assert re.search("<closeaction>none</closeaction>", written(one))
