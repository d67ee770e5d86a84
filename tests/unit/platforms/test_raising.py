"""Log levels raised by a file of ours: what may be asked, what is written, what it does."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
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
    Daemon,
    Logger,
    Problem,
    Reply,
    ReplySection,
    Script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import require_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import log_levels, loggers
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import read_script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.strongswan_conf import (
    StrongswanConf,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.log_levels import (
    GROUPS,
    DesiredLogLevels,
    describe_levels,
    parse_wish,
)
from hypothesis import given
from hypothesis import strategies as st

from ..shells import Shell, shell
from .test_conf import GATEWAY, INCLUDE, logging, owned, read_by

__all__ = ["shell"]

OURS = f"/etc/strongswan.d/{log_levels.NAME}"
# Time goes on where a test says so, and ends with it.
SLEEP = """#!/bin/sh
end=$(($(cat {clock}) + $1))
: >{clock}-$$
while now=$(cat {clock} 2>/dev/null) && [ "$now" -lt "$end" ]; do {sleep} 0.05; done
rm -f {clock}-$$
"""
DATE = """#!/bin/sh
cat {clock}
"""
SETTLED = frozenset(("asked", "strongswan.conf"))


def test_a_raise_past_its_time_is_told(shell: Shell, tmp_path: Path) -> None:
    root, ours = tmp_path / "strongswan.conf", tmp_path / log_levels.NAME
    root.write_text("include *-logging.conf\n", encoding="utf-8")
    made = log_levels.plan_levels(DesiredLogLevels({"ike": 2}), logging(INCLUDE))
    script = log_levels.build_script(made, DesiredLogLevels({"ike": 2}, 100), GATEWAY, "ab")
    ours.write_text(script.variables["TW_TEXT"], encoding="utf-8")
    reply = read_by(shell, root)
    assert loggers.find_leftovers(reply, 1130) == loggers.find_leftovers(reply, None) == ()
    assert [(problem.kind, problem.where) for problem in loggers.find_leftovers(reply, 1200)] == [
        ("log-raised", str(ours))
    ]
    ours.write_text("# written by somebody else\n", encoding="utf-8")
    assert loggers.find_leftovers(read_by(shell, root), 1200) == ()


# ---- what may be asked


@pytest.mark.parametrize(
    ("asked", "duration", "said"),
    [
        ({"ike": 4}, 900, "log level 4 of ike writes keys into the log: 3 shows all but keys"),
        ({"ike": "2", "default": 5}, 900, "log level 5 of default writes keys"),
        ({"enc": 3}, 900, "log level 3 of enc writes decrypted messages, and passwords in them, into the log: 2 shows"),
        ({"tls": "3"}, 900, "log level 3 of tls writes decrypted messages"),
        ({"enc": 4}, 900, "log level 4 of enc writes keys"),
        ({"ikes": 2}, 900, "strongSwan has no log group 'ikes': it has default, dmn, "),
        ({"ike": "two"}, 900, "'two' is not a log level for ike: give a number from -1 to 3"),
        ({"ike": -2}, 900, "-2 is not a log level"),
        ({"ike": True}, 900, "True is not a log level"),
        ({"ike": 1.5}, 900, "1.5 is not a log level"),
        ({"ike": None}, 900, "None is not a log level"),
        ({}, 900, "no log level is named: give levels"),
        ({"ike": 2}, 4, "a duration of 4 s is outside 5 to 86400 s"),
        ({"ike": 2}, 86401, "a duration of 86401 s is outside"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(asked: dict[object, object], duration: int, said: str) -> None:
    with pytest.raises(RefusedError) as error:
        parse_wish(asked, state="present", duration=duration)
    assert str(error.value).startswith(said)


def test_to_put_back_takes_no_levels() -> None:
    assert parse_wish({"ike": 9}, state="absent", duration=0).levels == {}
    assert parse_wish({"ike": "2", "default": -1}, state="present", duration=5).levels == {
        "ike": 2,
        "default": -1,
    }


# ---- where the levels are generated

GENERATED = b"charon {\n syslog {\n daemon {\n ike = 2\n chd = 2\n }\n auth {\n default = -1\n }\n }\n}\n"


@pytest.mark.parametrize(
    ("asked", "less"), [({"ike": 2}, ""), ({"default": 1}, ""), ({"ike": 3, "cfg": 2}, "less of cfg, ike than")]
)
def test_levels_that_are_generated_are_compared(asked: dict[str, int], less: str) -> None:
    files = {"conf-files": b"/var/etc/ipsec/strongswan.conf\n", "conf-0": GENERATED}
    reply = Reply({name: ReplySection(0, out) for name, out in files.items()})
    if less:
        with pytest.raises(RefusedError, match=less):
            require_platform("pfsense").plan_log_levels(DesiredLogLevels(asked), GATEWAY, reply, "ab")
    else:
        made = require_platform("pfsense").plan_log_levels(DesiredLogLevels(asked), GATEWAY, reply, "ab")
        assert (made.script, made.changed, made.before) == (None, False, made.after)


# ---- raising

LEVEL = st.integers(-1, 3)
LEVELS = st.dictionaries(st.sampled_from(("default", *GROUPS)), LEVEL, max_size=5)
KINDS = ("journal", "filelog.main", "filelog./log/charon_log", "syslog.daemon", "syslog.auth")


@st.composite
def configurations(draw: st.DrawFn) -> StrongswanConf:
    """Loggers in the daemon's section or charon's, in strongswan.conf or in a file that it includes."""
    parts: list[str] = ["", ""]
    for name in draw(st.lists(st.sampled_from(KINDS), unique=True)):
        for section in draw(st.sets(st.sampled_from(("charon", "charon-systemd")), min_size=1)):
            lines = "\n".join(f"{group} = {level}" for group, level in draw(LEVELS).items())
            kind, dot, rest = name.partition(".")
            inner = f"{rest} {{\n{lines}\n}}" if dot else lines
            parts[draw(st.integers(0, 1))] += f"{section} {{\n{kind} {{\n{inner}\n}}\n}}\n"
    return logging(parts[0] + INCLUDE, draw(st.sampled_from(("charon", "charon-systemd"))), more=parts[1])


@given(configurations(), LEVELS)
def test_the_file_written_and_loaded_gives_the_levels_and_lowers_none(
    found: StrongswanConf, asked: dict[str, int]
) -> None:
    wish = DesiredLogLevels(asked)
    made = log_levels.plan_levels(wish, found)
    if made.body is None:
        assert not made.changed
        raised = found
    else:
        script = log_levels.build_script(made, wish, GATEWAY, "ab")
        written = {made.path: script.variables["TW_TEXT"].encode()}
        raised = replace(found, files={**found.files, **written})
    after = loggers.parse_loggers(raised)
    assert after == made.after
    off = [logger.name for logger in made.before if set(logger.levels.values()) == {-1}]
    loaded = {logger.name: logger for logger in after}  # the file may have the daemon load them in another order
    assert set(loaded) == {logger.name for logger in made.before}
    for old in made.before:
        for group in GROUPS:
            wanted = -1 if old.name in off and len(off) < len(loaded) else wish.level(group)
            assert loaded[old.name].level(group) == max(old.level(group), wanted)
    again = log_levels.plan_levels(wish, raised)
    assert not again.changed
    assert (again.path, again.body) == (made.path, made.body)
    back = log_levels.plan_levels(DesiredLogLevels({}), raised)
    assert (back.changed, back.idle) == (made.changed, made.body is None)
    assert back.after == made.before


@pytest.mark.parametrize(("held", "enc"), [(1, 2), (2, 2), (3, 3), (4, 4)])
def test_the_default_never_raises_what_tells_passwords_to_level_3(held: int, enc: int) -> None:
    told = f"charon-systemd {{\n journal {{\n enc = {held}\n tls = 0\n }}\n}}\n{INCLUDE}"
    made = log_levels.plan_levels(parse_wish({"default": 3}, state="present", duration=900), logging(told))
    (logger,) = made.after
    assert [logger.level(group) for group in ("enc", "tls", "ike", "default")] == [enc, 2, 3, 1]
    assert (f"enc = {enc}\n" in (made.body or "")) == (enc != held)


def test_other_levels_replace_those_of_an_earlier_raise() -> None:
    first = log_levels.plan_levels(DesiredLogLevels({"ike": 3}), logging(INCLUDE))
    found = logging(INCLUDE)
    held = replace(found, files={**found.files, OURS: (first.body or "").encode()})
    second = log_levels.plan_levels(DesiredLogLevels({"cfg": 2}), held)
    assert (second.held, second.path, second.changed) == ((OURS,), OURS, True)
    assert [logger.levels for logger in second.after] == [{"default": 1, "cfg": 2}]
    none = log_levels.plan_levels(DesiredLogLevels({"cfg": 1}), held)
    assert (none.body, none.idle, none.changed) == (None, False, True)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("charon {\n}\n", "includes no folder for a file that raises its levels"),
        ("include strongswan.d/a.conf\ninclude x/*/*.conf\n", "includes no folder"),
        ("charon {\n include strongswan.d/charon/*.conf\n}\n", "included inside a section"),
        ("include strongswan.d/*.conf\ncharon-systemd {\n journal {\n ike = 1\n }\n}\n", "would be overridden"),
    ],
)
def test_a_strongswan_conf_that_cannot_take_the_file_is_told_what_to_add(told: str, said: str) -> None:
    with pytest.raises(RefusedError) as error:
        log_levels.plan_levels(DesiredLogLevels({"ike": 2}), logging(told))
    assert said in str(error.value)
    assert "the line include strongswan.d/*.conf at its end, outside all sections" in str(error.value)


def test_a_folder_that_is_not_there_takes_no_file() -> None:
    wish = DesiredLogLevels({"ike": 2})
    with pytest.raises(RefusedError) as error:
        log_levels.plan_levels(wish, logging("include nowhere/*.conf\n"))
    assert str(error.value) == (
        "there is no folder /etc/nowhere, which strongswan.conf includes at /etc/strongswan.conf: make it"
    )
    found = logging(f"include nowhere/*.conf\n{INCLUDE}include strongswan.d//*.conf\n")
    assert log_levels.plan_levels(wish, found).path == OURS


def test_an_include_that_comes_too_early_yields_to_one_that_does_not() -> None:
    told = "include early/*\ncharon-systemd {\n journal {\n ike = 1\n }\n}\ninclude /late/*.conf\n"
    assert log_levels.plan_levels(DesiredLogLevels({"ike": 2}), logging(told)).path == f"/late/{log_levels.NAME}"


def test_a_log_that_begins_anew_is_warned_of() -> None:
    told = "charon {\n filelog {\n a {\n append = no\n }\n b {\n append = yes\n }\n c {\n }\n }\n}\n" + INCLUDE
    (warning,) = log_levels.plan_levels(DesiredLogLevels({"ike": 2}), logging(told)).warnings
    assert warning.startswith("filelog.a is truncated now and when the levels are restored")


def test_where_nothing_runs_nothing_is_begun() -> None:
    wish = DesiredLogLevels({"ike": 2})
    made = log_levels.plan_levels(wish, logging(INCLUDE))
    with pytest.raises(RefusedError, match="not running"):
        log_levels.build_script(made, wish, replace(GATEWAY, daemon=Daemon(installed=True, running=False)), "ab")
    denied = Problem("no-permission", "the daemon's socket is root's", "", "use become")
    with pytest.raises(IpsecError, match="use become"):
        log_levels.build_script(made, wish, replace(GATEWAY, problems=(denied,)), "ab")


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ("refused", RefusedError),
        ("restored", RestoredError),
        ("not-restored", NotRestoredError),
        ("", NotRestoredError),
    ],
)
def test_what_the_gateway_could_not_do_fails_with_its_reason(section: str, error: type[IpsecError]) -> None:
    reply = Reply({section: ReplySection(0, b"it went wrong\ndo this", "")})
    with pytest.raises(error) as raised:
        log_levels.parse_result(GATEWAY, reply)
    assert str(raised.value) == "it went wrong at gw: do this" or not section


def test_what_was_done_is_no_error() -> None:
    log_levels.parse_result(GATEWAY, Reply({"levels-set": ReplySection(0, b"", "")}))


def test_loggers_are_shown_a_level_a_line() -> None:
    found = (Logger("journal", {"default": 1, "ike": 2}), Logger("filelog.x", {"default": 0}))
    assert describe_levels(found) == "filelog.x default = 0\njournal default = 1\njournal ike = 2\n"


# ---- in the shells that gateways have


@dataclass(frozen=True)
class Clock:
    """The time of a gateway, and the shell in which it is that."""

    path: Path
    shell: Shell

    def turn(self, seconds: int, *, sleepers: int = 1) -> None:
        """Let time go on, when so many sleep."""
        until(lambda: len(list(self.path.parent.glob("clock-*"))) == sleepers)
        new = self.path.with_suffix(".new")
        new.write_text(f"{int(self.path.read_text(encoding='utf-8')) + seconds}\n", encoding="utf-8")
        new.replace(self.path)


@pytest.fixture
def clock(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    programs = tmp_path_factory.mktemp("bin")
    path = programs / "clock"
    path.write_text("1000\n", encoding="utf-8")
    sleep = shutil.which("sleep", path=shell.path)
    for name, program in (("sleep", SLEEP), ("date", DATE)):
        (programs / name).write_text(program.format(clock=path, sleep=sleep), encoding="utf-8")
        (programs / name).chmod(0o755)
    yield Clock(path, replace(shell, path=f"{programs}:{shell.path}"))
    path.unlink()


def lowered(shell: Shell, folder: Path, seconds: int, *, before: str = "") -> subprocess.Popen[bytes]:
    """The program that puts levels back, begun, with this first."""
    program = folder / "run" / "lower"
    program.parent.mkdir()
    stand_in = f"swanctl() {{ echo $1 >>{folder}/asked; }}\n"
    program.write_text(stand_in + before + read_script("lower.sh"), encoding="utf-8")
    command = (*shell.command[:-1], str(program), str(folder / log_levels.NAME), "mark", str(seconds))
    return subprocess.Popen(command, env=shell.environment)


def test_levels_go_back_at_their_time_however_long_a_sleep_takes(shell: Shell, folder: Path) -> None:
    ours = folder / log_levels.NAME
    ours.write_text("# mark\n", encoding="utf-8")
    slow = f"date() {{ [ ! -e {folder}/slept ] && echo 1000 || echo 1900; }}\nsleep() {{ : >{folder}/slept; }}\n"
    assert lowered(shell, folder, 900, before=slow).wait(10) == 0
    assert {path.name for path in folder.iterdir()} == {"asked", "slept", "strongswan.conf"}


def test_levels_go_back_though_the_clock_is_set_back(shell: Shell, folder: Path) -> None:
    (folder / log_levels.NAME).write_text("# mark\n", encoding="utf-8")
    assert lowered(shell, folder, 60, before="date() { echo 1000; }\nsleep() { :; }\n").wait(30) == 0
    assert {path.name for path in folder.iterdir()} == SETTLED


def test_what_puts_levels_back_waits_for_a_file_that_is_about_to_be_there(shell: Shell, folder: Path) -> None:
    new, ours = folder / f".{log_levels.NAME}.tunnelwright-new", folder / log_levels.NAME
    new.write_text("# mark\n", encoding="utf-8")
    moved = f"sleep() {{ if [ -e {new} ] && [ -e {folder}/once ]; then mv {new} {ours}; fi; : >{folder}/once; }}\n"
    assert lowered(shell, folder, 30, before=moved).wait(30) == 0
    assert {path.name for path in folder.iterdir()} == {"asked", "once", "strongswan.conf"}


def test_what_never_came_is_cleared_away(clock: Clock, folder: Path) -> None:
    (folder / f".{log_levels.NAME}.tunnelwright-new").write_text("# mark\n", encoding="utf-8")
    lower = lowered(clock.shell, folder, 1)
    clock.turn(1)
    assert lower.wait(30) == 0
    assert {path.name for path in folder.iterdir()} == {"strongswan.conf"}


def carried_out(shell: Shell, folder: Path, *, seconds: int = 900, reload: str = "true", lower: bool = False) -> Reply:
    """What became of a raise (or its end) in this folder, with a swanctl whose reload is this command."""
    root, folders = folder / "strongswan.conf", (folder, *folder.iterdir())
    files = {str(root): root.read_bytes(), **held(folders)}
    found = StrongswanConf("charon", str(root), files, frozenset(map(str, folders)))
    wish = DesiredLogLevels({} if lower else {"ike": 2})
    made = log_levels.build_script(log_levels.plan_levels(wish, found), wish, GATEWAY, f"mark{seconds}")
    fake = f'swanctl() {{ echo "$*" >>{folder}/asked; case $1 in --reload-settings) {reload} ;; esac; }}\n'
    source = made.source.replace("/run/tunnelwright", f"{folder}/run").replace("/run/systemd", "/nothing")
    source = source.replace(read_script("owned.sh"), owned())
    return shell.run(Script(fake + source, {**made.variables, "TW_SECONDS": str(seconds)}))


def held(folders: Iterable[Path]) -> dict[str, bytes]:
    """Our files in these folders; what puts levels back may be taking files and folders away."""
    found = {}
    for path in (folder / log_levels.NAME for folder in folders):
        with suppress(FileNotFoundError, NotADirectoryError):
            found[str(path)] = path.read_bytes()
    return found


def settled(folder: Path) -> bool:
    """Whether all is as before, at once or after a while."""
    until(lambda: {path.name for path in folder.iterdir()} == SETTLED)
    return True


def runs(folder: Path, mark: str) -> bool:
    """Whether the program is there that puts the levels of that raise back."""
    program = f"{folder}/run/lower-{mark}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if program in path.read_bytes().split(b"\0"):
                return True
    return False


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 120  # seconds, on a busy machine
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where there is a strongswan.conf that only its owner and one group may read."""
    path = tmp_path / "strongswan.conf"
    path.write_text("include *-logging.conf\n", encoding="utf-8")
    path.chmod(0o640)
    return tmp_path


def test_the_file_is_as_readable_as_strongswan_conf_and_goes_by_itself(clock: Clock, folder: Path) -> None:
    ours = folder / log_levels.NAME
    log_levels.parse_result(GATEWAY, carried_out(clock.shell, folder, seconds=2))
    assert ours.stat().st_mode & 0o777 == 0o640
    assert "ike = 2" in ours.read_text(encoding="utf-8")
    assert (folder / "asked").read_text(encoding="utf-8") == "--help\n--reload-settings\n"
    clock.turn(2)
    assert settled(folder)


@pytest.mark.parametrize(("name", "mode"), [("strongswan.conf", 0o664), ("", 0o777), ("", 0o1777)])
def test_where_others_could_choose_what_the_daemon_reads_nothing_is_written(
    shell: Shell, folder: Path, name: str, mode: int
) -> None:
    (folder / name).chmod(mode)
    with pytest.raises(RefusedError) as error:
        log_levels.parse_result(GATEWAY, carried_out(shell, folder))
    theirs = str(folder / name).rstrip("/")
    assert str(error.value) == f"not only root may change {theirs} at gw: chown it to root, and chmod go-w"
    assert {path.name for path in folder.iterdir()} == {"strongswan.conf"}


def test_a_later_raise_outlives_the_end_of_an_earlier(clock: Clock, folder: Path) -> None:
    log_levels.parse_result(GATEWAY, carried_out(clock.shell, folder, seconds=1))
    log_levels.parse_result(GATEWAY, carried_out(clock.shell, folder, seconds=30))
    clock.turn(2, sleepers=2)
    until(lambda: not runs(folder, "mark1"))
    assert {path.name for path in folder.iterdir() if path.is_file()} == SETTLED | {log_levels.NAME}
    log_levels.parse_result(GATEWAY, carried_out(clock.shell, folder, lower=True))
    assert {path.name for path in folder.iterdir()} == SETTLED


@pytest.mark.parametrize("reload", ["true", "[ -e {0}/failed ] || {{ : >{0}/failed; return 1; }}"])
def test_a_file_of_an_earlier_raise_goes_when_the_next_must_be_elsewhere(
    shell: Shell, folder: Path, reload: str
) -> None:
    root = folder / "strongswan.conf"
    ours = [folder / name / log_levels.NAME for name in ("early", "late")]
    for path in ours:
        path.parent.mkdir()
    root.write_text("include early/*.conf\n", encoding="utf-8")
    log_levels.parse_result(GATEWAY, carried_out(shell, folder, seconds=3))
    assert ours[0].exists()
    journal = "charon {\n syslog {\n daemon {\n ike = 1\n }\n }\n}\n"
    root.write_text(f"include early/*.conf\n{journal}include late/*.conf\n", encoding="utf-8")
    if reload == "true":
        log_levels.parse_result(GATEWAY, carried_out(shell, folder, seconds=4))
        assert [path.exists() for path in ours] == [False, True]
        log_levels.parse_result(GATEWAY, carried_out(shell, folder, lower=True))
    else:
        with pytest.raises(RestoredError):
            log_levels.parse_result(GATEWAY, carried_out(shell, folder, seconds=4, reload=reload.format(folder)))
    assert [list(path.parent.iterdir()) for path in ours] == [[], []]


def test_what_was_interrupted_goes_by_itself(clock: Clock, folder: Path) -> None:
    """The script is killed when the file is there and the daemon has not read it, then when it is on its way out."""
    killed = "kill -9 $$"
    for lower in (False, True):
        if lower:
            log_levels.parse_result(GATEWAY, carried_out(clock.shell, folder, seconds=30))
        with pytest.raises(TransportError):
            carried_out(clock.shell, folder, seconds=1, reload=killed, lower=lower)
        clock.turn(5)
        assert settled(folder)


def test_what_the_daemon_does_not_take_is_taken_back(shell: Shell, folder: Path) -> None:
    once = f"[ -e {folder}/failed ] || {{ : >{folder}/failed; echo 'no daemon' >&2; return 1; }}"
    with pytest.raises(RestoredError, match="again: no daemon at gw: the file is removed again"):
        log_levels.parse_result(GATEWAY, carried_out(shell, folder, reload=once))
    with pytest.raises(NotRestoredError, match="again: gone"):
        log_levels.parse_result(GATEWAY, carried_out(shell, folder, reload="echo gone; return 1"))
    assert not (folder / log_levels.NAME).exists()
