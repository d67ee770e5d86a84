"""The guard on pfSense, in the stand-in: a change that nobody confirms goes, and what others changed stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.apply.guard import apply_guard
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, Rollback, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import find_platform, pfsense
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.guard import (
    DesiredGuard,
    GuardResult,
    State,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack, unpack

from tests.lab.php import Box, box
from tests.unit.platforms.pfsense_box import OPTIONS
from tests.unit.platforms.test_pfsense_read import WHOLE, phase1, phase2

from .test_standin import changed, written

CONFIG = WHOLE.format(wan="192.0.2.10", skew="0", hasync="", globals="", phase1=phase1(), phase2=phase2())
CONFIG = CONFIG.replace("<prv>", "<refid>r</refid><prv>")
GUARD = Path("etc/tunnelwright/guard")
ONE = pytest.mark.parametrize("one", [("8.2", "2.7.2")], indirect=True, ids=str)
# The guard is sh; what it has PHP do is tried on every release in test_pfsense_program.py.
OTHERS = [pytest.param(each, marks=pytest.mark.night, id=str(each)) for each in (("7.4", "2.6.0"), ("8.4", "2.9.0"))]
pytestmark = [pytest.mark.apart, pytest.mark.lasts(4)]


@pytest.fixture(params=[pytest.param(("8.2", "2.7.2"), id="('8.2', '2.7.2')"), *OTHERS])
def one(request: pytest.FixtureRequest) -> Iterator[Box]:
    php, version = request.param
    with box(php, version, {"cf/conf/config.xml": CONFIG}) as one:
        yield one


def run(one: Box, script: Script) -> Reply:
    mark = make_mark()
    done = one.run("/bin/sh", "-s", stdin=pack(script, mark).decode())
    return unpack(done.stdout.encode(), mark)


def guard(one: Box, state: State, seconds: int = 3000) -> GuardResult:
    wish = DesiredGuard(state, "me", seconds=seconds)
    return apply_guard(wish, "fw", lambda script: run(one, script), dry=False)[1]


def change(one: Box, value: str) -> None:
    """As the module connection does; there is no charon here, so none has it."""
    read = run(one, find_platform("auto").gather(OPTIONS))
    gateway = pfsense.read("fw", read, OPTIONS)
    wish = DesiredConnection("con1", {"dpd_delay": value}, pending=True)
    prepared = pfsense.prepare(wish, gateway, gateway.connections[0], read, OPTIONS)
    assert run(one, prepared.script(timeout=1, terminate=False)).sections["written"].status == 0
    assert f"<dpd_delay>{value}</dpd_delay>" in written(one)


def over(one: Box) -> None:
    """Its time is over."""
    (one.root / GUARD / "deadline").write_text("0\n", encoding="utf-8")


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.2)


def rolled_back(one: Box) -> Rollback:
    wait(lambda: not (one.root / GUARD).is_symlink())
    done = pfsense.read("fw", run(one, find_platform("auto").gather(OPTIONS)), OPTIONS).rollback
    assert done is not None
    return done


def test_what_is_not_confirmed_goes_and_what_somebody_else_changed_stays(one: Box) -> None:
    armed = guard(one, "armed")
    assert armed.guard is not None
    assert (armed.guard.alive, armed.guard.at_boot) == (True, "rc_d")
    change(one, "30")
    change(one, "31")
    theirs = written(one).replace("<pfsgroup>14</pfsgroup>", "<pfsgroup>19</pfsgroup>")
    (one.root / "cf/conf/config.xml").write_text(theirs, encoding="utf-8")
    over(one)
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
    wait(lambda: not (one.root / GUARD.parent).exists())  # the last thing that its watcher does


WATCHERS = "grep -lsz '^/etc/tunnelwright/guard-[^/]*/watch$' /proc/[0-9]*/cmdline | cut -d / -f 3"


STARTING = "grep -lsz -e '^/etc/rc.st' -e '^/usr/local/etc/rc.d/tunnelwright' /proc/[0-9]*/cmdline"


def watchers(one: Box) -> list[str]:
    return one.run("/bin/sh", "-c", WATCHERS).stdout.split()


def starters(one: Box) -> list[Path]:
    return [path for path in (one.root / "usr/local/etc/rc.d").iterdir() if "tunnelwright" in path.name]


def restart(one: Box, boot_id: str) -> None:
    """All of the guard's processes are gone, the kernel has another boot id, and pfSense starts packages."""
    one.run("kill", "-9", *watchers(one))
    (one.root / "run/boot_id").write_text(boot_id, encoding="utf-8")
    one.run("mount", "--bind", "/run/boot_id", "/proc/sys/kernel/random/boot_id")
    one.run("/etc/rc.start_packages")


def test_after_a_restart_of_the_firewall_it_rolls_back_as_soon_as_that_has_booted(one: Box) -> None:
    guard(one, "armed")
    assert [path.stat().st_mode & 0o777 for path in starters(one)] == [0o755]
    change(one, "30")
    restart(one, "another")
    assert rolled_back(one).why == "the gateway was restarted"
    assert "<dpd_delay>10</dpd_delay>" in written(one)
    wait(lambda: (starters(one), watchers(one)) == ([], []))


@ONE
def test_what_was_proven_goes_too_where_no_tunnel_tells_that_it_is_kept(one: Box) -> None:
    """There is no charon here, so none is up."""
    guard(one, "armed")
    change(one, "30")
    proven = guard(one, "proven").guard
    assert proven is not None
    assert (proven.state, proven.alive) == ("proven", True)
    again = guard(one, "armed").guard  # what is changed now is another change
    assert again is not None
    assert again.state == "armed"
    guard(one, "proven")
    restart(one, "another")
    assert rolled_back(one).why == "the gateway was restarted"
    assert "<dpd_delay>10</dpd_delay>" in written(one)


@ONE
def test_packages_that_are_started_anew_start_no_second_watcher(one: Box) -> None:
    """As with every new address of WAN; and not every system has flock."""
    (one.root / "usr/bin/flock").rename(one.root / "usr/bin/flock.away")
    guard(one, "armed")
    first = watchers(one)
    assert len(first) == 1
    one.run("/etc/rc.start_packages")
    wait(lambda: one.run("/bin/sh", "-c", STARTING).stdout == "")
    assert watchers(one) == first
    one.run("kill", "-9", *first)
    one.run("/etc/rc.start_packages")
    wait(lambda: watchers(one) != [])
    assert guard(one, "rolled_back").changed
    wait(lambda: (starters(one), watchers(one)) == ([], []))


def test_without_php_the_file_as_a_whole_comes_back(one: Box) -> None:
    before = written(one)
    guard(one, "armed")
    change(one, "30")
    (one.root / "usr/local/bin/php").rename(one.root / "usr/local/bin/php.away")
    over(one)
    wait(lambda: not (one.root / GUARD).is_symlink())
    assert written(one) == before
    assert "failed to run pfSense's own code" in (one.root / GUARD.parent / "rolled-back").read_text(encoding="utf-8")
