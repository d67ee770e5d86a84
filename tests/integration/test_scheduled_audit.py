"""The role scheduled_audit on a control node of its own: what it installs, what that does run by run, what it leaves.

The control node is this machine with `/etc`, `/run`, `/var/lib` and processes of its own, so that a test decides what
runs services there. Its jobs are run as its cron would, by a user who is not root, on real gateways.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import pytest

from tests.lab.faults.hands import configure
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, playbook
from .ansible_server import ROOT

pytestmark = pytest.mark.lasts(25)

NAME, HOME, SRV = "ipsec-audit", "/var/lib/ipsec-audit", "/srv/ipsec"
PASSWORD, TOKEN = "vault-password-7f3a", "webhook-token-91bc"
TEXTFILE = f"{SRV}/exporter/ipsec.prom"
TELL = f"""#!/bin/sh
cat >>{SRV}/told/messages
echo "-- $IPSEC_REPORT" >>{SRV}/told/messages
cat /proc/[0-9]*/cmdline >>{SRV}/told/processes 2>/dev/null
test ! -e {SRV}/told/broken
"""


@dataclass(frozen=True)
class Node:
    """A control node: a process that keeps its namespaces, and the inventory by which the role is run there."""

    pid: int
    tmp: Path

    @property
    def enter(self) -> list[str]:
        return ["nsenter", "--mount", "--pid", f"--target={self.pid}", "--"]

    def sh(self, script: str, *, ok: bool = True) -> str:
        done = subprocess.run([*self.enter, "sh", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not ok, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str, mode: str) -> None:
        script = f'cat >"{path}" && chmod {mode} "{path}"'
        subprocess.run([*self.enter, "sh", "-c", script], input=text, text=True, check=True)

    def role(self, *arguments: str, **variables: object) -> Run:
        given = {
            "ipsec_schedule_inventory": [f"{SRV}/inventory.yml"],
            "ipsec_schedule_vars_files": [f"{SRV}/vault.yml"],
            "ipsec_schedule_vault": f"{SRV}/password",
            "ipsec_schedule_environment": {"ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=2s"},
            "ipsec_schedule_keep": 2,
            "ipsec_schedule_textfile": TEXTFILE,
            "ipsec_schedule_command": [f"{SRV}/tell"],
            "ipsec_schedule_webhook": f"{SRV}/webhook.yml",
            "ipsec_schedule_collections": f"{SRV}/collections",
            **{f"ipsec_schedule_{name}": value for name, value in variables.items()},
        }
        play = {"hosts": "localhost", "gather_facts": False, "roles": ["tunnelwright.ipsec.scheduled_audit"]}
        here = self.tmp / "here.yml"
        own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        here.write_text(json.dumps({"all": {"hosts": {"localhost": own}}}), encoding="utf-8")
        extra = ("-e", json.dumps(given))
        return playbook(self.tmp, here, [play], *extra, *arguments, enter=self.enter, SYSTEMD_OFFLINE="1")

    def job(self) -> int:
        """What cron does with the last line of its file; the exit status."""
        text = self.sh(f"cat /etc/cron.d/{NAME}")
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        given = dict(line.split("=", 1) for line in lines[:-1])
        dummy, user, command = lines[-1].split(" ", 2)
        own = ["env", "-i", *(f"{name}={value}" for name, value in given.items())]
        argv = [*self.enter, "runuser", "-u", user, "--", *own, given["SHELL"], "-c", command]
        return subprocess.run(argv, check=False).returncode

    def told(self) -> str:
        """The messages since this was asked last."""
        return self.sh(f"cat {SRV}/told/messages 2>/dev/null; rm -f {SRV}/told/messages", ok=False)

    def reports(self) -> list[str]:
        return self.sh(f"ls {HOME}/reports").split()


@dataclass
class Hook:
    """A webhook, what it answers with, and what was posted to it."""

    port: int = 0
    status: int = 204
    posted: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Hook]:
    hook = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.posted.append((self.headers["X-Token"], body))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *dummy: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hook
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with listening() as hook:
        yield hook


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(1, name="scheduled")) as lab:
        yield lab


@pytest.fixture(scope="module")
def node(lab: Lab, hook: Hook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with subprocess.Popen([*space, "sh", "-c", "echo ready; while sleep 1; do :; done"], stdout=subprocess.PIPE) as own:
        assert own.stdout is not None
        own.stdout.readline()
        first = Path(f"/proc/{own.pid}/task/{own.pid}/children").read_text(encoding="ascii")
        node = Node(int(first), tmp_path_factory.mktemp("node"))
        try:
            furnish(node, lab, hook)
            node.sh("cron")
            yield node
        finally:
            own.kill()


@contextmanager
def without_cron(node: Node) -> Iterator[None]:
    node.sh("kill $(cat /run/crond.pid) && while cat /proc/[0-9]*/comm | grep -qx cron; do sleep 0.1; done")
    try:
        yield
    finally:
        node.sh("cron")


def furnish(node: Node, lab: Lab, hook: Hook) -> None:
    """Folders of its own, and what an operator puts there."""
    node.sh("mount -t tmpfs -o mode=755 tmpfs /srv && mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /etc/cron.d")
    closed = {at for path in (ROOT, Path(sys.base_prefix)) for at in path.parents if not at.stat().st_mode & 1}
    for number, path in enumerate([*sorted(map(str, closed)), "/etc", "/var/lib"]):
        over = f"/srv/.over/{number}"
        mount = f"mount -t overlay overlay -o lowerdir={path},upperdir={over}/up,workdir={over}/work {path}"
        node.sh(f"mkdir -p {over}/up {over}/work && {mount} && chmod a+x {path}")
    node.sh(f"mkdir -p {SRV}/exporter {SRV}/collections/ansible_collections/tunnelwright && mkdir -m 1777 {SRV}/told")
    node.sh(f"ln -s {ROOT} {SRV}/collections/ansible_collections/tunnelwright/ipsec")
    for name in ("id_ed25519", "known_hosts"):
        node.write(f"{SRV}/{name}", (lab.folder / name).read_text(encoding="utf-8"), "0644")
    node.write(f"{SRV}/inventory.yml", inventory(lab).replace(f"{lab.folder}/", f"{SRV}/"), "0644")
    node.write(f"{SRV}/tell", TELL, "0755")
    node.write(f"{SRV}/password", f"{PASSWORD}\n", "0644")
    node.write(f"{SRV}/vault.yml", "ipsec_policy: baseline\nipsec_probe: false\n", "0644")
    address = {"url": f"http://127.0.0.1:{hook.port}/", "headers": {"X-Token": TOKEN}}
    node.write(f"{SRV}/webhook.yml", json.dumps(address), "0644")
    encrypt = f"{Path(sys.executable).parent}/ansible-vault encrypt --vault-password-file {SRV}/password"
    node.sh(f"{encrypt} {SRV}/vault.yml {SRV}/webhook.yml && chmod 0644 {SRV}/vault.yml {SRV}/webhook.yml")


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ({}, "neither systemd nor a cron that reads /etc/cron.d runs"),
        ({"by": "systemd"}, "systemd does not run"),
        ({"by": "cron"}, "no cron runs that reads /etc/cron.d"),
    ],
)
@pytest.mark.parametrize("check", [(), ("--check",)])
def test_nothing_is_installed_where_nothing_would_run_it(
    node: Node, by: dict[str, str], why: str, check: tuple[str, ...]
) -> None:
    with without_cron(node):
        refused = node.role(*check, **by)
    assert refused.status != 0
    assert f"Nothing here would run the audit: {why}; install and start one" in " ".join(refused.output.split())
    assert (refused.changed(), node.sh(f"ls -d /etc/{NAME} {HOME} 2>/dev/null", ok=False)) == ({}, "")


def test_it_is_installed_once_and_refuses_a_vault_that_others_can_open(node: Node) -> None:
    predicted = node.role("--check")
    assert predicted.status == 0, predicted.output
    assert node.sh(f"ls -d /etc/{NAME} {HOME} /etc/cron.d/{NAME} 2>/dev/null", ok=False) == ""
    refused = node.role()
    assert f"{SRV}/password must be there, belong to {NAME}, and be readable for that user alone" in refused.output
    node.sh(f"chown {NAME} {SRV}/password {SRV}/id_ed25519 && chmod 0400 {SRV}/password {SRV}/id_ed25519")
    done = node.role()
    assert done.status == 0, done.output
    assert done.changed() == {"localhost": predicted.changed()["localhost"] - 1}  # the user was made by the one before
    assert node.role().changed() == {}
    assert node.sh(f"stat -c '%U %a' /etc/cron.d/{NAME} /etc/{NAME}/settings.yml {HOME}").split() == [
        *("root", "644", "root", "644", NAME, "755")
    ]


def test_a_link_that_the_user_has_laid_is_not_followed(node: Node) -> None:
    """Root would give them what it leads to."""
    node.sh(f"mkdir -m 700 /etc/victim && mv {HOME}/reports {HOME}/kept && ln -s /etc/victim {HOME}/reports")
    try:
        assert node.role().status != 0
        assert node.sh("stat -c '%U %a' /etc/victim").split() == ["root", "700"]
    finally:
        node.sh(f"rm {HOME}/reports && mv {HOME}/kept {HOME}/reports && rmdir /etc/victim")
    assert node.role().changed() == {}


def test_word_goes_out_on_change_only_and_the_newest_reports_are_kept(node: Node, lab: Lab, hook: Hook) -> None:
    assert node.job() == 0
    first = node.told()
    assert first.startswith("IPsec: 1 tunnel, 0 down; ")
    assert "this is the first report" in first
    ((token, body),) = hook.posted
    told = unescape(body["text"].replace("`", "")).rstrip()  # what a chat might make something of is shown as code
    assert (token, told) == (TOKEN, first.partition("\n--")[0].rstrip())
    assert "ipsec_tunnel_up" in node.sh(f"runuser -u nobody -- cat {TEXTFILE}")
    assert node.job() == 0
    assert (node.told(), len(hook.posted)) == ("", 1)
    tunnel = lab.topology.tunnels["t01"]
    configure(lab, tunnel, tunnel.responder, {"dpd_delay": "0s"})
    node.sh(f"touch {SRV}/told/broken")
    hook.status = 500
    assert node.job() != 0  # nobody took it, so it is told again
    assert "new: HIGH dpd-off on a01/west" in node.told()
    why = node.sh(f"cat {HOME}/last.log")
    assert f"The webhook of {SRV}/webhook.yml was not told: it answered with status 500" in why
    assert str(hook.port) not in why
    node.sh(f"rm {SRV}/told/broken")
    hook.status = 204
    assert node.job() == 0
    assert "new: HIGH dpd-off on a01/west" in node.told()
    assert len(hook.posted) == 3
    assert len(node.reports()) == 3  # with `latest`
    report = json.loads(node.sh(f"cat {HOME}/reports/latest/findings.json"))
    assert [each["id"] for each in report["findings"] if each["id"] == "dpd-off"] == ["dpd-off"]
    assert node.sh(f"ls {HOME}/reports/latest").split() == [f"findings.{e}" for e in ("html", "json", "prom", "txt")]


def test_an_audit_that_does_not_run_is_told_once_and_so_is_its_end(node: Node) -> None:
    node.sh(f"mv {SRV}/vault.yml {SRV}/aside")
    assert node.job() != 0
    assert node.told().startswith("The audit of IPsec tunnels does not run:\n")
    assert node.job() != 0
    assert node.told() == ""
    node.sh(f"mv {SRV}/aside {SRV}/vault.yml")
    assert node.job() == 0
    assert node.told().startswith("The audit of IPsec tunnels runs again.\n")


def test_no_secret_is_in_a_file_or_an_argument(node: Node) -> None:
    assert TOKEN not in node.sh(f"tr '\\0' ' ' <{SRV}/told/processes")
    found = node.sh(f"grep -rlE '{PASSWORD}|{TOKEN}' /etc/{NAME} /etc/cron.d {HOME} {SRV}/told", ok=False)
    assert found == ""


def test_with_systemd_it_is_a_timer_that_systemd_takes(node: Node) -> None:
    node.sh("mkdir -p /run/systemd/system")  # SYSTEMD_OFFLINE has systemctl ask nobody
    predicted = node.role("--check", by="systemd", when="*-*-* 06..20:17:00")
    assert (predicted.status, set(predicted.changed())) == (0, {"localhost"}), predicted.output
    done = node.role(by="systemd", when="*-*-* 06..20:17:00")
    assert done.status == 0, done.output
    assert node.sh(f"ls /etc/cron.d/{NAME} 2>/dev/null", ok=False) == ""
    again = node.role(by="systemd", when="*-*-* 06..20:17:00")
    assert again.changed() == {}, again.output
    units = f"/etc/systemd/system/{NAME}.service /etc/systemd/system/{NAME}.timer"
    assert node.sh(f"systemd-analyze verify --man=no {units} 2>&1") == ""
    assert node.sh(f"grep -E '^(User|OnCalendar)=' {units} | cut -d: -f2-").split("\n")[:2] == [
        *(f"User={NAME}", "OnCalendar=*-*-* 06..20:17:00")
    ]


def test_absent_removes_all_of_it(node: Node) -> None:
    predicted = node.role("--check", state="absent")
    done = node.role(state="absent")
    assert (done.status, done.changed()) == (0, predicted.changed()), done.output
    assert done.changed() != {}
    assert node.sh(f"find /etc /var/lib {SRV}/exporter -name '*ipsec*' -newer {SRV}/inventory.yml") == ""
    assert f"{NAME}:" not in node.sh("cat /etc/passwd")
    assert node.role(state="absent").changed() == {}
    assert os.path.lexists(f"/etc/{NAME}") is False
