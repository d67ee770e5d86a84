"""The guard: who may do what to it, and its scripts under dash and busybox, killed at every step."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import (
    IpsecError,
    NotRestoredError,
    RefusedError,
    RestoredError,
    TransportError,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Connection,
    Daemon,
    Gateway,
    Guard,
    Problem,
    Reply,
    ReplySection,
    Rollback,
    Script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import guard as rollback
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import guard_state
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.guard import parse_result
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import read_script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.guard import DesiredGuard
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan import build_guard_script

from ..shells import Shell, shell

__all__ = ["shell"]

GATEWAY = Gateway("gw", "strongswan", daemon=Daemon(installed=True, running=True))
OURS = Guard("ab", "CHG-1", "me", age=5.0, left=60.0)


def under(guard: Guard | None, last: Rollback | None = None) -> Gateway:
    return replace(GATEWAY, guard=guard, rollback=last)


# ---- who may do what


@pytest.mark.parametrize(
    ("wish", "guard", "do"),
    [
        (DesiredGuard("armed", "me"), None, "arm"),
        (DesiredGuard("proven", "me"), None, None),
        (DesiredGuard("confirmed", "me"), None, None),
        (DesiredGuard("rolled_back", "me"), None, None),
        (DesiredGuard("armed", "me"), OURS, "extend"),
        (DesiredGuard("armed", "other", name="CHG-1"), OURS, "extend"),
        (DesiredGuard("armed", "me"), replace(OURS, state="proven"), "extend"),
        (DesiredGuard("proven", "me"), OURS, "prove"),
        (DesiredGuard("proven", "me"), replace(OURS, state="proven"), None),
        (DesiredGuard("confirmed", "me"), OURS, "confirm"),
        (DesiredGuard("confirmed", "me"), replace(OURS, state="proven"), "confirm"),
        (DesiredGuard("confirmed", "other", name="CHG-1"), OURS, "confirm"),
        (DesiredGuard("confirmed", "me"), replace(OURS, alive=False), "confirm"),
        (DesiredGuard("rolled_back", "me"), OURS, "roll-back"),
        (DesiredGuard("rolled_back", "me"), replace(OURS, alive=False), "roll-back"),
        (DesiredGuard("rolled_back", "me"), replace(OURS, state="rolling_back"), "roll-back"),
    ],
)
def test_what_is_needed_follows_from_what_there_is(wish: DesiredGuard, guard: Guard | None, do: str | None) -> None:
    assert rollback.plan_guard(wish, under(guard)) == do
    foretold = rollback.predict_result(wish, rollback.plan_guard(wish, under(guard)), under(guard))
    assert foretold.changed == (do in ("arm", "confirm", "roll-back"))
    assert (foretold.guard is None) == (guard is None if do is None else do in ("confirm", "roll-back"))


LOST = Connection("hub", configured=False, loaded=True)
BROKEN = Problem("config-broken", "a section has no closing brace", "/etc/x:1", "add }")
ROLLED_BACK = Rollback("CHG-1", "me", "not confirmed in time")


@pytest.mark.parametrize(
    ("wish", "gateway", "said"),
    [
        (
            DesiredGuard("armed", "you"),
            under(OURS),
            "a guard of CHG-1 was armed 5 s ago, for 60 s more at gw: wait until",
        ),
        (DesiredGuard("armed", "me", name="CHG-2"), under(OURS), "a guard of CHG-1 was armed"),
        (
            DesiredGuard("confirmed", "you"),
            under(replace(OURS, age=None, left=None)),
            "a guard of CHG-1 was armed before a",
        ),
        (
            DesiredGuard("proven", "me"),
            under(replace(OURS, alive=False)),
            "the rollback watchdog is no longer running at gw",
        ),
        (
            DesiredGuard("proven", "me"),
            under(None, ROLLED_BACK),
            "the gateway has rolled back for CHG-1: not confirmed",
        ),
        (
            DesiredGuard("armed", "me"),
            under(replace(OURS, alive=False)),
            "the rollback watchdog is no longer running at gw",
        ),
        (
            DesiredGuard("armed", "me"),
            under(replace(OURS, state="rolling_back")),
            "the gateway rolls back at this moment",
        ),
        (DesiredGuard("confirmed", "me"), under(replace(OURS, state="rolling_back")), "the gateway rolls back at this"),
        (
            DesiredGuard("confirmed", "me"),
            under(None, ROLLED_BACK),
            "the gateway has rolled back for CHG-1: not confirmed",
        ),
        (
            DesiredGuard("confirmed", "x", name="CHG-1"),
            under(None, ROLLED_BACK),
            "the gateway has rolled back for CHG-1",
        ),
        (
            DesiredGuard("armed", "me"),
            replace(GATEWAY, problems=(BROKEN,)),
            "a section has no closing brace at /etc/x:1",
        ),
        (
            DesiredGuard("armed", "me"),
            replace(GATEWAY, connections=(LOST,)),
            "the daemon holds hub, which /etc/swanctl/",
        ),
        (DesiredGuard("armed", "me", seconds=4), GATEWAY, "a time of 4 s is outside 5 to 86400 s"),
        (DesiredGuard("armed", "me", name="a\nb"), GATEWAY, "'a\\nb' cannot be the name of a guard"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(wish: DesiredGuard, gateway: Gateway, said: str) -> None:
    with pytest.raises((RefusedError, RestoredError)) as error:
        rollback.plan_guard(wish, gateway)
    assert str(error.value).startswith(said)


def test_a_rollback_of_others_does_not_concern_a_run() -> None:
    assert rollback.plan_guard(DesiredGuard("confirmed", "you"), under(None, ROLLED_BACK)) is None
    rollback.refuse_unguarded(under(None, ROLLED_BACK), "you")
    rollback.refuse_unguarded(under(OURS), "me")
    rollback.refuse_unguarded(under(None, replace(ROLLED_BACK, why=rollback.ASKED)), "me")
    assert rollback.ASKED in read_script("guard_watchdog.sh")


@pytest.mark.parametrize(
    ("gateway", "run", "error"),
    [
        (under(OURS), "you", RefusedError),
        (under(replace(OURS, alive=False)), "me", RefusedError),
        (under(replace(OURS, state="rolling_back")), "me", RestoredError),
        (under(None, ROLLED_BACK), "me", RestoredError),
    ],
)
def test_a_run_writes_nothing_that_would_be_undone_or_half(gateway: Gateway, run: str, error: type[IpsecError]) -> None:
    with pytest.raises(error):
        rollback.refuse_unguarded(gateway, run)


@pytest.mark.parametrize(
    ("section", "error"), [("refused", RefusedError), ("not-ended", NotRestoredError), ("other", IpsecError)]
)
def test_what_the_gateway_did_not_do_fails(section: str, error: type[IpsecError]) -> None:
    with pytest.raises(error):
        parse_result("arm", GATEWAY, Reply({section: ReplySection(0, b"it went wrong\ndo this", "")}))


def test_a_rollback_that_could_not_do_all_fails_with_what_it_could_not() -> None:
    told = b"name CHG-1\nrun me\nwhy it was asked for\nended 1000\ndid put back /x\nfailed to establish a/b\n"
    reply = Reply({"rolled-back": ReplySection(0, told, ""), "ended": ReplySection(0, b"", "")})
    with pytest.raises(NotRestoredError, match="for CHG-1: it was asked for at gw: to establish a/b"):
        parse_result("roll-back", GATEWAY, reply)
    found = guard_state.parse_rollback(reply)
    assert found == Rollback("CHG-1", "me", "it was asked for", 1000.0, ("put back /x",), ("to establish a/b",))


# ---- in the shells that gateways have

SWANCTL = """#!/bin/sh
echo "$*" >>{box}/asked
case $1 in
--help) if grep -q broken "$STRONGSWAN_CONF"; then echo "$STRONGSWAN_CONF:1: syntax error" >&2; exit 64; fi ;;
--stats) [ ! -e {box}/down ] ;;
--list-sas) cat {box}/sas ;;
--list-conns) cat {box}/conns ;;
--load-all) ! mv {box}/dies {box}/down 2>/dev/null || {{ : >{box}/sas; exit 111; }} ;;
--initiate) cp {box}/established {box}/sas ;;
esac
"""
SAS = """list-sa event {
  hub {
    uniqueid = 1
    initiator = yes
    initiator-spi = SPI
    responder-spi = 02
    child-sas {
      net-1 {
        name = net
        state = INSTALLED
      }
    }
  }
}
"""
COUNTED = ("mv", "rm", "ln", "cp", "mkdir", "cat", "grep", "sync", "swanctl", "cmp", "head")
# Ends its parent, as kill -9 or a power cut would, before the n-th command of it.
KILLER = """#!/bin/sh
[ -z "$KILL_AT" ] || {{
    n=$({wc} -c <{box}/count)
    printf x >>{box}/count
    [ "$n" -ne "$KILL_AT" ] || kill -9 $PPID
}}
exec {real} "$@"
"""


@dataclass(frozen=True)
class Box:
    """A folder that is a gateway to the scripts."""

    folder: Path
    shell: Shell

    def run(
        self, wish: DesiredGuard, do: rollback.Do, guard: Guard | None = None, *, kill_at: int | None = None
    ) -> Reply:
        made = build_guard_script(replace(wish, config=f"{self.folder}/etc/swanctl.conf"), do, under(guard), "ab")
        variables = {
            **made.variables,
            "TW_WATCH": self._moved(made.variables["TW_WATCH"]),
            "KILL_AT": "" if kill_at is None else str(kill_at),
        }
        (self.folder / "count").write_text("", encoding="utf-8")
        return self.shell.run(Script("export KILL_AT\n" + self._moved(made.source), variables))

    def _moved(self, source: str) -> str:
        shell = " ".join(self.shell.command[:-1])
        for old, new in (
            ("/etc/tunnelwright", "/etc/tw"),
            ("/etc/cron.d", "/cron.d"),
            ("/etc/systemd", "/systemd"),
            ("/run/systemd", "/run"),
            ("/etc/init.d", "/init.d"),
            ("/proc/sys/kernel/random/boot_id", "/boot_id"),
            ("/proc/uptime", "/uptime"),
        ):
            source = source.replace(old, f"{self.folder}{new}")
        source = source.replace("tw_detach /bin/sh", f"KILL_AT= tw_detach {shell}")
        source = source.replace("about) + 30))", "about) - 4))")
        return source.replace('"$tw_alone" -lt 60', '"$tw_alone" -lt "${PATIENCE:-40}"').replace(
            "-mmin +10", "-mmin -10"
        )

    def arm(self, seconds: int = 3000) -> Guard:
        """A guard that is in force."""
        found = parse_result("arm", GATEWAY, self.run(DesiredGuard("armed", "me", seconds=seconds), "arm")).guard
        assert found is not None
        return found

    def watch(self, *, kill_at: int | None = None) -> None:
        """What cron or systemd would start."""
        (self.folder / "count").write_text("", encoding="utf-8")
        kill = "" if kill_at is None else str(kill_at)
        environment = {**self.shell.environment, "KILL_AT": kill, "PATIENCE": "2"}
        command = [*self.shell.command[:-1], str(self.folder / "etc" / "tw" / "guard-ab" / "watch")]
        subprocess.run(command, env=environment, check=False, timeout=60, capture_output=True)

    def kill_watcher(self) -> None:
        while found := self.watchers():
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def watchers(self) -> list[int]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.startswith(str(self.folder).encode()) and word.endswith(b"/watch") for word in words):
                found.append(int(process.name))
        return found

    def harm(self) -> None:
        """A change that is to be undone."""
        etc = self.folder / "etc"
        (etc / "swanctl.conf").write_text("include conf.d/*.conf\n# and more\n", encoding="utf-8")
        (etc / "conf.d" / "a.conf").unlink()
        (etc / "conf.d" / "secrets.conf").chmod(0o644)
        (etc / "conf.d" / "link.conf").unlink()
        (etc / "conf.d" / "new.conf").write_text("connections { new { } }\n", encoding="utf-8")
        (etc / "conf.d" / ".a.conf.tunnelwright-new").write_text("half of", encoding="utf-8")
        (self.folder / "sas").write_text(SAS.replace("SPI", "77").replace("= net", "= other"), encoding="utf-8")

    def whole(self) -> dict[str, tuple[str, int, int]]:
        """All files but those of the guard: bytes or target, mode, names."""
        found = {}
        for path in sorted((self.folder / "etc").rglob("*")):
            name = str(path.relative_to(self.folder))
            if not name.startswith("etc/tw") and not path.is_dir():
                status = path.lstat()
                bytes_ = str(path.readlink()) if path.is_symlink() else path.read_text(encoding="utf-8")
                found[name] = (bytes_, status.st_mode, status.st_nlink)
        return found

    def left(self) -> set[str]:
        return {path.name for path in (self.folder / "etc").glob("tw/*")}

    def until(self, done: Callable[[], bool]) -> None:
        """Wait, while time goes on twenty times as fast."""
        end = time.monotonic() + 120  # seconds, on a busy machine
        while not done():
            assert time.monotonic() < end, self.left()
            time.sleep(0.05)
            self.turn(1)

    def turn(self, seconds: int) -> None:
        """Let time go on, which nothing else does."""
        uptime, new = self.folder / "uptime", self.folder / "uptime.new"
        new.write_text(f"{float(uptime.read_text(encoding='utf-8').split()[0]) + seconds:.2f} 0.00\n", encoding="utf-8")
        new.replace(uptime)

    @property
    def count(self) -> int:
        """How many commands the last run that could be killed has called."""
        return (self.folder / "count").stat().st_size

    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def box(shell: Shell, tmp_path: Path) -> Iterator[Box]:
    """Two files and a link, one child that is established, and tools that can be told when to kill who called them."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "swanctl").write_text(SWANCTL.format(box=tmp_path), encoding="utf-8")
    (tmp_path / "swanctl").chmod(0o755)
    real = {name: shutil.which(name, path=shell.path) or str(tmp_path / name) for name in (*COUNTED, "sleep", "wc")}
    for name in COUNTED:
        killer = KILLER.format(box=tmp_path, real=real[name], wc=real["wc"])
        if name == "sync":  # of a whole machine that is busy takes long
            killer = killer.replace(f'exec {real[name]} "$@"', "exit 0")
        (programs / name).write_text(killer, encoding="utf-8")
    (programs / "sleep").write_text(f"#!/bin/sh\nexec {real['sleep']} 0.05\n", encoding="utf-8")
    for program in programs.iterdir():
        program.chmod(0o755)
    conf = tmp_path / "etc" / "conf.d"
    conf.mkdir(parents=True)
    (tmp_path / "etc" / "swanctl.conf").write_text("include conf.d/*.conf\n", encoding="utf-8")
    (conf / "a.conf").write_text("connections { hub { } }\n", encoding="utf-8")
    (conf / "secrets.conf").write_text("secrets { }\n", encoding="utf-8")
    (conf / "secrets.conf").chmod(0o600)
    (tmp_path / "etc" / "linked to").write_text("connections { b { } }", encoding="utf-8")
    (conf / "link.conf").symlink_to("../linked to")
    (conf / "old.conf.bak").write_text("not reached", encoding="utf-8")
    (tmp_path / "boot_id").write_text("first", encoding="utf-8")
    (tmp_path / "uptime").write_text("1.00 0.00\n", encoding="utf-8")
    (tmp_path / "count").write_text("", encoding="utf-8")
    (tmp_path / "conns").write_text("hub: IKEv2, no reauthentication\n  local:  %any\n", encoding="utf-8")
    for name in ("sas", "established"):
        (tmp_path / name).write_text(SAS.replace("SPI", "01"), encoding="utf-8")
    made = Box(tmp_path, replace(shell, path=f"{programs}:{shell.path}"))
    yield made
    made.kill_watcher()


def test_what_is_not_confirmed_is_undone_and_what_was_established_is(box: Box) -> None:
    before = box.whole()
    guard = box.arm(seconds=4)
    assert (guard.name, guard.run, guard.state, guard.alive, guard.files) == ("me", "me", "armed", True, 4)
    assert {path.stat().st_mode & 0o77 for path in (box.folder / "etc" / "tw").glob("*")} == {0}
    box.harm()
    box.until(lambda: box.left() == {"rolled-back"})
    assert box.whole() == before
    asked = box.asked()
    load = asked.index("--load-all --noprompt")
    assert [line for line in asked[load:] if line.split()[0] in ("--terminate", "--initiate")] == [
        "--terminate --ike-id 1 --force --timeout 2",
        "--initiate --ike hub --child net --timeout 10",
    ]
    done = guard_state.parse_rollback(
        Reply({"rolled-back": ReplySection(0, (box.folder / "etc/tw/rolled-back").read_bytes(), "")})
    )
    assert done is not None
    assert (done.name, done.why, done.failed) == ("me", "not confirmed in time", ())
    assert f"remove {box.folder}/etc/conf.d/new.conf" in done.done
    assert len(done.done) == 7


@pytest.mark.parametrize("held", [True, False])
def test_where_no_file_was_changed_nothing_is_loaded_that_the_daemon_holds(box: Box, *, held: bool) -> None:
    """Somebody may have edited what they do not want in force yet."""
    guard = box.arm()
    (box.folder / "sas").write_text("", encoding="utf-8")
    if not held:
        (box.folder / "conns").write_text("other: IKEv2, no reauthentication\n", encoding="utf-8")
    done = parse_result("roll-back", under(guard), box.run(DesiredGuard("rolled_back", "me"), "roll-back", guard))
    assert done.rollback is not None
    assert done.rollback.failed == ()
    assert ("--load-all --noprompt" in box.asked()) is not held
    assert "--initiate --ike hub --child net --timeout 10" in box.asked()


def test_what_is_confirmed_stays_and_nothing_else_does(box: Box) -> None:
    guard = box.arm()
    box.harm()
    changed = box.whole()
    done = parse_result("confirm", under(guard), box.run(DesiredGuard("confirmed", "me"), "confirm", guard))
    assert (done.changed, done.guard, done.rollback) == (True, None, None)
    assert box.whole() == changed
    box.until(lambda: not (box.folder / "etc" / "tw").exists())
    assert "--load-all --noprompt" not in box.asked()


@pytest.mark.parametrize(("was", "up"), [(True, True), (True, False), (False, False)])
def test_what_is_proven_and_never_confirmed_stays_where_its_tunnels_do(box: Box, was: bool, up: bool) -> None:
    before, guard = box.whole(), box.arm(seconds=5)
    box.harm()
    changed = box.whole()
    if not was:
        (box.folder / "sas").write_text("", encoding="utf-8")
    done = parse_result("prove", under(guard), box.run(DesiredGuard("proven", "me"), "prove", guard))
    assert (done.changed, done.guard and done.guard.state, done.guard and done.guard.alive) == (False, "proven", True)
    if not up:
        (box.folder / "sas").write_text("", encoding="utf-8")
    box.until(lambda: box.left() == (set() if up else {"rolled-back"}))
    assert box.whole() == (changed if up else before)


def test_what_is_changed_after_the_proof_is_not_proven(box: Box) -> None:
    guard = box.arm()
    parse_result("prove", under(guard), box.run(DesiredGuard("proven", "me"), "prove", guard))
    more = parse_result("extend", under(guard), box.run(DesiredGuard("armed", "me", seconds=4000), "extend", guard))
    assert more.guard is not None
    assert more.guard.state == "armed"
    box.kill_watcher()
    with pytest.raises(RefusedError, match="no longer running"):
        parse_result("prove", under(guard), box.run(DesiredGuard("proven", "me"), "prove", guard))


def test_a_rollback_that_is_asked_for_is_done_also_where_the_watcher_was_killed(box: Box) -> None:
    before, guard = box.whole(), box.arm()
    box.harm()
    box.kill_watcher()
    done = parse_result("roll-back", under(guard), box.run(DesiredGuard("rolled_back", "me"), "roll-back", guard))
    assert (done.changed, done.guard) == (True, None)
    assert done.rollback is not None
    assert done.rollback.why == rollback.ASKED
    assert box.whole() == before


def test_more_time_is_given_and_never_taken(box: Box) -> None:
    guard = box.arm(seconds=1000)
    more = parse_result("extend", under(guard), box.run(DesiredGuard("armed", "you", seconds=2000), "extend", guard))
    less = parse_result("extend", under(guard), box.run(DesiredGuard("armed", "you", seconds=10), "extend", guard))
    assert not more.changed
    for outcome in (more, less):
        assert outcome.guard is not None
        assert outcome.guard.left is not None
        assert 1900 < outcome.guard.left <= 2000
        assert (outcome.guard.run, outcome.guard.name) == ("you", "me")


def test_a_killed_watcher_is_noticed(box: Box) -> None:
    guard = box.arm()
    box.kill_watcher()
    with pytest.raises(RefusedError, match="no longer running"):
        parse_result("extend", under(guard), box.run(DesiredGuard("armed", "me"), "extend", guard))
    reply = box.shell.run(Script(box._moved(read_script("standing.sh")) + "\nsection guard tw_standing"))
    found = guard_state.parse_guard(reply)
    assert found is not None
    assert not found.alive
    assert [problem.kind for problem in guard_state.find_guard_problem(found)] == ["guard-dead"]


def test_the_second_of_two_that_arm_at_once_is_refused_and_leaves_the_first(box: Box) -> None:
    guard = box.arm()
    made = build_guard_script(
        DesiredGuard("armed", "you", config=f"{box.folder}/etc/swanctl.conf"), "arm", GATEWAY, "cd"
    )
    variables = {**made.variables, "TW_WATCH": box._moved(made.variables["TW_WATCH"])}
    with pytest.raises(RefusedError, match="another guard was armed meanwhile"):
        parse_result("arm", GATEWAY, box.shell.run(Script(box._moved(made.source), variables)))
    assert box.left() == {"guard", f"guard-{guard.id}"}
    assert (box.folder / "etc/tw/guard").readlink().name == f"guard-{guard.id}"


def test_where_systemd_runs_it_is_a_service_that_systemd_accepts(box: Box) -> None:
    (box.folder / "run/system").mkdir(parents=True)
    (box.folder / "systemd/system").mkdir(parents=True)
    start = "KILL_AT= setsid $(sed -n 's/^ExecStart=//p' {}/systemd/system/$4) </dev/null >/dev/null 2>&1 3>&- &"
    systemctl = box.folder / "bin/systemctl"
    systemctl.write_text(f"#!/bin/sh\n[ $1 != enable ] || {start.format(box.folder)}\n", encoding="utf-8")
    systemctl.chmod(0o755)
    guard = box.arm()
    assert guard.at_boot == "systemd"
    (unit,) = (box.folder / "systemd/system").iterdir()
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])
    parse_result("confirm", under(guard), box.run(DesiredGuard("confirmed", "me"), "confirm", guard))
    assert not unit.exists()


def test_a_clock_that_began_anew_is_a_restart(box: Box) -> None:
    before = box.whole()
    box.arm()
    box.harm()
    box.kill_watcher()
    about = box.folder / "etc/tw/guard/about"
    about.write_text(re.sub("(?m)^armed ", "armed 9", about.read_text(encoding="utf-8")), encoding="utf-8")
    box.watch()
    assert (box.whole(), box.left()) == (before, {"rolled-back"})


def test_a_restart_of_the_gateway_rolls_back_at_once(box: Box) -> None:
    before = box.whole()
    box.arm()
    box.harm()
    box.kill_watcher()
    (box.folder / "boot_id").write_text("second", encoding="utf-8")
    box.watch()
    assert (box.whole(), box.left()) == (before, {"rolled-back"})
    assert "why the gateway was restarted\n" in (box.folder / "etc/tw/rolled-back").read_text(encoding="utf-8")


def test_files_that_the_parser_rejects_are_neither_a_snapshot_nor_loaded(box: Box) -> None:
    conf = box.folder / "etc" / "swanctl.conf"
    good = conf.read_text(encoding="utf-8")
    conf.write_text("broken", encoding="utf-8")
    with pytest.raises(RefusedError, match=r"parser does not accept .*swanctl\.conf: .*syntax error"):
        parse_result("arm", GATEWAY, box.run(DesiredGuard("armed", "me"), "arm"))
    assert box.left() == set()
    conf.write_text(good, encoding="utf-8")
    guard = box.arm()
    kept = next((box.folder / "etc/tw/guard/kept").glob("1"))
    kept.write_text("broken", encoding="utf-8")  # a disk that lies
    with pytest.raises(NotRestoredError, match="parser does not accept the files, so they are not loaded"):
        parse_result("roll-back", under(guard), box.run(DesiredGuard("rolled_back", "me"), "roll-back", guard))
    assert "--load-all --noprompt" not in box.asked()


@pytest.mark.parametrize("trouble", ["down", "dies"])
def test_a_daemon_that_does_not_answer_or_dies_gets_its_files_and_is_started(box: Box, trouble: str) -> None:
    before, guard = box.whole(), box.arm()
    box.harm()
    (box.folder / trouble).touch()
    (box.folder / "init.d").mkdir()
    start = box.folder / "init.d" / "strongswan"
    start.write_text(f"#!/bin/sh\nrm {box.folder}/down\n", encoding="utf-8")
    start.chmod(0o755)
    done = parse_result("roll-back", under(guard), box.run(DesiredGuard("rolled_back", "me"), "roll-back", guard))
    assert done.changed
    assert box.whole() == before
    assert done.rollback is not None
    assert done.rollback.failed == ()
    assert "find established what was" in done.rollback.done
    assert "--initiate --ike hub --child net --timeout 10" in box.asked()


def test_a_rollback_that_is_killed_at_any_step_is_finished_by_the_next(box: Box) -> None:
    before, etc, kept = box.whole(), box.folder / "etc", box.folder / "kept"
    box.arm()
    box.kill_watcher()
    (etc / "tw/guard/armed").rename(etc / "tw/guard/due")
    shutil.copytree(etc, kept, symlinks=True)
    kill_at, reached = -5, 0
    while reached > kill_at:
        kill_at += 5
        shutil.rmtree(etc)
        shutil.copytree(kept, etc, symlinks=True)
        (box.folder / "sas").write_text(SAS.replace("SPI", "01"), encoding="utf-8")
        (box.folder / "asked").write_text("", encoding="utf-8")
        box.harm()
        box.watch(kill_at=kill_at)
        reached = box.count
        while (etc / "tw/guard-ab").exists():  # as cron and systemd do
            box.watch()
        assert (kill_at, box.whole(), box.left()) == (kill_at, before, {"rolled-back"})
        assert {"--terminate --ike-id 1 --force --timeout 2", "--load-all --noprompt"} <= set(box.asked())
        assert (box.folder / "sas").read_text(encoding="utf-8") == SAS.replace("SPI", "01")
    assert kill_at > 24


def test_an_arming_that_is_killed_at_any_step_leaves_a_whole_guard_or_none(box: Box) -> None:
    box.run(DesiredGuard("armed", "me"), "arm", kill_at=100000)
    steps = box.count
    assert steps > 30
    for kill_at in range(3, steps, steps // 12):
        box.kill_watcher()
        shutil.rmtree(box.folder / "etc/tw", ignore_errors=True)
        with suppress(TransportError):
            box.run(DesiredGuard("armed", "me"), "arm", kill_at=kill_at)
        link = box.folder / "etc/tw/guard"
        if not link.exists():
            continue
        assert (link / "about").exists()
        assert (link / "armed").exists()
        assert box.watchers()


@pytest.mark.parametrize("from_the_end", [2, 8])
def test_what_an_arming_that_was_killed_has_left_goes_by_itself(box: Box, from_the_end: int) -> None:
    box.run(DesiredGuard("armed", "me"), "arm", kill_at=100000)
    steps = box.count
    box.kill_watcher()
    shutil.rmtree(box.folder / "etc/tw")
    with suppress(TransportError):
        box.run(DesiredGuard("armed", "me"), "arm", kill_at=steps - from_the_end)
    if (box.folder / "etc/tw/guard").exists():
        (box.folder / "etc/tw/guard/armed").rename(box.folder / "etc/tw/guard/confirmed")
    box.until(lambda: box.left() == set())


def test_a_guard_is_armed_while_another_that_ends_takes_the_folder_of_all_away(box: Box) -> None:
    base, mkdir = box.folder / "etc/tw", box.folder / "bin/mkdir"
    usual = mkdir.read_text(encoding="utf-8") if mkdir.exists() else f'#!/bin/sh\nexec {shutil.which("mkdir")} "$@"\n'
    first, rest = usual.split("\n", 1)
    once = f"case $1 in */guard-*) [ -e {box.folder}/gone ] || {{ rmdir {base}; : >{box.folder}/gone; }} ;; esac"
    mkdir.unlink(missing_ok=True)
    mkdir.write_text(f"{first}\n{once}\n{rest}", encoding="utf-8")
    mkdir.chmod(0o755)
    assert box.arm().alive
    assert (box.folder / "gone").exists(), "the folder was never taken away"


def test_a_confirmation_that_is_killed_at_any_step_counts_or_does_not(box: Box) -> None:
    for kill_at in range(0, 9, 2):
        guard = box.arm()
        box.harm()
        changed = box.whole()
        try:
            box.run(DesiredGuard("confirmed", "me"), "confirm", guard, kill_at=kill_at)
        except TransportError:
            if (box.folder / "etc/tw/guard/armed").exists():
                parse_result("confirm", under(guard), box.run(DesiredGuard("confirmed", "me"), "confirm", guard))
        box.until(lambda: box.left() == set())
        assert box.whole() == changed
        (box.folder / "etc/conf.d/a.conf").write_text("connections { hub { } }\n", encoding="utf-8")
        (box.folder / "etc/conf.d/link.conf").symlink_to("../linked to")
        (box.folder / "etc/conf.d/.a.conf.tunnelwright-new").unlink()
        (box.folder / "etc/conf.d/new.conf").unlink()
