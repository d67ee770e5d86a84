"""gateway_info on real gateways, over ssh, as root and as a user who becomes root by password."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, build_from_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import compute_digest

from tests.lab.inventory import inventory
from tests.lab.lab import Lab, psks, running
from tests.lab.topology import pairs

from .ansible_run import Run, environment, module
from .steps import failed, steps, task

KEY = "a key of the integration tests"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(1, name="info")) as lab:
        assert lab.pings("t01") == (True, True)
        yield lab


def ask(tmp: Path, lab: Lab, *more: str, user: str = "root", on: str = "all", **arguments: Any) -> Run:
    hosts = tmp / "inventory.yml"
    hosts.write_text(inventory(lab, user=user), encoding="utf-8")
    return module(tmp, hosts, on, "gateway_info", {"digest_key": KEY, **arguments}, *more)


@pytest.fixture(scope="module", params=["root", "operator"])
def read(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Both gateways read in several ways by a user, who is shown as much as there is."""
    tmp = tmp_path_factory.mktemp("read")
    hosts = tmp / "inventory.yml"
    hosts.write_text(inventory(lab, user=request.param), encoding="utf-8")
    tasks = {
        "it": task("gateway_info", {"digest_key": KEY}),
        "short key": task("gateway_info", {"digest_key": "abc"}),
        "no key": task("gateway_info", {}),
        "check": task("gateway_info", {"digest_key": KEY}, check=True),
        "parts": task("gateway_info", {"sas": False, "log": True, "log_lines": 7, "certificates": True}),
    }
    return steps(tmp, hosts, "all", tasks, "-vvvvv", "--diff")


def gateway(run: Run, host: str = "a01", task: str = "it") -> Gateway:
    assert run.status == 0, run.output
    result = run.result(task, host)
    assert result["changed"] is False
    return build_from_plain(Gateway, result["gateway"], host)


def test_both_ends_are_configured_loaded_and_installed(read: Run) -> None:
    one, other = gateway(read, "a01"), gateway(read, "b01")
    assert one.problems == other.problems == ()
    for end in (one, other):
        (connection,) = end.connections
        assert (connection.configured, connection.loaded, connection.differs) == (True, True, ())
        assert [sa.state for sa in end.sas or ()] == ["ESTABLISHED"]
    mine, theirs = (end.sas[0].children[0] for end in (one, other) if end.sas)
    assert (mine.spi_in, mine.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert (one.log, one.certificates) == (None, ())


def test_the_digest_of_a_key_is_the_controllers_of_the_same_key(read: Run, lab: Lab) -> None:
    ((dummy, dummy2, psk),) = psks(lab, "a01").values()
    digests = {secret.digest for host in ("a01", "b01") for secret in gateway(read, host).secrets}
    assert digests == {compute_digest(KEY, psk.strip())}
    assert dummy != dummy2


def test_a_short_key_is_refused(read: Run) -> None:
    assert failed(read, "short key").endswith("digest_key is too short: give 16 characters or more")


def test_without_a_key_given_digests_do_not_compare(read: Run) -> None:
    assert len({gateway(read, host, "no key").secrets[0].key_id for host in ("a01", "b01")}) == 2


def test_the_most_verbose_run_shows_neither_script_nor_secret(read: Run, lab: Lab) -> None:
    shown = read.output
    assert "@tunnelwright-" in shown  # the reply is shown at this level: that is why secrets stay on the gateway
    for text in ("tw_main", "TW_IPAD", "names_secret", *(values[-1].strip() for values in psks(lab, "a01").values())):
        assert text not in shown, text
    assert (lab.folder / "operator_password").read_text(encoding="utf-8").strip() not in shown


def test_the_process_list_of_the_gateway_never_shows_the_script(tmp_path: Path, lab: Lab) -> None:
    watch = "while [ ! -e /run/enough ]; do cat /proc/[0-9]*/cmdline; sleep 0.01; done"
    lab.sh("a01", f"({watch}) >/run/seen 2>/dev/null & echo")
    gateway(ask(tmp_path, lab, on="a01"))
    seen = lab.sh("a01", "touch /run/enough; tr '\\0' ' ' </run/seen")
    assert "/bin/sh -s" in seen
    assert "TW_IPAD" not in seen
    assert "\\0066" not in seen


def test_parts_can_be_left_out_and_added(read: Run) -> None:
    found = gateway(read, "a01", "parts")
    assert (found.sas, found.policies, found.certificates) == (None, None, ())
    assert found.log
    assert len(found.log) == 7


def test_check_mode_reads_the_same(read: Run) -> None:
    assert gateway(read, "a01", "check").connections == gateway(read).connections


def test_a_user_without_rights_gets_what_can_be_read_and_is_told_to_become(tmp_path: Path, lab: Lab) -> None:
    done = ask(tmp_path, lab, "-e", "ansible_become=false", user="operator", on="a01")
    found = gateway(done)
    assert "no-permission" in {problem.kind for problem in found.problems}
    assert (found.sas, found.daemon.running) == (None, True)


def test_a_gateway_that_cannot_be_reached_is_unreachable_and_no_other_is(tmp_path: Path, lab: Lab) -> None:
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(inventory(lab), encoding="utf-8")
    dead = tmp_path / "dead.yml"
    dead.write_text("all: {hosts: {dead: {ansible_host: 127.0.0.1, ansible_port: 9}}}", encoding="utf-8")
    done = module(tmp_path, hosts, "dead:a01", "gateway_info", {}, "-i", str(dead))
    assert done.stats["dead"]["unreachable"] == 1
    assert done.stats["dead"]["failures"] == 0
    assert done.stats["a01"]["ok"] == 1


def test_a_host_where_the_shell_does_not_work_fails_with_one_sentence(tmp_path: Path, lab: Lab) -> None:
    lab.sh("b01", "usermod -s /bin/false operator")
    alone = '{"ansible_become": false, "ansible_ssh_extra_args": "-o ControlMaster=no -o ControlPath=none"}'
    done = ask(tmp_path, lab, "-e", alone, user="operator", on="b01")
    lab.sh("b01", "usermod -s /bin/sh operator")
    assert done.status != 0
    assert done.result("it")["msg"].count("the gateway's answer ended early") == 1


def test_a_custom_file_is_read_with_its_includes(tmp_path: Path, lab: Lab) -> None:
    lab.write(
        "a01", "/etc/swanctl/other.conf", "include conf.d/../other.d/*.conf\nconnections { plain { version = 2\n } }\n"
    )
    lab.sh("a01", "mkdir -p /etc/swanctl/other.d")
    lab.write("a01", "/etc/swanctl/other.d/more.conf", "connections { more { remote_addrs = 192.0.2.9\n } }\n")
    found = gateway(ask(tmp_path, lab, on="a01", config="/etc/swanctl/other.conf"))
    assert {(c.name, c.configured, c.loaded) for c in found.connections} == {
        ("plain", True, False),
        ("more", True, False),
        ("west", False, True),
    }
    assert next(c for c in found.connections if c.name == "more").origin.endswith("other.d/more.conf:1")


def test_files_that_change_while_they_are_read_are_read_again_or_said_to_change(tmp_path: Path, lab: Lab) -> None:
    lab.write("a01", "/etc/swanctl/conf.d/moving.conf", "# 0\n")
    moves = 'while [ ! -e /run/still ]; do i=$((i + 1)); echo "# $i" >/etc/swanctl/conf.d/moving.conf; sleep 0.01; done'
    lab.sh("a01", f"(i=0; {moves}; rm /etc/swanctl/conf.d/moving.conf /run/still) >/dev/null 2>&1 & echo")
    found = gateway(ask(tmp_path, lab, on="a01"))
    lab.sh("a01", "touch /run/still; while [ -e /run/still ]; do sleep 0.1; done")
    assert {problem.kind for problem in found.problems} <= {"config-changing", "config-unreadable"}
    assert found.problems


def test_a_stopped_daemon_is_a_problem_and_not_a_failure(tmp_path: Path, lab: Lab) -> None:
    lab.sh("b01", "pkill -x charon-systemd; while pgrep -x charon-systemd; do sleep 0.1; done")
    found = gateway(ask(tmp_path, lab, on="b01"), "b01")
    assert [problem.kind for problem in found.problems] == ["daemon-stopped"]
    assert found.daemon.running is False
    assert [connection.loaded for connection in found.connections] == [False]


def test_the_documentation_is_shown_by_ansible_doc(tmp_path: Path) -> None:
    done = subprocess.run(
        ["ansible-doc", "tunnelwright.ipsec.gateway_info"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "digest_key" in done.stdout
