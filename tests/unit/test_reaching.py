"""From variables to a connection: the arguments that OpenSSH gets, and what its answer means."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import TransportError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task.inventory import resolve_target
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import keywords, ssh_config
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.target import Target

OPTIONS: dict[str, Any] = {
    "host": "192.0.2.1",
    "port": None,
    "remote_user": None,
    "password": None,
    "private_key_file": None,
    "private_key_passphrase": None,
    "host_key_checking": True,
    "ssh_args": "",
    "ssh_common_args": "",
    "ssh_extra_args": "",
    "reconnection_retries": 0,
    "timeout": 10,
}


def target(**options: Any) -> Target:
    return resolve_target("fw", {**OPTIONS, **options}.__getitem__)


ARGUMENTS = {
    "nothing is said": ({}, []),
    "address, port and user": (
        {"port": 2222, "remote_user": "admin"},
        ["-o", "Port=2222", "-o", 'User="admin"'],
    ),
    "a key": ({"private_key_file": "/k/id"}, ["-o", 'IdentityFile="/k/id"']),
    "no host key checking": ({"host_key_checking": False}, ["-o", "StrictHostKeyChecking=no"]),
    "arguments go round what variables say, as the first value of an option holds": (
        {"ssh_args": "-C -o A=1", "port": 22, "ssh_common_args": "-J 'a b'", "ssh_extra_args": "-o C=3"},
        ["-C", "-o", "A=1", "-o", "Port=22", "-J", "a b", "-o", "C=3"],
    ),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_variables_become_the_arguments_of_ansibles_own_connection(case: str) -> None:
    options, arguments = ARGUMENTS[case]
    assert ssh_config.build_arguments(target(**options)) == arguments


def test_tries_are_one_more_than_retries_and_secrets_are_not_shown() -> None:
    made = target(reconnection_retries=2, password="hunter2", private_key_passphrase="hunter3")  # noqa: S106
    assert (made.tries, made.password, made.passphrase) == (3, "hunter2", "hunter3")
    assert "hunter" not in repr(made)


def settings(tmp_path: Path, config: str = "", **options: Any) -> ssh_config.SshSettings:
    file = tmp_path / "config"
    file.write_text(config)
    ssh_config._tells_hosts_apart.cache_clear()
    ssh_config._ask_general_settings.cache_clear()
    given = target(**options)
    return ssh_config.ask_settings(replace(given, before=("-F", str(file), *given.before)))


CONFIGS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "nothing is said": (
        "",
        {},
        {"host": "192.0.2.1", "port": 22, "strict": "ask", "jumps": (), "proxy": "", "known_as": "192.0.2.1"},
    ),
    "variables hold before files": (
        "Host *\n Port 2\n User files\n",
        {"port": 1, "remote_user": "me"},
        {"port": 1, "user": "me", "known_as": "[192.0.2.1]:1"},
    ),
    "files hold where variables say nothing": ("Host *\n Port 2\n User files\n", {}, {"port": 2, "user": "files"}),
    "ssh_args hold before variables": ("", {"ssh_args": "-o Port=3 -l first", "port": 1}, {"port": 3, "user": "first"}),
    "a host of its own section": ("Host fw1\n HostName 192.0.2.9\n", {"host": "fw1"}, {"host": "192.0.2.9"}),
    "another host's section": ("Host fw1\n HostName 192.0.2.9\n", {"host": "fw2"}, {"host": "fw2"}),
    "a name made of the host's": ("Host *\n HostName %h.example\n", {"host": "fw2"}, {"host": "fw2.example"}),
    "a section by Match": ("Match host fw2\n User two\n", {"host": "fw2"}, {"user": "two"}),
    "jumps in their order": ("", {"ssh_common_args": "-J a,b@c:22"}, {"jumps": ("a", "b@c:22")}),
    "a jump by option": ("", {"ssh_extra_args": "-o ProxyJump=a"}, {"jumps": ("a",)}),
    "a command": ("", {"ssh_common_args": "-o ProxyCommand='nc %h %p'"}, {"proxy": "nc %h %p", "jumps": ()}),
    "no command": ("Host *\n ProxyCommand nc %h %p\n", {"ssh_common_args": "-o ProxyCommand=none"}, {"proxy": ""}),
    "host keys are not checked": ("", {"host_key_checking": False}, {"strict": "no"}),
    "host keys are not checked by a file": ("StrictHostKeyChecking no\n", {}, {"strict": "no"}),
    "host keys are checked": ("StrictHostKeyChecking yes\n", {}, {"strict": "yes"}),
    "new host keys are taken": ("StrictHostKeyChecking accept-new\n", {}, {"strict": "accept-new"}),
    "a name for the key": ("HostKeyAlias fw.Key\n", {"port": 2}, {"known_as": "fw.key"}),
    "a known_hosts of its own": (
        "GlobalKnownHostsFile none\n",
        {"ssh_common_args": "-o UserKnownHostsFile=/k/h"},
        {"known_hosts": ("/k/h",)},
    ),
    "only that key": (
        "",
        {"private_key_file": "/k/id", "ssh_args": "-o IdentitiesOnly=yes"},
        {"identities": ("/k/id",), "identities_only": True},
    ),
    "no keys": ("PubkeyAuthentication no\n", {"private_key_file": "/k/id"}, {"identities": (), "agent": False}),
    "no agent": ("IdentityAgent none\n", {}, {"agent": False}),
    "no passwords": ("PasswordAuthentication no\n", {}, {"methods": {"publickey"}}),
    "passwords alone": (
        "PreferredAuthentications password\n",
        {"private_key_file": "/k/id"},
        {"methods": {"password"}, "identities": (), "agent": False},
    ),
    "new hosts are hashed": ("HashKnownHosts yes\n", {}, {"hash_known_hosts": True}),
    "an agent that is not the environment's": ("IdentityAgent /run/agent\n", {}, {"agent": False}),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_what_arguments_and_files_mean_is_what_openssh_says(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/some-agent")
    config, options, expected = CONFIGS[case]
    found = settings(tmp_path, config, **options)
    assert {key: getattr(found, key) for key in expected} == expected


def test_every_keyword_of_openssh_is_read_or_refused_or_makes_nothing_less_safe() -> None:
    rare = [
        "BindAddress=::1",
        "CertificateFile=/c",
        "ControlPath=/s",
        "DynamicForward=1",
        "HostKeyAlias=a",
        "SetEnv=A=1",
    ]
    rare += ["IdentityAgent=/a", "IgnoreUnknown=x", "KnownHostsCommand=/k", "LocalForward=1 a:1", "LocalCommand=true"]
    rare += ["PKCS11Provider=/p", "PreferredAuthentications=password", "ProxyJump=a", "RemoteCommand=true"]
    rare += ["RemoteForward=1 a:1", "RevokedHostKeys=/r", "KbdInteractiveDevices=pam", "BindInterface=lo"]
    given = [word for option in rare for word in ("-o", option)]
    done = subprocess.run(["ssh", "-G", "-F", "none", *given, "x"], capture_output=True, text=True, check=True)
    said = {line.split(" ")[0].lower() for line in done.stdout.splitlines()}
    treated = keywords.READ | keywords.REFUSED.keys() | keywords.STRICTER | keywords.IDLE
    assert said - treated == set()
    assert len(said) > 80
    each = [*keywords.READ, *keywords.REFUSED, *keywords.STRICTER, *keywords.IDLE]
    assert len(each) == len(treated)


@pytest.mark.parametrize("option", ["KnownHostsCommand=/bin/k", "BindAddress=192.0.2.9", "ProxyUseFdpass=yes"])
def test_what_only_openssh_can_keep_to_is_refused(tmp_path: Path, option: str) -> None:
    name = option.partition("=")[0].lower()
    with pytest.raises(TransportError, match=f"its ssh configuration says {name} .*, which paramiko cannot do at 192"):
        settings(tmp_path, ssh_args=f"-o {option}")


def test_hosts_that_files_do_not_tell_apart_cost_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = ssh_config._asked
    monkeypatch.setattr(ssh_config, "_asked", lambda given, host: asked.append(host) or real(given, host))
    config = "Include more\nHost *\n User all\n"
    first = settings(tmp_path, config, host="192.0.2.1")
    others = [
        ssh_config.ask_settings(replace(target(host=f"192.0.2.{n}"), before=("-F", str(tmp_path / "config"))))
        for n in range(9)
    ]
    assert len(asked) == 1
    assert (first.host, others[3].host, others[3].user) == ("192.0.2.1", "192.0.2.3", "all")


def test_arguments_that_openssh_refuses_are_said_with_the_host(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"^ssh refuses its arguments at 192.0.2.1: .*nosuch"):
        settings(tmp_path, ssh_args="-o NoSuchOption=1")


@pytest.mark.parametrize(
    ("jump", "host", "port", "user"),
    [
        ("a", "a", 22, "files"),
        ("me@a", "a", 22, "me"),
        ("me@a:2", "a", 2, "me"),
        ("me@corp@a:2", "a", 2, "me@corp"),
        ("[2001:db8::1]:2", "2001:db8::1", 2, "files"),
        ("2001:db8::1", "2001:db8::1", 22, "files"),
        ("ssh://me@a:2", "a", 2, "me"),
    ],
)
def test_a_host_on_the_way_is_read_as_openssh_reads_it(
    tmp_path: Path, jump: str, host: str, port: int, user: str
) -> None:
    (tmp_path / "config").write_text("User files\nProxyCommand never\n")
    found = ssh_config.ask_jump_settings(jump, ("first",), ("-F", str(tmp_path / "config")))
    assert (found.host, found.port, found.user, found.jumps, found.proxy) == (host, port, user, ("first",), "")
