"""How much the daemon logs: read from strongswan.conf without its secrets, judged, and raised by a file of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.errors import (
    IpsecError,
    NotRestoredError,
    RefusedError,
    RestoredError,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import (
    Daemon,
    Gateway,
    Logger,
    Problem,
    Reply,
    Script,
    Section,
    System,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan import levels, raising
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan.gather import text
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan.levels import GROUPS, Logging
from hypothesis import given
from hypothesis import strategies as st

from ..shells import Shell, shell

__all__ = ["shell"]

CONF = "/etc/strongswan.conf"
OURS = f"/etc/strongswan.d/{raising.NAME}"
INCLUDE = "\ninclude strongswan.d/*.conf\n"
GATEWAY = Gateway("gw", "strongswan", daemon=Daemon(installed=True, running=True), system=System(time=1000.5))


def logging(conf: str, daemon: str = "charon-systemd", **more: str) -> Logging:
    files = {CONF: conf.encode()} | {f"/etc/strongswan.d/{name}.conf": data.encode() for name, data in more.items()}
    return Logging(daemon, CONF, files)


def named(found: Logging) -> dict[str, dict[str, int]]:
    return {logger.name: dict(logger.levels) for logger in levels.loggers(found)}


# ---- reading


@pytest.mark.parametrize(
    ("daemon", "conf", "expected"),
    [
        ("charon-systemd", "", {"journal": {"default": 1}}),
        ("charon", "", {"syslog.daemon": {"default": 1}}),
        ("charon-systemd", "charon {\n journal {\n ike = 2\n }\n}\n", {"journal": {"default": 1, "ike": 2}}),
        (
            "charon-systemd",
            "charon {\n journal {\n ike = 2\n cfg = 0\n }\n}\ncharon-systemd {\n journal {\n ike = -1\n }\n}\n",
            {"journal": {"default": 1, "ike": -1, "cfg": 0}},
        ),
        (
            "charon",
            "charon {\n filelog {\n /log/charon_log {\n default = 0\n net = x\n }\n }\n syslog {\n auth {\n }\n }\n}\n",
            {"filelog./log/charon_log": {"default": 0}, "syslog.auth": {"default": 1}},
        ),
        ("charon", "charon-systemd {\n journal {\n ike = 2\n }\n}\n", {"syslog.daemon": {"default": 1}}),
    ],
)
def test_loggers_have_the_levels_that_the_daemon_takes(
    daemon: str, conf: str, expected: dict[str, dict[str, int]]
) -> None:
    assert named(logging(conf, daemon)) == expected


@pytest.mark.parametrize(
    ("found", "groups"),
    [
        ((), []),
        ((Logger("journal", {"default": 1}),), []),
        ((Logger("journal", {"default": 1, "ike": 0}),), ["ike"]),
        ((Logger("journal", {"default": -1}), Logger("filelog.x", {"default": 1, "cfg": 0})), ["cfg"]),
        ((Logger("journal", {"default": 1, "enc": 0, "mgr": -1}),), []),
        ((Logger("journal", {"default": 0}), Logger("filelog.x", {"default": 0})), ["ike", "job", "cfg", "net"]),
    ],
)
def test_what_no_logger_writes_is_told_for_groups_that_reasons_are_in(
    found: tuple[Logger, ...], groups: list[str]
) -> None:
    problems = levels.hidden(found)
    assert sorted(problem.what.split(" of ")[1].split(" the ")[0] for problem in problems) == sorted(groups)
    assert all(problem.kind == "log-hides" for problem in problems)


SECRETIVE = """# SECRET in a comment
charon-systemd {
  user = SECRET
  plugins {
    eap-radius {
      secret = SECRET
      journal { ike = 3 }
    }
    include SECRET/*.conf
  }
  filelog {
    main {
      path = /SECRET
      default = 1
      ike = SECRET
      cfg = 2 # SECRET
    }
  }
}
pki { load = SECRET
}
include more/*.conf
"""


def read_by(shell: Shell, root: Path) -> Reply:
    """What levels.sh says of a strongswan.conf there."""
    shown = text("levels.sh").replace("/etc/strongswan.conf ", f"{root} ").replace("/proc/", "/nothing/")
    preamble = 'tw_digest_length=0\nreturn_() { return "$1"; }\n'
    source = f"{preamble}{text('follow.sh')}\n{shown}\ntw_logging\n"
    return shell.run(Script(source, {"TW_REDACT": text("redact.awk")}))


def test_no_more_of_strongswan_conf_than_its_loggers_leaves_the_gateway(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    root = tmp_path / "strongswan.conf"
    root.write_text(SECRETIVE, encoding="utf-8")
    (tmp_path / "more" / "z.conf").write_text("charon-systemd {\n journal {\n  net = 0\n }\n}\n", encoding="utf-8")
    reply = read_by(shell, root)
    assert not any(b"SECRET" in section.out for section in reply.sections.values())
    found = levels.conf(reply)
    assert found is not None
    assert found.root == str(root)
    assert named(found) == {"filelog.main": {"default": 1, "cfg": 2}, "journal": {"default": 1, "net": 0}}
    assert levels.loggers(found)[0].origin == f"{root}:12"


def test_what_must_not_be_read_is_unknown_and_no_problem() -> None:
    sections = {"logging-files": Section(0, CONF.encode(), ""), "logging-0": Section(0, b"", "")}
    assert levels.read(Reply(sections)) == (Logger("journal", {"default": 1}),)
    unread = sections | {"logging-unread": Section(0, b"denied /etc/strongswan.d/a.conf\n", "")}
    assert levels.read(Reply(unread)) is None
    broken = sections | {"logging-0": Section(0, b"charon {\n", "")}
    assert levels.read(Reply(broken)) is None
    assert levels.read(Reply({})) is None


def test_a_raise_past_its_time_is_told(shell: Shell, tmp_path: Path) -> None:
    root, ours = tmp_path / "strongswan.conf", tmp_path / raising.NAME
    root.write_text("include *-logging.conf\n", encoding="utf-8")
    made = raising.plan(raising.Wish({"ike": 2}), GATEWAY, logging(INCLUDE))
    script = raising.script(made, raising.Wish({"ike": 2}, 100), GATEWAY, "ab")
    ours.write_text(script.variables["TW_TEXT"], encoding="utf-8")
    reply = read_by(shell, root)
    assert levels.left(reply, 1130) == levels.left(reply, None) == ()
    assert [(problem.kind, problem.where) for problem in levels.left(reply, 1200)] == [("log-raised", str(ours))]
    ours.write_text("# written by somebody else\n", encoding="utf-8")
    assert levels.left(read_by(shell, root), 1200) == ()


# ---- what may be asked


@pytest.mark.parametrize(
    ("asked", "duration", "said"),
    [
        ({"ike": 4}, 900, "log level 4 of ike writes keys into the log: 3 shows all but keys"),
        ({"ike": "2", "default": 5}, 900, "log level 5 of default writes keys"),
        ({"ikes": 2}, 900, "strongSwan has no log group 'ikes': it has default, dmn, "),
        ({"ike": "two"}, 900, "'two' is no log level for ike: give a number from -1 to 3"),
        ({"ike": -2}, 900, "-2 is no log level"),
        ({"ike": True}, 900, "True is no log level"),
        ({"ike": 1.5}, 900, "1.5 is no log level"),
        ({"ike": None}, 900, "None is no log level"),
        ({}, 900, "no log level is named: give levels"),
        ({"ike": 2}, 4, "a duration of 4 s is outside 5 to 86400 s"),
        ({"ike": 2}, 86401, "a duration of 86401 s is outside"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(asked: dict[object, object], duration: int, said: str) -> None:
    with pytest.raises(RefusedError) as error:
        raising.wish(asked, state="present", duration=duration)
    assert str(error.value).startswith(said)


def test_to_put_back_takes_no_levels() -> None:
    assert raising.wish({"ike": 9}, state="absent", duration=0).levels == {}
    assert raising.wish({"ike": "2", "default": -1}, state="present", duration=5).levels == {"ike": 2, "default": -1}


# ---- raising

LEVEL = st.integers(-1, 3)
LEVELS = st.dictionaries(st.sampled_from(("default", *GROUPS)), LEVEL, max_size=5)
KINDS = ("journal", "filelog.main", "filelog./log/charon_log", "syslog.daemon", "syslog.auth")


@st.composite
def configurations(draw: st.DrawFn) -> Logging:
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
def test_the_file_written_and_loaded_gives_the_levels_and_lowers_none(found: Logging, asked: dict[str, int]) -> None:
    wish = raising.Wish(asked)
    made = raising.plan(wish, GATEWAY, found)
    if made.body is None:
        assert not made.changed
        raised = found
    else:
        script = raising.script(made, wish, GATEWAY, "ab")
        written = {made.path: script.variables["TW_TEXT"].encode()}
        raised = replace(found, files={**found.files, **written})
    after = levels.loggers(raised)
    assert after == made.after
    off = [set(logger.levels.values()) == {-1} for logger in made.before]
    for old, new, silent in zip(made.before, after, off, strict=True):
        for group in GROUPS:
            wanted = -1 if silent and not all(off) else wish.level(group)
            assert new.level(group) == max(old.level(group), wanted)
    again = raising.plan(wish, GATEWAY, raised)
    assert not again.changed
    assert (again.path, again.body) == (made.path, made.body)
    back = raising.plan(raising.Wish({}), GATEWAY, raised)
    assert (back.changed, back.idle) == (made.changed, made.body is None)
    assert back.after == made.before


def test_other_levels_replace_those_of_an_earlier_raise() -> None:
    first = raising.plan(raising.Wish({"ike": 3}), GATEWAY, logging(INCLUDE))
    found = logging(INCLUDE)
    held = replace(found, files={**found.files, OURS: (first.body or "").encode()})
    second = raising.plan(raising.Wish({"cfg": 2}), GATEWAY, held)
    assert (second.held, second.path, second.changed) == ((OURS,), OURS, True)
    assert [logger.levels for logger in second.after] == [{"default": 1, "cfg": 2}]
    none = raising.plan(raising.Wish({"cfg": 1}), GATEWAY, held)
    assert (none.body, none.idle, none.changed) == (None, False, True)


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ("charon {\n}\n", "includes no folder for a file that raises its levels"),
        ("include strongswan.d/a.conf\ninclude x/*/*.conf\n", "includes no folder"),
        ("charon {\n include strongswan.d/charon/*.conf\n}\n", "included inside a section"),
        ("include strongswan.d/*.conf\ncharon-systemd {\n journal {\n ike = 1\n }\n}\n", "would be overridden"),
    ],
)
def test_a_strongswan_conf_that_cannot_take_the_file_is_told_what_to_add(conf: str, said: str) -> None:
    with pytest.raises(RefusedError) as error:
        raising.plan(raising.Wish({"ike": 2}), GATEWAY, logging(conf))
    assert said in str(error.value)
    assert "the line include strongswan.d/*.conf at its end, outside all sections" in str(error.value)


def test_an_include_that_comes_too_early_yields_to_one_that_does_not() -> None:
    conf = "include early/*\ncharon-systemd {\n journal {\n ike = 1\n }\n}\ninclude /late/*.conf\n"
    assert raising.plan(raising.Wish({"ike": 2}), GATEWAY, logging(conf)).path == f"/late/{raising.NAME}"


def test_a_log_that_begins_anew_is_warned_of() -> None:
    conf = "charon {\n filelog {\n a {\n append = no\n }\n b {\n append = yes\n }\n c {\n }\n }\n}\n" + INCLUDE
    (warning,) = raising.plan(raising.Wish({"ike": 2}), GATEWAY, logging(conf)).warnings
    assert warning.startswith("filelog.a begins anew now and when the levels go back")


def test_where_nothing_could_be_read_or_runs_nothing_is_begun() -> None:
    wish = raising.Wish({"ike": 2})
    with pytest.raises(RefusedError, match="use become"):
        raising.plan(wish, GATEWAY, None)
    made = raising.plan(wish, GATEWAY, logging(INCLUDE))
    with pytest.raises(RefusedError, match="not running"):
        raising.script(made, wish, replace(GATEWAY, daemon=Daemon(installed=True, running=False)), "ab")
    denied = Problem("no-permission", "the daemon's socket is root's", "", "use become")
    with pytest.raises(IpsecError, match="use become"):
        raising.script(made, wish, replace(GATEWAY, problems=(denied,)), "ab")


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
    reply = Reply({section: Section(0, b"it went wrong\ndo this", "")})
    with pytest.raises(error) as raised:
        raising.outcome(GATEWAY, reply)
    assert str(raised.value) == "it went wrong at gw: do this" or not section


def test_what_was_done_is_no_error() -> None:
    raising.outcome(GATEWAY, Reply({"levels-set": Section(0, b"", "")}))


def test_loggers_are_shown_a_level_a_line() -> None:
    found = (Logger("journal", {"default": 1, "ike": 2}), Logger("filelog.x", {"default": 0}))
    assert raising.shown(found) == "journal default = 1\njournal ike = 2\nfilelog.x default = 0\n"
