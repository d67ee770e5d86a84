"""What strongswan.conf says of logs and of waiting: read without its secrets, and judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import (
    Daemon,
    Gateway,
    Logger,
    Reply,
    Retransmission,
    Script,
    Section,
    System,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan import levels
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan.conf import (
    Conf,
    conf,
    retransmission,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan.gather import text

from ..shells import Shell, shell

__all__ = ["shell"]

CONF = "/etc/strongswan.conf"
INCLUDE = "\ninclude strongswan.d/*.conf\n"
GATEWAY = Gateway("gw", "strongswan", daemon=Daemon(installed=True, running=True), system=System(time=1000.5))


def logging(text: str, daemon: str = "charon-systemd", **more: str) -> Conf:
    files = {CONF: text.encode()} | {f"/etc/strongswan.d/{name}.conf": data.encode() for name, data in more.items()}
    return Conf(daemon, CONF, files)


def named(found: Conf) -> dict[str, dict[str, int]]:
    return {logger.name: dict(logger.levels) for logger in levels.loggers(found)}


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
    problems = levels.hidden(found)
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


def read_by(shell: Shell, root: Path) -> Reply:
    """What conf.sh says of a strongswan.conf there."""
    shown = text("conf.sh").replace("/etc/strongswan.conf ", f"{root} ").replace("/proc/", "/nothing/")
    preamble = 'tw_digest_length=0\nreturn_() { return "$1"; }\n'
    source = f"{preamble}{text('follow.sh')}\n{shown}\ntw_settings\n"
    return shell.run(Script(source, {"TW_REDACT": text("redact.awk")}))


def test_no_more_of_strongswan_conf_than_its_loggers_leaves_the_gateway(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    root = tmp_path / "strongswan.conf"
    root.write_text(SECRETIVE, encoding="utf-8")
    (tmp_path / "more" / "z.conf").write_text("charon-systemd {\n journal {\n  net = 0\n }\n}\n", encoding="utf-8")
    reply = read_by(shell, root)
    assert not any(b"SECRET" in section.out for section in reply.sections.values())
    found = conf(reply)
    assert found is not None
    assert found.root == str(root)
    assert named(found) == {"filelog.main": {"default": 1, "cfg": 2}, "journal": {"default": 1, "net": 0}}
    assert retransmission(found) == Retransmission(tries=7, timeout=2.5)
    assert levels.loggers(found)[0].origin == f"{root}:17"


def test_what_must_not_be_read_is_unknown() -> None:
    sections = {"conf-files": Section(0, CONF.encode(), ""), "conf-0": Section(0, b"", "")}
    nothing = {"commands": Section(0, b"sh\n", "")}
    assert conf(Reply(sections | nothing)) == Conf("charon-systemd", CONF, {CONF: b""})
    assert conf(Reply(sections | {"conf-unread": Section(0, b"denied /etc/strongswan.d/a.conf\n", "")})) is None
    assert conf(Reply(sections | {"conf-0": Section(0, b"charon {\n", "")})) is None
    assert conf(Reply({})) is None


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
        ("charon-nm {\n retransmit_tries = 1\n}\n", Retransmission(), 165),
    ],
)  # fmt: skip
def test_how_long_the_daemon_waits_is_what_strongswan_conf_says(said: str, waits: Retransmission, total: float) -> None:
    found = retransmission(logging(INCLUDE, more=said))
    assert found == waits
    assert found.total == pytest.approx(total, abs=0.2)


def test_a_daemon_whose_strongswan_conf_cannot_be_read_waits_as_usual() -> None:
    assert retransmission(None) == Retransmission()
