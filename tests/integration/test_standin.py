"""How the stand-in for pfSense keeps config.xml and its revisions, on every PHP: as pfSense is documented to."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.pfsense.sample import sample
from tests.lab.php import SUITES, Box, box
from tests.lab.topology import PFSENSE

pytestmark = [pytest.mark.apart, pytest.mark.lasts(1)]
NEW = "2.9.0"
INCLUDE = "<?php require_once('config.inc'); require_once('functions.inc'); "
READ = "standin_since('2.8.0') ? config_read_file(false, false) : parse_config(true);"
# A release on the PHP that it has, or the nearest to it; on others at night, as every PHP reads every file (test_php).
NEAREST = {"2.6.0": "7.4", "2.7.2": "8.2", "2.8.0": "8.4", "2.9.0": "8.4"}
BOXES = [
    pytest.param((php, version), id=f"{version}-php{php}", marks=() if NEAREST[version] == php else pytest.mark.night)
    for php in SUITES
    for version in PFSENSE
    if (php, version) != ("7.4", "2.9.0")
]


def edited(value: str) -> str:
    """PHP that sets a closeaction in memory, as all releases can."""
    return f"global $config; $config['ipsec']['phase1'][0]['closeaction'] = {value!r};"


def written(one: Box) -> str:
    return (one.root / "cf/conf/config.xml").read_text(encoding="utf-8")


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, outside the revision and without indentation."""
    one, other = (
        re.sub(r"<revision>.*?</revision>", "", text, flags=re.DOTALL).splitlines() for text in (before, after)
    )
    assert len(one) == len(other)
    return [new.strip() for old, new in zip(one, other, strict=True) if old != new]


def backups(one: Box) -> dict[str, str]:
    """The copies of earlier files, by name."""
    folder = one.root / "cf/conf/backup"
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("config-*.xml"))}


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


def test_a_write_changes_the_edited_line_and_the_revision_alone(each: tuple[Box, str]) -> None:
    one = each[0]
    before = written(one)
    answer = one.answer(f"{INCLUDE} {READ} {edited('start')} echo json_encode(is_array(write_config('by a test')));")
    assert answer is True
    after = written(one)
    assert changed(before, after) == ["<closeaction>start</closeaction>"]
    revision = after[after.index("\t<revision>") :]
    assert "<description><![CDATA[(system): by a test]]></description>" in revision
    assert "<username><![CDATA[(system)]]></username>" in revision
    assert backups(one) == {"config-1700000000.xml": before}
    assert "filter sync" in (one.root / "run/stand-in/events").read_text(encoding="utf-8")


def test_a_revision_that_is_restored_is_a_new_revision_with_the_old_text(each: tuple[Box, str]) -> None:
    one, version = each
    before = written(one)
    one.answer(f"{INCLUDE} {READ} {edited('start')} write_config('first'); sleep(1); write_config('second'); echo 1;")
    descr = ", 'put back'" if version >= "2.8" else ""
    told = one.answer(
        f"{INCLUDE} $all = get_backups(); unset($all['versions']); $oldest = end($all);"
        f"$done = config_restore('/cf/conf/backup/config-' . $oldest['time'] . '.xml'{descr});"
        "echo json_encode(array($done, $all));"
    )
    assert told[0] is (version >= "2.8") or (told[0] == 0 and version < "2.8")
    texts = [backup["description"] for backup in told[1]]
    assert texts == ["(system): first", "admin@192.0.2.9 (Local Database): first"]
    assert changed(before, written(one)) == []
    assert ("put back" if version >= "2.8" else "Reverted to config-1700000000.xml") in written(one)
    assert len(backups(one)) == 3


def test_functions_are_there_in_the_releases_that_have_them(each: tuple[Box, str]) -> None:
    one, version = each
    names = ["config_get_path", "config_read_file", "parse_config", "ipsec_configure", "config_restore"]
    there = one.answer(
        f"{INCLUDE} echo json_encode(array_map('function_exists', json_decode(file_get_contents('php://stdin'))));",
        names,
    )
    assert there == [version >= "2.7", version >= "2.8", version < NEW, True, True]


def test_paths_set_get_and_delete_as_documented() -> None:
    with box("7.4", "2.7.2", {"cf/conf/config.xml": sample("2.7.2")}) as one:
        told = one.answer(
            INCLUDE + "config_set_path('ipsec/phase1/0/splitconn', ''); config_set_path('ipsec/a/b', 'c');"
            "echo json_encode(array(config_get_path('ipsec/phase1/0/iketype'), config_get_path('ipsec/no/such'),"
            "config_get_path('ipsec/no/such', 5), config_get_path('ipsec/phase1/0/closeaction', 'd'),"
            "config_path_enabled('ipsec/phase1/0', 'splitconn'), config_path_enabled('ipsec/phase1/0', 'mobile'),"
            "config_get_path('ipsec/a'), config_del_path('ipsec/a/b'), config_get_path('ipsec/a/b')));"
        )
    assert told == ["auto", None, 5, "d", True, False, {"b": "c"}, "c", None]


def test_text_that_is_not_ascii_kills_the_file_up_to_2_8_and_the_last_backup_comes_back(each: tuple[Box, str]) -> None:
    one, version = each
    before = written(one)
    program = (
        f"{INCLUDE} {READ} global $config; $config['ipsec']['phase1'][0]['myid_data'] = 'münchen'; write_config();"
    )
    done = one.php(program)
    if version == NEW:
        assert done.returncode == 0
        assert "<myid_data>münchen</myid_data>" in written(one)
    else:
        assert done.returncode == 255
        assert written(one) == before


def test_a_tag_that_may_not_repeat_makes_the_file_unreadable(one: Box) -> None:
    one.answer(f"{INCLUDE} write_config('good'); echo 1;")
    good = backups(one)["config-1700000000.xml"]
    path = one.root / "cf/conf/config.xml"
    path.write_text(written(one).replace("<iketype>", "<ikeid>2</ikeid><iketype>"), encoding="utf-8")
    done = one.php(f"{INCLUDE} {READ}")
    assert done.returncode == 255
    assert "ikeid cannot occur more than once" in done.stdout + done.stderr
    assert written(one) == good
    assert one.php(INCLUDE).returncode == 0


def test_an_empty_entry_of_a_list_is_dropped_and_an_empty_section_is_text(one: Box) -> None:
    path = one.root / "cf/conf/config.xml"
    path.write_text(written(one).replace("\t</ipsec>", "\t\t<phase2></phase2>\n\t\t<client></client>\n\t</ipsec>"))
    told = one.answer(
        f"{INCLUDE} echo json_encode(array(count($config['ipsec']['phase2']), $config['ipsec']['client']));"
    )
    assert told == [1, ""]


def test_of_two_writers_the_last_one_wins_and_nobody_is_told(one: Box) -> None:
    slow = f"{INCLUDE} {edited('trap')} echo 'read'; sleep(2); write_config('slow'); echo json_encode(1);"
    (one.root / "run/slow.php").write_text(slow, encoding="utf-8")
    enter = ["nsenter", "-t", str(one.pid), "-m", "-p", "-u", "-i", "-r", "-w", "--"]
    with subprocess.Popen([*enter, "/usr/local/bin/php", "-f", "/run/slow.php"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read(4) == b"read"
        one.answer(
            f"{INCLUDE} global $config; $config['ipsec']['phase1'][0]['iketype'] = 'ikev2'; write_config(); echo 1;"
        )
        assert "<iketype>ikev2</iketype>" in written(one)
        assert process.stdout.read() == b"1"
    assert "<iketype>auto</iketype>" in written(one)
    assert "<closeaction>trap</closeaction>" in written(one)


def test_two_writes_in_one_second_share_a_backup(one: Box) -> None:
    while time.time() % 1 > 0.3:
        time.sleep(0.05)
    one.answer(f"{INCLUDE} foreach (array('a', 'b', 'c') as $text) {{ write_config($text); }} echo 1;")
    assert len(backups(one)) == 2


def test_whoever_holds_the_lock_of_the_configuration_waits_for_itself_when_writing(one: Box) -> None:
    (one.root / "run/program.php").write_text(f"{INCLUDE} $lock = lock('config', LOCK_EX); write_config();")
    assert one.run("timeout", "2", "/usr/local/bin/php", "-f", "/run/program.php").returncode == 124


def test_a_file_edited_by_hand_is_not_seen_before_it_is_read_anew(one: Box) -> None:
    one.answer(f"{INCLUDE} echo 1;")
    path = one.root / "cf/conf/config.xml"
    path.write_text(written(one).replace("<iketype>auto", "<iketype>ikev1"), encoding="utf-8")
    say = "json_encode($config['ipsec']['phase1'][0]['iketype']);"
    assert one.answer(f"{INCLUDE} global $config; echo {say}") == "auto"
    assert one.answer(f"{INCLUDE} global $config; {READ} echo {say}") == "ikev1"


def test_changes_that_were_not_applied_are_known_by_a_flag(one: Box) -> None:
    told = one.answer(
        f"{INCLUDE} $told = array(is_subsystem_dirty('ipsec')); mark_subsystem_dirty('ipsec');"
        "$told[] = is_subsystem_dirty('ipsec'); $told[] = file_exists('/var/run/ipsec.dirty'); ipsec_configure();"
        "$told[] = is_subsystem_dirty('ipsec'); clear_subsystem_dirty('ipsec'); $told[] = is_subsystem_dirty('ipsec');"
        "echo json_encode($told);"
    )
    assert told == [False, True, True, True, False]


def test_applying_rebuilds_all_files_and_starts_charon_in_the_background(one: Box) -> None:
    stray = one.root / "var/etc/ipsec/stray"
    stray.parent.mkdir(parents=True)
    stray.touch()
    assert one.answer(f"{INCLUDE} echo json_encode(ipsec_configure());") == 1  # peers given by name
    assert not stray.exists()
    assert "con1" in (one.root / "var/etc/ipsec/swanctl.conf").read_text(encoding="utf-8")
    assert asked(one) == ["start"]
    (one.root / "run/charon.pid").write_text("1\n", encoding="utf-8")
    one.answer(f"{INCLUDE} ipsec_configure(); ipsec_configure(true); echo 1;")
    assert sorted(asked(one)) == ["reload", "restart", "start"]


def test_without_any_phase_1_charon_is_stopped_and_the_old_file_stays(one: Box) -> None:
    one.answer(f"{INCLUDE} ipsec_configure(); echo 1;")
    assert asked(one) == ["start"]
    one.answer(f"{INCLUDE} $config['ipsec']['phase1'][0]['disabled'] = ''; ipsec_configure(); echo 1;")
    assert asked(one) == ["start", "stop"]
    assert "con1" in (one.root / "var/etc/ipsec/swanctl.conf").read_text(encoding="utf-8")


def asked(one: Box) -> list[str]:
    """What the script that runs charon was asked to do, which it is in the background."""
    path, seen = one.root / "run/stand-in/charon", ""
    for dummy in range(40):
        time.sleep(0.05)
        now = path.read_text(encoding="utf-8") if path.exists() else ""
        if now and now == seen:
            break
        seen = now
    return seen.split()


def test_only_the_node_that_synchronizes_sends_ipsec_to_its_peer(one: Box) -> None:
    sent = one.root / "run/stand-in/sent-192.0.2.11.xml"
    one.answer(f"{INCLUDE} $config['hasync'] = array('synchronizeipsec' => ''); write_config(); echo 1;")
    assert not sent.exists()
    one.answer(f"{INCLUDE} $config['hasync']['synchronizetoip'] = '192.0.2.11'; write_config(); echo 1;")
    assert "<remote-gateway>peer.example.net</remote-gateway>" in sent.read_text(encoding="utf-8")


def test_what_the_primary_sends_replaces_what_was_edited_on_the_secondary(one: Box) -> None:
    one.answer(
        f"{INCLUDE} $config['hasync'] = array('synchronizeipsec' => '', 'synchronizetoip' => '192.0.2.11');"
        f"{edited('start')} write_config(); echo 1;"
    )
    sent = (one.root / "run/stand-in/sent-192.0.2.11.xml").read_text(encoding="utf-8")
    with box("8.4", "2.7.2", {"cf/conf/config.xml": sample("2.7.2")}) as secondary:
        secondary.answer(f"{INCLUDE} $config['ipsec']['uniqueids'] = 'never'; write_config(); echo 1;")
        assert secondary.run("/usr/local/bin/php", "-f", "/etc/stand-in/receive.php", stdin=sent).returncode == 0
        assert changed(sample("2.7.2"), written(secondary)) == ["<closeaction>start</closeaction>"]
        assert asked(secondary) == ["start"]


@pytest.mark.parametrize(
    ("carp", "state", "action"),
    [
        ("", "MASTER", "trap"),
        ("_vipa1 BACKUP", "BACKUP", "none"),
        ("_vipa1 INIT", "INIT", "none"),
        ("off", "DISABLED", "trap"),
    ],
)
def test_where_carp_is_not_master_nothing_starts(one: Box, carp: str, state: str, action: str) -> None:
    (one.root / "run/stand-in/carp").write_text(carp, encoding="utf-8")
    told: Any = one.answer(
        f"{INCLUDE} $config['virtualip']['vip'][] = array('mode' => 'carp', 'interface' => 'wan', 'uniqid' => 'a1',"
        "'subnet' => '192.0.2.12', 'subnet_bits' => '24'); $config['ipsec']['phase1'][0]['interface'] = '_vipa1';"
        "ipsec_configure(); $conf = file_get_contents('/var/etc/ipsec/swanctl.conf');"
        "echo json_encode(array(get_carp_interface_status('_vipa1'), $conf));"
    )
    assert told[0] == state
    assert f"start_action = {action}" in told[1].rsplit("con1 {")[-1]
    assert "local_addrs = 192.0.2.12" in told[1]


def test_with_iketype_auto_pfsense_calls_a_child_what_charon_does_not(one: Box) -> None:
    told = one.answer(f"{INCLUDE} echo json_encode(array_keys(ipsec_status()['disconnected']['p2']));")
    assert told == ["con1_7"]
    one.answer(f"{INCLUDE} ipsec_configure(); echo 1;")
    assert "con1_7" not in (one.root / "var/etc/ipsec/swanctl.conf").read_text(encoding="utf-8")


def test_a_phase_2_that_is_disabled_still_counts_as_down(one: Box) -> None:
    told = one.answer(
        f"{INCLUDE} $config['ipsec']['phase2'][0]['disabled'] = '';"
        "echo json_encode(array_keys(ipsec_status()['disconnected']['p2']));"
    )
    assert told == ["con1_7"]


def test_a_file_that_cannot_be_written_is_told_by_a_number(one: Box) -> None:
    for options in ("--bind", "-o remount,ro,bind"):
        assert one.run("mount", *options.split(), "/cf/conf", "/cf/conf").returncode == 0
    assert one.answer(f"{INCLUDE} echo json_encode(write_config());") == -1


def test_an_encrypted_file_is_left_alone_and_cannot_be_read(one: Box) -> None:
    text = "---- BEGIN config.xml ----\nU2FsdGVkX18=\n---- END config.xml ----\n"
    (one.root / "cf/conf/config.xml").write_text(text, encoding="utf-8")
    assert one.php(INCLUDE).returncode == 255
    assert written(one) == text


def test_a_box_that_boots_says_so(one: Box) -> None:
    assert one.answer(f"{INCLUDE} echo json_encode(is_platform_booting());") is False
    (one.root / "run/booting").touch()
    assert one.answer(f"{INCLUDE} echo json_encode(is_platform_booting());") is True
