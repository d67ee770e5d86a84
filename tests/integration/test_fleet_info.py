"""fleet_info on real gateways: the same as gateway_info host by host, by all ways there that an inventory can name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import sftp, ssh_client
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.target import Target

from tests.lab.faults import inject
from tests.lab.faults.hands import wait
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, psks, running
from tests.lab.topology import pairs

from . import sick
from .ansible_run import Run, playbook

KEY = "a key of the integration tests"
PHRASE = "open sesame"
HOSTS = ("a01", "b01", "a02", "b02")
CLOCKS = {  # what goes on with the time, and is another in each reading
    *(
        "established",
        "install_time",
        "life_time",
        "rekey_time",
        "reauth_time",
        "time",
        "load",
        "idle",
        "since",
        "uptime",
    ),
    *("bytes_in", "bytes_out", "packets_in", "packets_out", "use_in", "use_out"),
    *("log", "log_end"),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(2, name="fleet")) as lab:
        inject(lab, "dpd-off", "t02")
        for gateway in HOSTS:  # a busy machine's gateways may have begun twice; what is half open goes after 30 s
            wait(lambda on=gateway: "CONNECTING" not in lab.sh(on, "swanctl --list-sas"), "an SA stays half open", 90)
        yield lab


def said(lab: Lab, user: str = "root") -> dict[str, Any]:
    """The inventory as data, to be changed."""
    data: dict[str, Any] = yaml.safe_load(inventory(lab, user=user))
    return data


def run(tmp: Path, data: Mapping[str, Any], tasks: list[dict[str, Any]], *more: str, **play: Any) -> Run:
    hosts = tmp / "inventory.yml"
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    return playbook(tmp, hosts, [{"hosts": "all", "gather_facts": False, "tasks": tasks, **play}], *more)


def ask(
    tmp: Path, data: Mapping[str, Any], *more: str, play: Mapping[str, Any] | None = None, **args: Any
) -> dict[str, Any]:
    task = {"name": "it", "tunnelwright.ipsec.fleet_info": {"digest_key": KEY, **args}}
    done = run(tmp, data, [task], *more, **(play or {}))
    assert done.status == 0, done.output
    assert [name for name, dummy, dummy2 in done.tasks] == ["it"], "it runs once, whatever the hosts of the play"
    assert done.changed() == {}
    return done.result("it")


def still(value: Any) -> Any:
    """A reading without what tells the time."""
    if isinstance(value, dict):
        return {key: still(each) for key, each in value.items() if key not in CLOCKS}
    return [still(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("user", ["root", "operator"])
def test_it_returns_what_gateway_info_returns_host_by_host(tmp_path: Path, lab: Lab, user: str) -> None:
    arguments = {"digest_key": KEY, "certificates": True, "log": True, "log_lines": 5}
    tasks = [{"name": name, f"tunnelwright.ipsec.{name}": arguments} for name in ("gateway_info", "fleet_info")]
    done = run(tmp_path, said(lab, user), tasks)
    assert done.status == 0, done.output
    fleet = done.result("fleet_info")
    assert (fleet["unreadable"], fleet["read"], fleet["folder"]) == ({}, 4, None)
    for host in HOSTS:
        assert still(fleet["gateways"][host]) == still(done.result("gateway_info", host)["gateway"])
        assert len(fleet["gateways"][host]["log"]) == 5
        assert fleet["gateways"][host]["problems"] == []


def test_each_host_that_cannot_be_read_has_its_reason_and_the_others_are_read(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    nobody, other = tmp_path / "nobody", tmp_path / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", nobody], check=True)
    other.write_text("", encoding="utf-8")
    address = str(lab.management("a01"))
    data["all"]["hosts"] |= {
        "closed": {"ansible_host": address, "ansible_port": 9},
        "silent": {"ansible_host": str(lab.management("a01") + 1000), "ansible_ssh_timeout": 2},
        "stranger": {"ansible_host": address, "ansible_ssh_private_key_file": str(nobody)},
        "nokey": {"ansible_host": address, "ansible_ssh_private_key_file": str(tmp_path / "gone")},
        "unknown": {"ansible_host": address, "ansible_ssh_common_args": f"-o UserKnownHostsFile={other}"},
        "local": {"ansible_connection": "local"},
        "broken": {"ansible_host": "{{ there_is_no_such_variable }}"},
        "quote": {"ansible_host": address, "ansible_ssh_common_args": "-o 'No"},
        "odd": {"ansible_host": address, "ansible_ssh_common_args": "-o NoSuchOption=1"},
    }
    found = ask(tmp_path, data)
    assert sorted(found["gateways"]) == sorted(HOSTS)
    why = found["unreadable"]
    assert why["closed"] == f"the connection was refused at {address} port 9: does sshd run there"
    assert why["silent"].split(" at ")[0] in ("nothing answers", "it cannot be reached (No route to host)")
    assert why["stranger"] == f"the login as root fails at {address} port 22: it refused {nobody}"
    assert f"{tmp_path}/gone is not there" in why["nokey"]
    assert "is not known" in why["unknown"]
    assert why["local"] == "its connection is local: read it with gateway_info: this speaks only SSH"
    assert "there_is_no_such_variable" in why["broken"]
    assert why["quote"] == "its variables cannot be resolved: No closing quotation"
    assert why["odd"].startswith(f"ssh refuses its arguments at {address}: ")
    assert not [text for text in why.values() if "\n" in text]


def test_among_many_the_sick_ones_are_named_and_delay_nobody(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    healthy = {f"{host}-{number}": values for number in range(8) for host, values in data["all"]["hosts"].items()}
    folder, timeout = tmp_path / "readings", 20  # seconds: no machine is so slow that a healthy one takes them
    with sick.sick(lab, tmp_path, timeout=timeout) as hosts:
        # They come first: places that they held would be missed by all others.
        data["all"]["hosts"] = hosts | healthy
        found = ask(tmp_path, data, dest=str(folder), threads=len(hosts) - 1, certificates=False)
    ended = time.time()
    assert (sorted(found["unreadable"]), found["read"]) == (sorted(hosts), len(healthy))
    assert not sick.wrong(found["unreadable"])
    read = sorted(file.stat().st_mtime for file in folder.iterdir() if file.stem not in hosts)
    assert len(read) == len(healthy)
    assert max(later - earlier for earlier, later in pairwise(read)) < timeout
    assert ended - read[-1] < timeout


def test_a_password_to_become_root_that_is_wrong_or_not_given_is_said(tmp_path: Path, lab: Lab) -> None:
    data = said(lab, "operator")
    data["all"]["hosts"]["a01"]["ansible_become_password"] = "not the one"  # noqa: S105
    data["all"]["hosts"]["b01"]["ansible_become_password"] = ""
    found = ask(tmp_path, data)
    assert found["unreadable"]["a01"].startswith("the password to become another user is wrong")
    assert found["unreadable"]["b01"].startswith("to become another user takes a password")
    assert sorted(found["gateways"]) == ["a02", "b02"]


def test_variables_of_the_play_keywords_and_templates_count_as_for_any_task(tmp_path: Path, lab: Lab) -> None:
    data = said(lab, "operator")
    common = data["all"]["vars"]
    password, dummy = common.pop("ansible_become_password"), common.pop("ansible_become")
    for host in data["all"]["hosts"].values():
        host["address"] = host.pop("ansible_host")
    variables = {
        "ansible_host": "{{ address }}",
        "the_password": password,
        "ansible_become_password": "{{ the_password }}",
    }
    del common["ansible_user"]
    play = {"vars": variables, "become": True, "remote_user": "operator", "connection": "local"}
    found = ask(tmp_path, data, play=play)
    assert found["unreadable"] == {}
    assert found["gateways"]["a01"]["sas"]


def test_patterns_name_other_hosts_than_those_of_the_play(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    data["all"]["children"] = {"left": {"hosts": {"a01": None, "a02": None}}}
    assert sorted(ask(tmp_path, data, "--limit", "b01", hosts=["left"])["gateways"]) == ["a01", "a02"]
    assert sorted(ask(tmp_path, data, "--limit", "b01", hosts=["left:!a01", "b02"])["gateways"]) == ["a02", "b02"]
    assert sorted(ask(tmp_path, data, "--limit", "b01")["gateways"]) == ["b01"]
    task = {"name": "it", "tunnelwright.ipsec.fleet_info": {"hosts": ["nobody"]}}
    assert "no host matches nobody" in run(tmp_path, data, [task]).result("it")["msg"]


def test_a_key_with_a_passphrase_opens_with_it_and_is_never_asked_about(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    locked = tmp_path / "locked"
    locked.write_bytes((lab.folder / "id_ed25519").read_bytes())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PHRASE, "-f", locked], check=True)
    data["all"]["vars"]["ansible_ssh_private_key_file"] = str(locked)
    data["all"]["hosts"]["a01"]["ansible_ssh_private_key_passphrase"] = PHRASE
    data["all"]["hosts"]["a02"]["ansible_ssh_private_key_passphrase"] = "open barley"  # noqa: S105
    found = ask(tmp_path, data, hosts=["a01", "a02", "b01"])
    assert list(found["gateways"]) == ["a01"]
    assert f"{locked} cannot be opened with that passphrase" in found["unreadable"]["a02"]
    assert f"{locked} needs a passphrase: give ansible_ssh_private_key_passphrase" in found["unreadable"]["b01"]


def test_keys_of_an_agent_are_offered_and_only_those_that_are_named_where_that_is_wanted(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = subprocess.run(["ssh-agent", "-a", tmp_path / "agent"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    try:
        subprocess.run(["ssh-add", "-q", lab.folder / "id_ed25519"], check=True)
        data = said(lab)
        known = f"-F none -o UserKnownHostsFile={lab.folder}/known_hosts"
        data["all"]["vars"] = {"ansible_user": "root", "ansible_ssh_common_args": known}
        (tmp_path / "half.pub").write_bytes((lab.folder / "id_ed25519.pub").read_bytes())
        only = {"ansible_ssh_common_args": f"{known} -o IdentitiesOnly=yes"}
        data["all"]["hosts"]["b01"] |= only | {"ansible_ssh_private_key_file": str(tmp_path / "half")}
        data["all"]["hosts"]["a02"] |= only
        found = ask(tmp_path, data, hosts=["a01", "b01", "a02"])
    finally:
        pid = next(word for word in started.stdout.replace(";", " ").split() if word.startswith("SSH_AGENT_PID="))
        os.kill(int(pid.partition("=")[2]), signal.SIGTERM)
    assert sorted(found["gateways"]) == ["a01", "b01"]
    assert found["unreadable"]["a02"].startswith("the login as root fails")


def test_a_host_on_the_way_carries_all_logins_over_one_of_its_own(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    settings = tmp_path / "ssh_config"
    settings.write_text(
        f"Host bastion\n HostName {lab.management('a01')}\n User root\n"
        f"Host *\n IdentityFile {lab.folder}/id_ed25519\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {lab.folder}/known_hosts\n StrictHostKeyChecking yes\n",
        encoding="utf-8",
    )
    for way in ("-o ProxyJump=bastion", f"-o ProxyCommand='ssh -F {settings} -W %h:%p bastion'"):
        data["all"]["vars"]["ansible_ssh_common_args"] = f"-F {settings} {way}"
        found = ask(tmp_path, data, hosts=["b01", "a02", "b02"])
        assert found["unreadable"] == {}
        sources = {gateway["system"]["managed_from"] for gateway in found["gateways"].values()}
        assert sources == {str(lab.management("a01"))}
    data["all"]["vars"]["ansible_ssh_common_args"] = f"-F {settings} -J nobody@bastion"
    why = ask(tmp_path, data, hosts=["b01", "a02"])["unreadable"]
    assert all(text.startswith("over nobody@bastion, the login as nobody fails at ") for text in why.values()), why


def test_the_most_verbose_run_shows_neither_script_nor_secret(tmp_path: Path, lab: Lab) -> None:
    task = {"name": "it", "tunnelwright.ipsec.fleet_info": {"digest_key": KEY, "log": True}}
    done = run(tmp_path, said(lab, "operator"), [task], "-vvvvv")
    assert done.status == 0, done.output
    for text in ("tw_main", "TW_IPAD", KEY, *(values[-1].strip() for values in psks(lab, "a01").values())):
        assert text not in done.output, text
    assert (lab.folder / "operator_password").read_text(encoding="utf-8").strip() not in done.output


def test_what_has_no_room_goes_to_files_that_only_the_user_may_read(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    data["all"]["hosts"]["closed"] = {"ansible_host": str(lab.management("a01")), "ansible_port": 9}
    folder = tmp_path / "kept" / "here"
    found = ask(tmp_path, data, dest=str(folder))
    assert (found["gateways"], found["read"], found["folder"]) == ({}, 4, str(folder))
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{host}.json" for host in (*HOSTS, "closed"))
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert json.loads((folder / "a01.json").read_text())["gateway"]["name"] == "a01"
    spilled = ask(tmp_path, said(lab), memory=0)
    assert spilled["gateways"] == {}
    assert not Path(spilled["folder"]).exists(), "Ansible has ended, and removed it"


def test_two_slices_are_one_audit_and_no_pair_is_broken(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    for number, hosts in enumerate((["a01", "a02"], ["b01", "b02"])):
        ask(tmp_path, data, hosts=hosts, dest=str(tmp_path / f"slice{number}"))
    folders = [str(tmp_path / f"slice{number}") for number in range(2)]
    merge = {"name": "merge", "run_once": True, "tunnelwright.ipsec.tunnel_audit": {"folders": folders}}
    whole = [
        {"name": "read", "tunnelwright.ipsec.fleet_info": {"digest_key": KEY}, "register": "fleet"},
        {"name": "audit", "run_once": True, "tunnelwright.ipsec.tunnel_audit": {"fleet": "{{ fleet }}"}},
    ]
    done = run(tmp_path, data, [merge, *whole])
    assert done.status == 0, done.output
    merged, audited = done.result("merge"), done.result("audit")
    assert [tunnel["name"] for tunnel in merged["tunnels"]] == ["a01-b01", "a02-b02"]
    assert merged["findings"] == audited["findings"] != []
    shutil.copytree(folders[0], tmp_path / "slice2")
    twice = {**merge, "tunnelwright.ipsec.tunnel_audit": {"folders": [str(tmp_path / "slice*")]}}
    assert "a01 was read twice" in run(tmp_path, data, [twice]).result("merge")["msg"]


def test_files_go_there_and_back_and_a_refusal_names_the_file(tmp_path: Path, lab: Lab) -> None:
    arguments = ("-F", "none", "-o", f"UserKnownHostsFile={lab.folder}/known_hosts")
    key = str(lab.folder / "id_ed25519")
    target = Target("a01", str(lab.management("a01")), user="root", key_file=key, after=arguments, timeout=30)
    (tmp_path / "there").write_bytes(bytes(range(256)) * 999)
    transport = ssh_client.log_in(ssh_client.connect(target, ssh_client.open_pool()))
    sftp.put(transport, str(tmp_path / "there"), "/tmp/there and back")  # noqa: S108 - of a gateway
    sftp.fetch(transport, "/tmp/there and back", str(tmp_path / "back"))  # noqa: S108
    with pytest.raises(IpsecError, match=r"^the file cannot be copied at /no/such/folder: "):
        sftp.put(transport, str(tmp_path / "there"), "/no/such/folder")
    ssh_client.disconnect(transport)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()


def test_the_role_audits_a_fleet_as_it_audits_each(tmp_path: Path, lab: Lab) -> None:
    data = said(lab)
    data["all"]["hosts"]["closed"] = {"ansible_host": str(lab.management("a01")), "ansible_port": 9}
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    found = {}
    for way in ("each", "fleet"):
        report = ["-e", f"ipsec_report_dir={tmp_path} ipsec_report_name={way} ipsec_gather={way}"]
        done = playbook(tmp_path, hosts, "tunnelwright.ipsec.audit", *report, "--limit", "!b02")
        assert {host for host, counts in done.stats.items() if counts["failures"]} == {"closed"}, done.output
        found[way] = json.loads((tmp_path / f"{way}.json").read_text(encoding="utf-8"))
    assert [finding["id"] for finding in found["fleet"]["findings"]] == [f["id"] for f in found["each"]["findings"]]
    assert [t["proof"] for t in found["fleet"]["tunnels"]] == [t["proof"] for t in found["each"]["tunnels"]]
    assert list(found["fleet"]["gateways_unreadable"]) == ["closed"]


@pytest.mark.parametrize("user", ["root", "operator"])
def test_other_tasks_have_the_same_transport(tmp_path: Path, lab: Lab, user: str) -> None:
    data = said(lab, user)
    data["all"]["vars"]["ansible_connection"] = "tunnelwright.ipsec.paramiko"
    data["all"]["hosts"]["closed"] = {"ansible_host": str(lab.management("a01")), "ansible_port": 9}
    program = tmp_path / "program.sh"
    program.write_text("#!/bin/sh\nid -un; cat >/dev/null; exit 3\n", encoding="utf-8")
    tasks = [
        {"name": "read", "tunnelwright.ipsec.gateway_info": {}},
        {"name": "script", "ansible.builtin.script": str(program), "ignore_errors": True},
        {"name": "raw", "ansible.builtin.raw": "echo out; echo err >&2; head -c 300000 /dev/zero | tr '\\0' x"},
    ]
    done = run(tmp_path, data, tasks)
    assert {host: counts["unreachable"] for host, counts in done.stats.items()} == {
        **dict.fromkeys(HOSTS, 0),
        "closed": 1,
    }
    assert done.result("read", "a01")["gateway"]["sas"]
    script = done.result("script", "b01")
    assert (script["rc"], script["stdout"].strip()) == (3, "root")
    raw = done.result("raw", "b02")
    assert (raw["stdout"][:4], len(raw["stdout"]), raw["rc"]) == ("out\n", 300004, 0)
    assert "err" in raw["stderr"]


def test_the_role_repairs_what_it_read_in_one_task(tmp_path: Path, lab: Lab) -> None:
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(inventory(lab), encoding="utf-8")

    def repair() -> Run:
        done = playbook(tmp_path, hosts, "tunnelwright.ipsec.remediate", "-e", "ipsec_gather=fleet")
        assert done.status == 0, done.output
        assert (found := done.result("Read all gateways"))["read"] == len(HOSTS)
        assert found["gateways"] == {}, "they are in files"
        return done

    assert repair().changed()
    again = repair()
    assert again.changed() == {}
    alone = [result for name, dummy, result in again.tasks if name.endswith("Read the gateway")]
    assert all("skip_reason" in result for result in alone), "where nothing is repaired, one task reads all"
