"""What strongswan.conf says of logs and of waiting: read without its secrets, and judged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Daemon,
    Gateway,
    Logger,
    Reply,
    ReplySection,
    Retransmission,
    Script,
    System,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import loggers
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import (
    read_lexer,
    read_script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.strongswan_conf import (
    StrongswanConf,
    parse_conf,
    parse_retransmission,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.lexer import Source, tokenize

from ..shells import Shell, shell

__all__ = ["shell"]

CONF = "/etc/strongswan.conf"
FOLDERS = frozenset(("/etc/strongswan.d", "/etc/strongswan.d/charon", "/etc/early", "/late"))
INCLUDE = "\ninclude strongswan.d/*.conf\n"
GATEWAY = Gateway("gw", "strongswan", daemon=Daemon(installed=True, running=True), system=System(time=1000.5))


def logging(text: str, daemon: str = "charon-systemd", **more: str) -> StrongswanConf:
    files = {CONF: text.encode()} | {f"/etc/strongswan.d/{name}.conf": data.encode() for name, data in more.items()}
    return StrongswanConf(daemon, CONF, files, FOLDERS)


def named(found: StrongswanConf) -> dict[str, dict[str, int]]:
    return {logger.name: dict(logger.levels) for logger in loggers.parse_loggers(found)}


# ---- reading


@pytest.mark.parametrize(
    ("daemon", "told", "expected"),
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
    daemon: str, told: str, expected: dict[str, dict[str, int]]
) -> None:
    assert named(logging(told, daemon)) == expected


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
    problems = loggers.find_hidden(found)
    assert sorted(problem.what.split(" of ")[1].split(" the ")[0] for problem in problems) == sorted(groups)
    assert all(problem.kind == "log-hides" for problem in problems)


SECRETIVE = """# SECRET in a comment
charon-systemd {
  # retransmit_tries = 9
  retransmit_tries = 7
  retransmit_timeout = "2.5"
  retransmit_base = SECRET
  user = SECRET
  plugins {
    eap-radius {
      secret = SECRET
      retransmit_tries = 3
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


def owned() -> str:
    """The text of owned.sh, for which the user of the tests is root."""
    return read_script("owned.sh").replace("tw_root=0", f"tw_root={os.getuid()}")


def read_by(shell: Shell, root: Path, *, processes: Path = Path("/nothing")) -> Reply:
    """What conf.sh says of a strongswan.conf there, or where one of the processes was told to look."""
    shown = read_script("conf.sh").replace("/etc/strongswan.conf ", f"{root} ").replace("/proc/", f"{processes}/")
    preamble = 'tw_digest_length=0\nreturn_() { return "$1"; }\n'
    source = f"{preamble}{read_script('follow.sh')}\n{owned()}\n{shown}\ntw_settings\n"
    return shell.run(Script(source, {"TW_LEXER": read_lexer()}))


def test_no_more_of_strongswan_conf_than_its_loggers_leaves_the_gateway(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    root = tmp_path / "strongswan.conf"
    root.write_text(SECRETIVE, encoding="utf-8")
    (tmp_path / "more" / "z.conf").write_text("charon-systemd {\n journal {\n  net = 0\n }\n}\n", encoding="utf-8")
    reply = read_by(shell, root)
    assert not any(b"SECRET" in section.out for section in reply.sections.values())
    found = parse_conf(reply)
    assert found.root == str(root)
    assert named(found) == {"filelog.main": {"default": 1, "cfg": 2}, "journal": {"default": 1, "net": 0}}
    assert parse_retransmission(found) == Retransmission(tries=7, timeout=2.5)
    assert loggers.parse_loggers(found)[0].origin == f"{root}:17"


@pytest.mark.parametrize(
    "written",
    [
        "a/*.conf",
        '"a b/*.conf"',
        '"a\\"b\\\\*/c#d}e"',
        '"a\\nb\\tc\\rd" e = 1',
        "a\\ b\\#c\\}d\\e",
        'a"b c"d',
        'a"b"',
        '"a\\\nb"',
        '""',
        "",
        "é/[ab]*",
        "a# comment",
        "a\r",
        "a\\",
    ],
)
def test_an_include_is_shown_so_that_it_reads_the_same(shell: Shell, tmp_path: Path, written: str) -> None:
    root = tmp_path / "strongswan.conf"
    root.write_bytes(f"include {written}\nfilelog {{\n}}\n".encode())
    shown = parse_conf(read_by(shell, root)).files[str(root)]
    read = [
        [token.text for token in tokenize(Source("", text.decode("latin-1"))) if token.kind == "include"]
        for text in (root.read_bytes(), shown)
    ]
    assert len(read[0]) == 1
    assert read[0] == read[1]


def process(folder: Path, told: Path, uids: str, comm: str = "charon") -> Path:
    """A /proc with a process of these users that was told where strongswan.conf is."""
    for name in ("7", "self"):
        (folder / name / "ns").mkdir(parents=True)
        (folder / name / "ns" / "pid").symlink_to("pid:[1]")
    (folder / "7" / "comm").write_text(f"{comm}\n", encoding="utf-8")
    (folder / "7" / "status").write_text(f"Name:\t{comm}\nUid:\t{uids}\nGid:\t{uids}\n", encoding="utf-8")
    (folder / "7" / "environ").write_bytes(b"A=1\0STRONGSWAN_CONF=%s\0B=2\0" % bytes(told))
    return folder


@pytest.mark.parametrize(
    ("uids", "comm", "mode", "above", "believed"),
    [
        ("0\t0\t0\t0", "charon", 0o640, 0o755, True),
        ("0\t0\t0\t0", "charon-systemd", 0o644, 0o1777, True),
        ("0\t0\t0\t0", "charon-cmd", 0o644, 0o755, False),
        ("1000\t1000\t1000\t1000", "charon", 0o644, 0o755, False),
        ("1000\t0\t0\t0", "charon", 0o644, 0o755, False),  # a program that becomes root, under another name
        ("0\t0\t0\t0", "charon", 0o664, 0o755, False),
        ("0\t0\t0\t0", "charon", 0o646, 0o755, False),
        ("0\t0\t0\t0", "charon", 0o644, 0o775, False),
    ],
)
def test_where_strongswan_conf_is_only_root_may_tell(  # noqa: PLR0913, PLR0917  what there is, and what comes of it
    shell: Shell, tmp_path: Path, uids: str, comm: str, mode: int, above: int, *, believed: bool
) -> None:
    root, told = tmp_path / "strongswan.conf", tmp_path / "other" / "strongswan.conf"
    told.parent.mkdir()
    for path in (root, told):
        path.touch()
    told.chmod(mode)
    told.parent.chmod(above)
    found = parse_conf(read_by(shell, root, processes=process(tmp_path / "proc", told, uids, comm)))
    assert found.root == str(told if believed else root)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_what_is_somebody_elses_is_told(shell: Shell, tmp_path: Path) -> None:
    ours, theirs, sticky = (tmp_path / name for name in ("ours", "theirs", "sticky"))
    for folder in (ours, theirs, sticky):
        folder.mkdir()
    (ours / "a").touch()
    (ours / "short").symlink_to("a")
    (ours / "long").symlink_to(theirs / "link")
    (ours / "round").symlink_to("round")
    for link in (theirs / "link", sticky / "link"):
        link.symlink_to(ours / "a")
    sticky.chmod(0o1777)
    os.chown(theirs, 65534, 65534)
    os.chown(sticky / "link", 65534, 65534, follow_symlinks=False)
    (tmp_path / "folder").symlink_to(theirs)
    for path, foreign in (
        (ours / "a", ""),
        (ours / "short", ""),
        (ours / "long", theirs),
        (ours / "round", ours / "round"),
        (theirs / "link", theirs),
        (tmp_path / "folder" / "link", tmp_path / "folder"),
        (sticky, sticky),
        (sticky / "link", sticky / "link"),
        (ours / "no", ours / "no"),
    ):
        reply = shell.run(Script(f"{read_script('owned.sh')}\nsection it tw_foreign {path}\n", {}))
        assert (path, reply.sections["it"].text) == (path, str(foreign))


def test_what_could_not_be_read_is_refused_with_the_reason() -> None:
    sections = {"conf-files": ReplySection(0, CONF.encode(), ""), "conf-0": ReplySection(0, b"", "")}
    nothing = {"commands": ReplySection(0, b"sh\n", "")}
    assert parse_conf(Reply(sections | nothing)) == StrongswanConf("charon-systemd", CONF, {CONF: b""}, frozenset())
    for told, said in (
        (
            sections | {"conf-unread": ReplySection(0, b"missing a\ndenied /etc/a.conf\n", "")},
            "includes at /etc/a.conf: use bec",
        ),
        (
            {"conf-unread": ReplySection(0, b"denied /etc/strongswan.conf\n", "")},
            "this user may not read strongswan.conf",
        ),
        (
            {"conf-unread": ReplySection(0, b"large /etc/strongswan.conf\n", "")},
            "too large to be read at /etc/strongswan.co",
        ),
        (
            sections | {"conf-0": ReplySection(0, b"\ncharon {\n", "")},
            "no closing brace at /etc/strongswan.conf:2: add }",
        ),
        ({}, "there is no strongswan.conf: install one"),
    ):
        with pytest.raises(IpsecError) as error:
            parse_conf(Reply(told))
        assert said in str(error.value)


def test_folders_that_includes_look_in_are_told_where_they_are_there(shell: Shell, tmp_path: Path) -> None:
    root = tmp_path / "strongswan.conf"
    (tmp_path / "a b").mkdir()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "more").write_text("include ../c/*.none\n", encoding="utf-8")
    root.write_text(f'include "a b/*.conf"\ninclude {tmp_path}/c//more\ninclude d/*\n', encoding="utf-8")
    found = parse_conf(read_by(shell, root))
    assert found.folders == {f"{tmp_path}/a b", f"{tmp_path}/c", f"{tmp_path}/c/../c"}
    assert [found.has(f"{tmp_path}/{folder}") for folder in ("c//../c/", "a b", "d")] == [True, True, False]


@pytest.mark.parametrize(
    ("said", "waits", "total"),
    [
        ("", Retransmission(), 165),
        ("charon {\n retransmit_tries = 2\n retransmit_timeout = 3.0\n retransmit_base = 2\n}\n",
         Retransmission(tries=2, timeout=3.0, base=2.0), 21),
        ("charon {\n retransmit_limit = 10\n}\n", Retransmission(limit=10.0), 4 + 7.2 + 4 * 10),
        ("charon {\n retransmit_tries = 3\n retransmit_tries = 1\n}\n", Retransmission(tries=1), 4 + 7.2),
        ("charon-systemd {\n retransmit_tries = 0\n}\ncharon {\n retransmit_tries = 1\n}\n",
         Retransmission(tries=0), 4),
        ("charon {\n retransmit_tries = 1.5\n retransmit_base = 1.2.3\n}\n", Retransmission(), 165),
        ("charon {\n retransmit_tries = 2.0\n retransmit_timeout = 2\n}\n", Retransmission(timeout=2.0), 82.5),
        ("charon {\n retransmit_limit = 10.5\n retransmit_base = 1\n}\n", Retransmission(base=1.0), 24),
        ("charon-nm {\n retransmit_tries = 1\n}\n", Retransmission(), 165),
    ],
)  # fmt: skip
def test_how_long_the_daemon_waits_is_what_strongswan_conf_says(said: str, waits: Retransmission, total: float) -> None:
    found = parse_retransmission(logging(INCLUDE, more=said))
    assert found == waits
    assert found.total == pytest.approx(total, abs=0.2)


def test_a_daemon_whose_strongswan_conf_cannot_be_read_waits_as_usual() -> None:
    assert parse_retransmission(None) == Retransmission()
