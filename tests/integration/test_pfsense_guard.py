"""The guard on pfSense, in the stand-in: a change that nobody confirms goes, and what others changed stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils import guarding
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import Reply, Rollback, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms import pfsense, platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.wanted import Wish
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.transport.frames import new_mark, pack, unpack

from tests.lab.php import Box, box
from tests.unit.platforms.pfsense_box import OPTIONS
from tests.unit.platforms.test_pfsense_read import WHOLE, phase1, phase2

from .test_standin import changed, written

CONFIG = WHOLE.format(wan="192.0.2.10", skew="0", hasync="", globals="", phase1=phase1(), phase2=phase2())
CONFIG = CONFIG.replace("<prv>", "<refid>r</refid><prv>")
GUARD = Path("etc/tunnelwright")


@pytest.fixture(params=[("7.4", "2.6.0"), ("8.2", "2.7.2"), ("8.4", "2.9.0")], ids=str)
def one(request: pytest.FixtureRequest) -> Iterator[Box]:
    php, version = request.param
    with box(php, version, {"cf/conf/config.xml": CONFIG}) as one:
        yield one


def run(one: Box, script: Script) -> Reply:
    mark = new_mark()
    done = one.run("/bin/sh", "-s", stdin=pack(script, mark).decode())
    return unpack(done.stdout.encode(), mark)


def guard(one: Box, state: guarding.State, seconds: int = 60) -> guarding.Outcome:
    wish = guarding.Wish(state, "me", seconds=seconds)
    return guarding.bring(wish, "fw", lambda script: run(one, script), dry=False)[1]


def change(one: Box, value: str) -> None:
    """As the module connection does; there is no charon here, so none has it."""
    read = run(one, platform("auto").gather(OPTIONS))
    gateway = pfsense.read("fw", read, OPTIONS)
    wish = Wish("con1", {"dpd_delay": value}, pending=True)
    prepared = pfsense.prepare(wish, gateway, gateway.connections[0], read, OPTIONS)
    assert run(one, prepared.script(timeout=1, terminate=False)).sections["written"].status == 0
    assert f"<dpd_delay>{value}</dpd_delay>" in written(one)


def rolled_back(one: Box) -> Rollback:
    end = time.monotonic() + 60
    while (one.root / GUARD / "guard").is_symlink():
        assert time.monotonic() < end
        time.sleep(0.5)
    done = pfsense.read("fw", run(one, platform("auto").gather(OPTIONS)), OPTIONS).rollback
    assert done is not None
    return done


def test_what_is_not_confirmed_goes_and_what_somebody_else_changed_stays(one: Box) -> None:
    armed = guard(one, "armed", 8)
    assert armed.guard is not None
    assert (armed.guard.alive, armed.guard.at_boot) == (True, "none")
    change(one, "30")
    change(one, "31")
    theirs = written(one).replace("<pfsgroup>14</pfsgroup>", "<pfsgroup>19</pfsgroup>")
    (one.root / "cf/conf/config.xml").write_text(theirs, encoding="utf-8")
    done = rolled_back(one)
    assert (done.why, done.done, done.failed) == (
        "not confirmed in time",
        ("bring back what was changed in config.xml",),
        (),
    )
    assert changed(theirs, written(one)) == ["<dpd_delay>10</dpd_delay>"]
    assert "rolled back, as the change was not confirmed" in written(one)


def test_what_is_confirmed_stays_and_nothing_is_left(one: Box) -> None:
    guard(one, "armed")
    change(one, "30")
    assert guard(one, "confirmed").changed
    assert "<dpd_delay>30</dpd_delay>" in written(one)
    assert not (one.root / GUARD).exists()


def test_without_php_the_file_as_a_whole_comes_back(one: Box) -> None:
    before = written(one)
    guard(one, "armed", 8)
    change(one, "30")
    (one.root / "usr/local/bin/php").rename(one.root / "usr/local/bin/php.away")
    end = time.monotonic() + 60
    while (one.root / GUARD / "guard").is_symlink():
        assert time.monotonic() < end
        time.sleep(0.5)
    assert written(one) == before
    assert "failed to run pfSense's own code" in (one.root / GUARD / "rolled-back").read_text(encoding="utf-8")
