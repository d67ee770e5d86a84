"""The keepalive: its files, its refusals, and the check under dash and busybox with a daemon that says what we want."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan import keepalive
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan.keepalive import (
    DesiredKeepalive,
)

WISH = DesiredKeepalive(gateway="fw", connection="hq", child="net")
CHECK = files(keepalive.__package__).joinpath("keepalive_check.sh").read_text(encoding="utf-8")


# ---- what is installed


def test_a_name_is_fit_for_cron_and_systemd_and_no_two_children_share_one() -> None:
    names = [
        DesiredKeepalive("fw", *pair).name
        for pair in (("a-b", "c"), ("a", "b-c"), ("a.b", "c"), ("ä/b", "c$"), ("x" * 120, "y"))
    ]
    assert len(set(names)) == len(names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") for name in names)
    assert max(map(len, names)) < 100


def test_every_file_says_whose_keepalive_it_is() -> None:
    header = '# tunnelwright keepalive: {"child": "net", "connection": "hq", "interval": 60}\n'
    for text in (keepalive.build_service(WISH), keepalive.build_timer(WISH), keepalive.build_cron(WISH)):
        assert text is not None
        assert text.startswith(header)
        assert text.endswith("\n")


@pytest.mark.parametrize(
    ("interval", "schedule"),
    [
        (60, "* * * * *"),
        (300, "*/5 * * * *"),
        (3600, "0 * * * *"),
        (21600, "0 */6 * * *"),
        (86400, "0 0 * * *"),
        (30, None),
        (420, None),
        (90, None),
    ],
)
def test_cron_takes_only_intervals_it_can_keep(interval: int, schedule: str | None) -> None:
    table = keepalive.build_cron(replace(WISH, interval=interval))
    assert (table is None) == (schedule is None)
    assert schedule is None or f"\n{schedule} root " in (table or "")


def test_cron_hands_a_name_over_whole(tmp_path: Path) -> None:
    wish = DesiredKeepalive("fw", "hq", "o'd$d;100%")
    line = (keepalive.build_cron(wish) or "").splitlines()[-1]
    command = line.partition(" root ")[2].replace(r"\%", "%")
    script = tmp_path / "keepalive"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    script.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", command.replace(keepalive.CHECK, str(script))], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [wish.name, "hq", "o'd$d;100%", "20", "15"]


def test_systemd_is_given_a_name_it_unquotes_to_the_same() -> None:
    text = keepalive.build_service(DesiredKeepalive("fw", "hq", 'o"d$d\\100%'))
    assert r'"hq" "o\"d$$d\\100%%" "20"' in text
    assert "Requires" not in text


@pytest.mark.parametrize("child", ["net", "o'd$d;100%"])
def test_systemd_accepts_the_units(tmp_path: Path, child: str) -> None:
    wish = replace(WISH, child=child)
    unit = f"tunnelwright-keepalive-{wish.name}"
    (tmp_path / f"{unit}.service").write_text(keepalive.build_service(wish).replace(keepalive.CHECK, "/bin/true"))
    (tmp_path / f"{unit}.timer").write_text(keepalive.build_timer(wish))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / f"{unit}.service"), str(tmp_path / f"{unit}.timer")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit in line]) == (0, [])


# ---- what the gateway answers


def reply(**sections: ReplySection | str) -> Reply:
    all_of = {"user": "0", "means": "cron", "known": "", "others": "", "needed": ReplySection(1, b""), **sections}
    return Reply({n: s if isinstance(s, ReplySection) else ReplySection(0, s.encode()) for n, s in all_of.items()})


@pytest.mark.parametrize(
    ("wish", "answer", "said"),
    [
        (WISH, {"user": "1000"}, "become: true"),
        (WISH, {"means": ReplySection(1, b"none\n")}, "neither systemd nor a cron daemon"),
        (replace(WISH, means="systemd"), {"means": ReplySection(1, b"none\n")}, "systemd does not run at fw"),
        (replace(WISH, means="cron"), {"means": ReplySection(1, b"none\n")}, "no cron daemon"),
        (replace(WISH, interval=45), {}, "cron cannot keep an interval of 45 s at fw/hq/net: use 60"),
        (WISH, {"known": ReplySection(3, b"branch\n")}, "has no connection 'hq' at fw: it has branch"),
        (WISH, {"known": ReplySection(4, b"lan\nvti\n")}, "no child 'net' of connection 'hq' at fw: it has lan, vti"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    wish: DesiredKeepalive, answer: dict[str, ReplySection | str], said: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        keepalive.parse_result(wish, reply(**answer), dry=False)
    assert said in str(caught.value)


def test_a_daemon_that_is_down_is_a_warning() -> None:
    assert "does not answer" in keepalive.parse_result(WISH, reply(known=ReplySection(5, b"")), dry=False).warnings[0]


def test_an_unknown_child_is_a_warning_in_check_mode() -> None:
    assert (
        "refused unless" in keepalive.parse_result(WISH, reply(known=ReplySection(4, b"lan\n")), dry=True).warnings[0]
    )


def test_a_write_that_failed_is_told_with_its_cause() -> None:
    answer = reply(
        needed=ReplySection(0, b""), present=ReplySection(1, b"", "printf: write error: No space left on device")
    )
    with pytest.raises(IpsecError, match=r"could not be installed at fw/hq/net: .*No space left"):
        keepalive.parse_result(WISH, answer, dry=False)


def test_a_file_that_is_not_as_written_is_an_error() -> None:
    answer = reply(needed=ReplySection(0, b""), present="", **{f"after {keepalive.CHECK}": "755 0\nsomething else"})
    with pytest.raises(IpsecError, match="is not as it was meant"):
        keepalive.parse_result(WISH, answer, dry=False)


def test_the_last_keepalive_takes_the_check_along_and_another_keeps_it() -> None:
    before = {f"before {keepalive.CHECK}": f"755 0\n{CHECK}"}
    gone = replace(WISH, state="absent")
    alone = keepalive.parse_result(gone, reply(needed="", means="none", **before), dry=True)
    beside = keepalive.parse_result(gone, reply(needed="", means="none", others="/etc/cron.d/x", **before), dry=True)
    assert ([file.path for file in alone.files], beside.files) == ([keepalive.CHECK], ())


@pytest.mark.parametrize(
    "odd", [{"connection": ""}, {"child": "a\nb"}, {"interval": 5}, {"interval": 86401}, {"timeout": 0}]
)
def test_what_no_timer_can_hold_is_refused_before_anything_is_sent(odd: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        keepalive.build_script(replace(WISH, **odd), dry=True)


# ---- the check


@dataclass(frozen=True)
class Gateway:
    """A shell, a folder in place of /run/tunnelwright, and a swanctl that says what lies in `sas`."""

    shell: str
    folder: Path

    def start(self, child: str = "net") -> subprocess.Popen[str]:
        text = CHECK.replace("RUN=/run/tunnelwright", f"RUN={self.folder / 'run'}")
        assert text != CHECK
        if not (self.folder / "keepalive").exists():  # a check that is starting may be reading it
            (self.folder / "keepalive").write_text(text.replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin", ""))
        command = [*self.shell.split(), str(self.folder / "keepalive"), "n", "hq", child, "5"]
        path = (
            f"{self.folder}:{self.folder / 'applets'}"
            if "busybox" in self.shell
            else f"{self.folder}:{os.environ['PATH']}"
        )
        return subprocess.Popen(command, env={"PATH": path}, stderr=subprocess.PIPE, text=True)

    def check(self, sas: str, child: str = "net") -> tuple[int | None, list[str]]:
        """Exit status of a check, and what it had swanctl do beside listing."""
        (self.folder / "sas").write_text(sas)
        (self.folder / "calls").unlink(missing_ok=True)
        run = self.start(child)
        run.communicate(timeout=20)
        return run.returncode, self.calls()

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(params=["dash", "busybox sh"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Gateway:
    shell = shutil.which(request.param.split()[0])
    assert shell
    swanctl = tmp_path / "swanctl"
    swanctl.write_text(
        f'#!/bin/sh\nif [ "$1" = --list-sas ]; then cat {tmp_path}/sas; exit; fi\n'
        f'echo "$*" >>{tmp_path}/calls; [ ! -e {tmp_path}/slow ] || sleep 0.5\n'
        f"cat {tmp_path}/said 2>/dev/null; [ ! -e {tmp_path}/said ]\n"
    )
    swanctl.chmod(0o755)
    if "busybox" in request.param:
        (tmp_path / "applets").mkdir()
        applets = subprocess.run([shell, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in {*applets} - {"swanctl", "logger", "flock"}:  # without flock: the other lock
            (tmp_path / "applets" / applet).symlink_to(shell)
    else:
        (tmp_path / "logger").write_text("#!/bin/sh\n")
        (tmp_path / "logger").chmod(0o755)
    return Gateway(f"{shell} sh" if "busybox" in request.param else shell, tmp_path)


def sas(
    ike: str = "ESTABLISHED", child: str | None = "INSTALLED", name: str = "net", *, more: str = "", tasks: str = ""
) -> str:
    body = (
        f"    child-sas {{\n      {name}-1 {{\n        name = {name}\n        state = {child}\n      }}\n{more}    }}\n"
    )
    return (
        f"list-sa event {{\n  hq {{\n    uniqueid = 7\n    state = {ike}\n    remote-id = x\n{tasks}"
        f"{body if child else ''}  }}\n}}\nlist-sas reply {{\n}}\n"
    )


SIBLING = "      net-2 {\n        name = net\n        state = INSTALLED\n      }\n"
OTHER = "      lan-2 {\n        name = lan\n        state = INSTALLED\n      }\n"
CREATING = "    tasks-active = [\n      CHILD_CREATE\n    ]\n"
HOSTILE = sas(child=None).replace("remote-id = x", "remote-id = child-sas { net-1 { name = net state = INSTALLED")
LEFT_ALONE: Mapping[str, str] = {
    "installed": sas(),
    "being rekeyed": sas(child="REKEYING"),
    "rekeyed, its successor installed": sas(child="REKEYED", more=SIBLING),
    "in an IKE_SA that is being rekeyed": sas(ike="REKEYING"),
    "updating its addresses": sas(child="UPDATING"),
    "being installed": sas(child="INSTALLING"),
    "being deleted": sas(child="DELETING"),
    "being created": sas(child=None, tasks=CREATING),
    "on the passive half of a pair": sas(ike="PASSIVE", child=None),
    "connecting": sas(ike="CONNECTING", child=None),
}
INITIATED: Mapping[str, str] = {
    "no IKE_SA": "list-sas reply {\n}\n",
    "an IKE_SA without children": sas(child=None),
    "another child installed": sas(child="INSTALLED", name="lan"),
    "its IKE_SA is being deleted": sas(ike="DELETING"),
    "its name begins like ours": sas(name="net6"),
    "a peer whose identity looks like a child": HOSTILE,
    "the other child's state must not count": sas(child="ROUTED", name="lan2", more=OTHER),
}


@pytest.mark.parametrize("listed", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_a_child_that_is_up_or_on_its_way_is_left_alone(gateway: Gateway, listed: str) -> None:
    assert gateway.check(listed) == (0, [])


@pytest.mark.parametrize("listed", INITIATED.values(), ids=INITIATED)
def test_a_child_that_is_not_installed_is_initiated_by_connection_and_child(gateway: Gateway, listed: str) -> None:
    assert gateway.check(listed) == (0, ["--initiate --ike hq --child net --timeout 5"])


def test_a_name_that_charon_prints_in_hexadecimal_is_recognised(gateway: Gateway) -> None:
    assert gateway.check(sas(name=f"0x{'büro'.encode().hex()}"), "büro") == (0, [])


def test_an_initiate_that_fails_is_told_and_fails_the_check(gateway: Gateway) -> None:
    (gateway.folder / "said").write_text("plugin 'x': failed to load\ninitiate failed: no answer\n")
    assert gateway.check(sas(child=None))[0] == 1
    if "busybox" in gateway.shell:
        log = (gateway.folder / "run" / "keepalive.log").read_text()
        assert "initiate failed: no answer" in log
        assert "plugin" not in log


def test_a_duplicate_that_the_daemon_refuses_is_no_failure(gateway: Gateway) -> None:
    (gateway.folder / "said").write_text("[IKE] not establishing CHILD_SA net{3} due to existing duplicate {1}\n")
    assert gateway.check(sas(child=None))[0] == 0


def test_a_daemon_that_does_not_answer_is_not_taken_for_a_tunnel_that_is_down(gateway: Gateway) -> None:
    assert gateway.check("") == (1, [])


@pytest.mark.parametrize("flag", ["down", "down-n"])
def test_a_flag_holds_it(gateway: Gateway, flag: str) -> None:
    (gateway.folder / "run").mkdir()
    (gateway.folder / "run" / flag).touch()
    assert gateway.check(sas(child=None)) == (0, [])


def test_of_two_at_once_one_works(gateway: Gateway) -> None:
    (gateway.folder / "sas").write_text(sas(child=None))
    (gateway.folder / "slow").touch()
    runs = [gateway.start() for attempt in range(4)]
    said = [run.communicate(timeout=20) for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, said
    assert len(gateway.calls()) == 1


def test_a_lock_whose_holder_is_gone_does_not_last(gateway: Gateway) -> None:
    (gateway.folder / "run").mkdir()
    gone = subprocess.Popen(["true"])
    gone.wait()
    (gateway.folder / "run" / "n.pid").symlink_to(str(gone.pid))
    assert len(gateway.check(sas(child=None))[1]) == 1
    assert len(gateway.check(sas(child=None))[1]) == 1


def test_an_ike_sa_that_connects_for_longer_than_charon_retransmits_gets_one_more_try(gateway: Gateway) -> None:
    connecting = sas(ike="CONNECTING", child=None)
    assert gateway.check(connecting) == (0, [])
    seen = gateway.folder / "run" / "n.connecting"
    assert seen.read_text().split()[0] == "7"
    seen.write_text(f"7 {int(time.time()) - 200} no\n")
    assert len(gateway.check(connecting)[1]) == 1
    assert gateway.check(connecting) == (0, [])
    gateway.check(sas())
    assert not seen.exists()
