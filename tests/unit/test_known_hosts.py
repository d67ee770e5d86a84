"""known_hosts: every form of a line that sshd(8) describes, and what is said of a key that a host shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import known_hosts

ONE, OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIKEYONE1", "AAAAC3NzaC1lZDI1NTE5AAAAIKEYTWO2"
ED, RSA = "ssh-ed25519", "ssh-rsa"

LINES = {
    "a plain name": (f"fw {ED} {ONE}", "fw", ED, ONE, "known"),
    "names are compared in small letters": (f"FW.Example {ED} {ONE}", "fw.example", ED, ONE, "known"),
    "one of several names": (f"fw,192.0.2.1 {ED} {ONE} a comment", "192.0.2.1", ED, ONE, "known"),
    "another port is another name": (f"fw {ED} {ONE}", "[fw]:2222", ED, ONE, "unknown"),
    "a name with its port": (f"[fw]:2222 {ED} {ONE}", "[fw]:2222", ED, ONE, "known"),
    "another key of the same type": (f"fw {ED} {OTHER}", "fw", ED, ONE, "changed"),
    "a key of another type says nothing": (f"fw {RSA} {OTHER}", "fw", ED, ONE, "unknown"),
    "one of two keys": (f"fw {ED} {OTHER}\nfw {ED} {ONE}", "fw", ED, ONE, "known"),
    "another host's key": (f"fw2 {ED} {ONE}", "fw", ED, ONE, "unknown"),
    "a pattern": (f"*.example,fw? {ED} {ONE}", "fw7", ED, ONE, "known"),
    "a pattern with a port": (f"[*.example]:2222 {ED} {ONE}", "[fw.example]:2222", ED, ONE, "known"),
    "a pattern that leaves one out": (f"fw*,!fw7 {ED} {ONE}", "fw7", ED, ONE, "unknown"),
    "a revoked key": (f"fw {ED} {ONE}\n@revoked * {ED} {ONE}", "fw", ED, ONE, "revoked"),
    "another key is revoked": (f"fw {ED} {ONE}\n@revoked * {ED} {OTHER}", "fw", ED, ONE, "known"),
    "an authority is no host key": (f"@cert-authority * {ED} {ONE}", "fw", ED, ONE, "unknown"),
    "a comment": (f"# fw {ED} {ONE}", "fw", ED, ONE, "unknown"),
    "an empty line and half a line": (f"\nfw {ED}\n", "fw", ED, ONE, "unknown"),
    "what is no key": (f"fw {ED} !!!not=base64", "fw", ED, ONE, "unknown"),
    "a hash of another name": (
        f"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {ED} {ONE}",
        "fw",
        ED,
        ONE,
        "unknown",
    ),
    "half a hash": (f"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y= {ED} {ONE}", "fw", ED, ONE, "unknown"),
}


@pytest.mark.parametrize("case", LINES)
def test_what_lines_say_of_a_key(case: str) -> None:
    text, name, kind, key, verdict = LINES[case]
    blob = known_hosts.parse_lines([f"fw {kind} {key}"]).of("fw")[0].key
    assert known_hosts.judge_key(known_hosts.parse_lines([text]).of(name), kind, blob) == verdict


def test_names_that_ssh_keygen_hashed_are_found(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    file.write_text(f"fw.example {public}\n[fw.example]:2222 {public}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "fw.example" not in file.read_text()
    known = known_hosts.read_files([str(file), str(tmp_path / "not there")])
    for name, count in (("fw.example", 1), ("[fw.example]:2222", 1), ("fw2.example", 0)):
        assert len(known.of(name)) == count


def test_a_key_that_is_remembered_is_known_and_the_file_is_its_users_own(tmp_path: Path) -> None:
    file = tmp_path / "ssh" / "known_hosts"
    known_hosts.add_key(str(file), "fw", ED, b"a key")
    known_hosts.add_key(str(file), "fw2", ED, b"another")
    known = known_hosts.read_files([str(file)])
    verdicts = [known_hosts.judge_key(known.of(name), ED, b"a key") for name in ("fw", "fw2", "fw3")]
    assert verdicts == ["known", "changed", "unknown"]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("held", ["", "# a comment", "old ssh-ed25519 AAAA\n"])
def test_a_key_that_is_remembered_leaves_the_lines_that_are_there(tmp_path: Path, held: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(held)
    known_hosts.add_key(str(file), "fw", ED, b"a key")
    lines = file.read_text().splitlines()
    assert lines[:-1] == held.splitlines()
    assert lines[-1].startswith("fw ")


def test_the_second_key_of_a_new_host_is_another_key_and_not_remembered(tmp_path: Path) -> None:
    file = str(tmp_path / "known_hosts")
    verdicts = [known_hosts.add_key(file, "fw", ED, key) for key in (b"a key", b"another", b"a key")]
    assert verdicts == ["unknown", "changed", "known"]
    assert len(Path(file).read_text().splitlines()) == 1


def test_a_line_that_is_no_ascii_hides_no_other() -> None:
    known = known_hosts.parse_lines(["fw ssh-ed25519 \xff\n|1|\xff|\xff ssh-ed25519 YQ==\nfw2 ssh-ed25519 YQ==\n"])
    assert (known.of("fw"), len(known.of("fw2"))) == ([], 1)


def test_a_fingerprint_is_the_one_that_ssh_keygen_shows(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    ((key,)) = known_hosts.parse_lines([f"fw {(tmp_path / 'key.pub').read_text()}"]).of("fw")
    assert known_hosts.format_fingerprint(key.key) == shown.stdout.split()[1]
