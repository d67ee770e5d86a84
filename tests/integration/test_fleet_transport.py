"""The pool of logins against servers that hang, garble and break off: each is named for it, and delays nobody."""

# ruff: noqa: ARG001 - what is called back has the parameters that callers give
from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import fleet, ssh_client
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.fleet import run_all
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.target import Target

from . import hostile

PASSWORD = "let me in please"  # noqa: S105 - of a server that is made here
SCRIPT = Script("section one echo hello\nsection two sh -c 'echo no >&2; exit 3'", {}, {})
CONNECT, RUN = 30.0, 30.0  # seconds; wide, for machines that do other work

pytestmark = pytest.mark.apart


@pytest.fixture(scope="module")
def key() -> paramiko.PKey:
    return paramiko.RSAKey.generate(2048)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


class Lan:
    """Servers on this machine, and how to reach them."""

    def __init__(self, stack: ExitStack, key: paramiko.PKey, known: Path) -> None:
        self.stack, self.key, self.known = stack, key, known
        self.servers: dict[str, hostile.Server] = {}

    def target(self, name: str, serve: hostile.Serve, **more: object) -> Target:
        self.servers[name] = server = self.stack.enter_context(hostile.serving(serve))
        with self.known.open("a") as file:
            file.write(f"[127.0.0.1]:{server.port} {self.key.get_name()} {self.key.get_base64()}\n")
        arguments = ("-F", "none", "-o", f"UserKnownHostsFile={self.known}", "-o", "IdentitiesOnly=yes")
        arguments += ("-o", "IdentityFile=none")
        base = Target(
            name, "127.0.0.1", port=server.port, user="root", password=PASSWORD, after=arguments, timeout=CONNECT
        )
        return replace(base, **more)  # type: ignore[arg-type]

    def ssh(self, then: object = None, password: str | None = PASSWORD) -> hostile.Serve:
        return hostile.ssh(self.key, password, then or answers)  # type: ignore[arg-type]


@pytest.fixture
def lan(key: paramiko.PKey, known: Path) -> Iterator[Lan]:
    ssh_client._read_known_hosts.cache_clear()
    with ExitStack() as stack:
        yield Lan(stack, key, known)


def answers(channel: paramiko.Channel, given: bytes, over: threading.Event) -> None:
    done = subprocess.run(["/bin/sh", "-s"], input=given, capture_output=True, check=False)
    channel.sendall(done.stdout)
    channel.send_exit_status(done.returncode)


def never_ends(channel: paramiko.Channel, given: bytes, over: threading.Event) -> None:
    over.wait()


def complains(channel: paramiko.Channel, given: bytes, over: threading.Event) -> None:
    channel.sendall_stderr(b"This account is currently not available.\n")
    channel.send_exit_status(1)


def ask(*targets: Target, threads: int = 8) -> dict[str, Reply | IpsecError]:
    return dict(run_all(targets, SCRIPT, threads=threads, timeout=RUN))


def test_a_gateway_answers_to_the_script(lan: Lan) -> None:
    reply = ask(lan.target("fw", lan.ssh()))["fw"]
    assert isinstance(reply, Reply), reply
    assert (reply.sections["one"].text, reply.sections["two"].status) == ("hello\n", 3)
    assert reply.sections["two"].err == "no"


CASES = {
    "says nothing": (hostile.says_nothing, "it takes connections and says nothing at 127.0.0.1 port N: "),
    "hangs up": (hostile.hangs_up, "the connection was closed before the login at 127.0.0.1 port N: "),
    "speaks http": (
        hostile.speaks_http,
        "what answers is not an SSH server: it says 'HTTP/1.1 400 Bad Request' at 127.0.0.1 port N",
    ),
    "pours bytes": (hostile.pours_bytes, "what answers is not an SSH server: it says "),
    "hangs after greeting": (
        hostile.hangs_after_greeting,
        "the SSH key exchange failed at 127.0.0.1 port N: it took too",
    ),
    "garbles after greeting": (hostile.garbles_after_greeting, "the SSH key exchange failed at 127.0.0.1 port N: "),
}
SSH_CASES = {
    "refuses everybody": (None, "the login as root fails at 127.0.0.1 port N: it refused the password"),
    "closes mid-output": (
        hostile.closes_mid_output,
        "the gateway's answer ended early: the connection was closed; the last step",
    ),
    "prints garbage": (hostile.prints_garbage, "the gateway's answer ended early: exit status 0; its last words: "),
    "never ends": (never_ends, "it did not end within 30 s: "),
    "complains": (
        complains,
        "the gateway's answer ended early: exit status 1; This account is currently not available.",
    ),
}


@pytest.mark.lasts(70)
def test_each_is_named_for_what_it_does_and_those_who_answer_wait_for_none(lan: Lan) -> None:
    targets = [lan.target(name, serve) for name, (serve, dummy) in CASES.items()]
    for name, (then, dummy) in SSH_CASES.items():
        targets.append(lan.target(name, lan.ssh(then, PASSWORD if then else None)))
    targets += [lan.target(f"good {n}", lan.ssh()) for n in range(4)]
    begun, when = time.monotonic(), {}
    found = {}
    for name, answer in run_all(targets, SCRIPT, threads=4, timeout=RUN):
        found[name], when[name] = answer, time.monotonic() - begun
    for name, (dummy, said) in {**CASES, **SSH_CASES}.items():
        assert isinstance(found[name], IpsecError), (name, found[name])
        told = re.sub(r"port \d+", "port N", str(found[name]))
        assert told.startswith(said), (name, told)
        assert "\n" not in told
    for n in range(4):
        assert isinstance(found[f"good {n}"], Reply), found[f"good {n}"]
    assert max(when.values()) < CONNECT + RUN + CONNECT
    assert {name: len(server.seen) for name, server in lan.servers.items()} == dict.fromkeys(
        found, 1
    )  # nothing is tried twice


def test_no_place_for_anybody_is_refused() -> None:
    with pytest.raises(IpsecError, match=r"^threads must be 1 or more, not 0$"):
        ask(threads=0)


def test_what_does_not_greet_holds_no_place_of_those_who_are_read(lan: Lan) -> None:
    targets = [lan.target(f"dead {n}", hostile.says_nothing) for n in range(3)]
    name, answer = next(iter(run_all([*targets, lan.target("good", lan.ssh())], SCRIPT, threads=1, timeout=RUN)))
    assert name == "good", (name, str(answer))


def test_who_waits_long_for_a_place_connects_anew_before_the_server_loses_patience(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "_STALE", 0.5)

    def answers_late(channel: paramiko.Channel, given: bytes, over: threading.Event) -> None:
        time.sleep(2)
        answers(channel, given, over)

    found = ask(lan.target("one", lan.ssh(answers_late)), lan.target("other", lan.ssh(answers_late)), threads=1)
    assert all(isinstance(reply, Reply) for reply in found.values()), found
    assert sorted(len(server.seen) for server in lan.servers.values()) == [1, 2]


def test_a_connection_that_fails_before_the_login_is_tried_again_and_a_refused_login_is_not(lan: Lan) -> None:
    shy = threading.Semaphore(1)
    good = lan.ssh()

    def first_hangs_up(stream: object, over: threading.Event) -> None:
        (hostile.hangs_up if shy.acquire(blocking=False) else good)(stream, over)  # type: ignore[arg-type]

    again = lan.target("again", first_hangs_up, tries=3)
    refused = lan.target("refused", lan.ssh(password=None), tries=3)
    found = ask(again, refused)
    assert isinstance(found["again"], Reply), found["again"]
    assert "it refused the password" in str(found["refused"])
    assert (len(lan.servers["again"].seen), len(lan.servers["refused"].seen)) == (2, 1)


def test_where_nobody_listens_and_what_does_not_resolve(lan: Lan) -> None:
    base = lan.target("closed", hostile.hangs_up)
    with hostile.serving(hostile.hangs_up) as gone:
        port = gone.port
    found = ask(replace(base, name="closed", port=port), replace(base, name="nowhere", host="no-such-host.invalid"))
    assert str(found["closed"]) == f"the connection was refused at 127.0.0.1 port {port}: does sshd run there"
    assert str(found["nowhere"]).startswith("no-such-host.invalid does not resolve (")


def test_a_host_key_that_is_not_known_is_refused(lan: Lan, known: Path) -> None:
    target = lan.target("fw", lan.ssh())
    known.write_text("")
    said = str(ask(target)["fw"])
    assert re.match(r"its host key ssh-rsa SHA256:\S+ is not known at 127.0.0.1 port \d+: compare it with", said), said


def test_a_host_key_that_has_changed_is_refused_also_where_new_ones_are_accepted(lan: Lan, known: Path) -> None:
    target = lan.target("fw", lan.ssh())
    other = paramiko.RSAKey.generate(2048)
    known.write_text(f"[127.0.0.1]:{target.port} ssh-rsa {other.get_base64()}\n")
    accepting = replace(target, after=(*target.after, "-o", "StrictHostKeyChecking=accept-new"))
    assert "its host key has changed, to ssh-rsa SHA256:" in str(ask(accepting)["fw"])


def test_without_host_key_checking_a_password_goes_to_no_server_whose_key_has_changed(lan: Lan, known: Path) -> None:
    target = replace(lan.target("fw", lan.ssh()), host_key_checking=False)
    other = paramiko.RSAKey.generate(2048)
    known.write_text(f"[127.0.0.1]:{target.port} ssh-rsa {other.get_base64()}\n")
    assert "there is neither a key nor a password to offer" in str(ask(target)["fw"])


def test_a_new_host_key_is_remembered_where_the_settings_accept_it(lan: Lan, known: Path) -> None:
    target = replace(lan.target("fw", lan.ssh()), host_key_checking=False)
    line = known.read_text()
    known.write_text("")
    assert isinstance(ask(target)["fw"], Reply)
    assert known.read_text() == line


def configured(lan: Lan, *options: str) -> str:
    """What comes of a login with these options of ssh_config(5)."""
    ssh_client._read_known_hosts.cache_clear()
    target = lan.target("fw", lan.ssh())
    given = [word for option in options for word in ("-o", option)]
    return str(ask(replace(target, after=(*target.after, *given)))["fw"])


def revocation_list(folder: Path, key: paramiko.PKey, *, krl: bool) -> Path:
    """A file for RevokedHostKeys."""
    public = folder / "key.pub"
    public.write_text(f"{key.get_name()} {key.get_base64()} somebody\n")
    if krl:
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", folder / "revoked.krl", public], check=True)
        return folder / "revoked.krl"
    return public


@pytest.mark.parametrize("krl", [False, True], ids=["public keys", "key revocation list"])
def test_a_host_key_that_the_user_has_revoked_is_refused(
    lan: Lan, key: paramiko.PKey, tmp_path: Path, krl: bool
) -> None:
    file = revocation_list(tmp_path, key, krl=krl)
    assert re.match(r"its host key ssh-rsa SHA256:\S+ is revoked at .*: ", configured(lan, f"RevokedHostKeys={file}"))
    file = revocation_list(tmp_path, paramiko.RSAKey.generate(2048), krl=krl)
    assert configured(lan, f"RevokedHostKeys={file}").startswith("Reply(")
    assert "no host key can be trusted" in configured(lan, f"RevokedHostKeys={tmp_path}/nowhere")


def test_nothing_is_agreed_on_that_openssh_would_not_agree_on(lan: Lan) -> None:
    assert "is an RSA key of 2048 bits" in configured(lan, "RequiredRSASize=3072")
    assert configured(lan, "RequiredRSASize=2048").startswith("Reply(")
    assert "the SSH key exchange failed" in configured(lan, "HostKeyAlgorithms=ssh-ed25519")
    assert "paramiko knows nothing of what Ciphers allows" in configured(lan, "Ciphers=chacha20-poly1305@openssh.com")
    assert configured(lan, "Ciphers=aes256-ctr", "MACs=hmac-sha2-512", "KexAlgorithms=ecdh-sha2-nistp384").startswith(
        "Reply("
    )
    assert "there is neither a key nor a password" in configured(lan, "PasswordAuthentication=no")


def test_a_new_host_is_remembered_by_a_hash_where_the_settings_say_so(lan: Lan, known: Path) -> None:
    target = lan.target("fw", lan.ssh())
    known.write_text("")
    options = ("-o", "StrictHostKeyChecking=accept-new", "-o", "HashKnownHosts=yes")
    accepting = replace(target, after=(*target.after, *options))
    assert isinstance(ask(accepting)["fw"], Reply)
    assert known.read_text().startswith("|1|")
    found = subprocess.run(["ssh-keygen", "-F", f"[127.0.0.1]:{target.port}", "-f", known], check=False)
    assert found.returncode == 0
    ssh_client._read_known_hosts.cache_clear()
    assert isinstance(ask(replace(target, after=(*target.after, "-o", "StrictHostKeyChecking=yes")))["fw"], Reply)


def test_a_proxy_command_carries_the_login(lan: Lan) -> None:
    target = lan.target("fw", lan.ssh())
    program = lan.known.parent / "relay.py"
    program.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def pump():\n"
        "    while b := os.read(0, 65536): s.sendall(b)\n"
        "threading.Thread(target=pump, daemon=True).start()\n"
        "while b := s.recv(65536): os.write(1, b)\n"
    )
    command = f"ProxyCommand={sys.executable} {program} %h %p"
    assert isinstance(ask(replace(target, after=(*target.after, "-o", command)))["fw"], Reply)
    broken = replace(target, after=(*target.after, "-o", "ProxyCommand=/bin/false"))
    assert str(ask(broken)["fw"]).startswith("the connection was closed before the login")


def test_more_gateways_than_places_are_all_read_and_answers_do_not_pile_up(lan: Lan) -> None:
    base = lan.target("fw", lan.ssh())
    taken = 0

    def targets() -> Iterator[Target]:
        nonlocal taken
        for n in range(30):
            taken += 1
            yield replace(base, name=f"fw{n}")

    answers = run_all(targets(), SCRIPT, threads=2, timeout=RUN)
    next(answers)
    time.sleep(1)
    assert taken <= 2 * 4 + 1
    assert len(list(answers)) == 29
