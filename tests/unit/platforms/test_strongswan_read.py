"""What real gateways answered (tests/record.py), read again: 5.9.8 and 6.0.1, in health and in trouble."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Gateway,
    Reply,
    ReplySection,
    Script,
    build_from_plain,
    to_plain,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import (
    PLATFORMS,
    detect_platform,
    find_platform,
    read_gateway,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import (
    read_lexer,
    read_script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.certificates import parse_certificates
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import compute_key_id

from ...record import OPTIONS, SITUATIONS, replay
from ..shells import Shell, shell

__all__ = ["shell"]

REPLIES = Path(__file__).parent / "replies"
SUITES = {"bookworm": "5.9.8", "trixie": "6.0.1"}
CONNECTION = "/etc/swanctl/conf.d/west.conf"


@pytest.fixture(params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    """Each recorded version."""
    name: str = request.param
    return name


def reply_of(suite: str, situation: str) -> Reply:
    return replay(REPLIES / f"{suite}-{situation}.json")


def gateway(suite: str, situation: str) -> Gateway:
    reply = reply_of(suite, situation)
    return detect_platform(reply).read("gw", reply, OPTIONS)


def kinds(found: Gateway) -> list[str]:
    return [problem.kind for problem in found.problems]


def test_every_situation_is_recorded_for_every_version() -> None:
    assert {path.stem for path in REPLIES.iterdir()} == {f"{suite}-{name}" for suite in SUITES for name in SITUATIONS}


def test_a_healthy_gateway_is_configured_loaded_and_installed_without_a_problem(suite: str) -> None:
    found = gateway(suite, "healthy")
    assert (found.name, found.platform, found.version, found.problems) == ("gw", "strongswan", SUITES[suite], ())
    (connection,) = found.connections
    assert (connection.name, connection.configured, connection.loaded, connection.differs) == ("west", True, True, ())
    assert (connection.version, connection.dpd_delay, connection.keyingtries) == (2, 30.0, 0)
    assert (connection.local[0].id, connection.local[0].method, connection.remote[0].id) == (
        "a01.lab",
        "psk",
        "b01.lab",
    )
    assert connection.settings["dpd_delay"].origin.startswith(f"{CONNECTION}:")
    assert connection.children[0].loaded
    (sa,) = found.sas or ()
    assert (sa.connection, sa.state, sa.children[0].name, sa.children[0].state) == (
        "west",
        "ESTABLISHED",
        "net",
        "INSTALLED",
    )
    assert sa.children[0].packets_in > 0
    assert found.policies == found.certificates == ()


def test_the_daemon_and_what_surrounds_it_are_told(suite: str) -> None:
    found = gateway(suite, "healthy")
    assert (found.daemon.installed, found.daemon.running, found.daemon.ike_sas) == (True, True, 1)
    assert "vici" in found.daemon.plugins
    assert found.daemon.since
    assert (found.system.hostname, found.system.init, found.system.cron) == ("a01", "other", True)
    assert (found.system.time or 0) > 1.7e9
    assert any(address.endswith(" 10.1.1.1/24") for address in found.system.addresses)
    assert found.log
    assert any("established" in line for line in found.log)


@pytest.mark.parametrize(
    ("log", "start", "expected", "told"),
    [
        (b"1\n2\n3\n", "journal x", ("2", "3"), ["log-cut"]),
        (b"1\n2\n", "journal x", ("1", "2"), []),
        (b"%s\n2\n" % (b"x" * 2_000_000), "journal x", ("x" * 2_000, "2"), ["log-cut"]),
        (b"1\n2\n", "", ("1", "2"), []),
        (b"", "journal x", (), []),
    ],
)
def test_a_log_that_is_not_whole_is_told(log: bytes, start: str, expected: tuple[str, ...], told: list[str]) -> None:
    reply = Reply({**reply_of("trixie", "healthy").sections, "log": ReplySection(0, log, "")})
    found = detect_platform(reply).read("gw", reply, replace(OPTIONS, log_lines=2, log_from=start))
    assert found.log == expected
    assert kinds(found) == told


DUMPS = "".join(f"13[ENC] {at}: 2B 3F 00 11  +?..\n" for at in range(0, 16000, 16))


@pytest.mark.parametrize(("start", "lines"), [("", ["8", "9"]), ("0 {}", ["7", "8", "9"])])
def test_dumps_do_not_use_up_the_lines_of_the_log(shell: Shell, tmp_path: Path, start: str, lines: list[str]) -> None:
    log = tmp_path / "charon.log"
    log.write_text("".join(f"{each}\n{DUMPS}" for each in range(10)), encoding="utf-8")
    source = (
        f"{read_script('gather.sh')}\ntw_has() {{ return 1; }}\ntw_log_files() {{ echo {log}; }}\nsection log tw_log\n"
    )
    reply = shell.run(Script(source, {"TW_LOG": "2", "TW_LOG_FROM": start.format(log)}))
    assert reply.sections["log"].text.split() == lines


@pytest.mark.parametrize(
    ("conf", "levels"),
    [
        ("charon { filelog { a { path = /var/log/a\n cfg = 4 } } }", ["cfg = 4"]),
        ("charon { filelog { a {\n default=5\n } } }", ["default = 5"]),
        ('charon-systemd { journal { ike = 2\n asn = "12" } }', ["asn = unreadable"]),
        ("charon { syslog { daemon { default = 3\n cfg = 2 } }\n retransmit_tries = 4 }", []),
        ("charon { threads = 16\n plugins { x { default = 4 } } }", []),
        ("# charon { filelog { a { cfg = 4 } } }", []),
        (" cfg = 4", ["cfg = 4"]),  # what a section of a logger includes
        ("ike = 2\n retransmit_tries = 4", []),
    ],
)
def test_a_log_with_keys_in_it_stays_on_the_gateway(shell: Shell, tmp_path: Path, conf: str, levels: list[str]) -> None:
    file, log = tmp_path / "strongswan.conf", tmp_path / "charon.log"
    file.write_text(f"{conf}\n", encoding="utf-8")
    log.write_text("1\n", encoding="utf-8")
    (tmp_path / "swanctl.conf").touch()
    parts = "\n".join(map(read_script, ("digest.sh", "follow.sh", "conf.sh", "gather.sh")))
    own = f"tw_has() {{ return 1; }}\ntw_log_files() {{ echo {log}; }}\ntw_main_conf() {{ echo {file}; }}\n"
    variables = {"TW_LOG": "2", "TW_LOG_FROM": "", "TW_LEXER": read_lexer(), "TW_IPAD": "", "TW_OPAD": ""}
    reply = shell.run(
        Script(f"{parts}\n{own}tw_reading\ntw_logged\n", {**variables, "TW_CONFIG": str(tmp_path / "swanctl.conf")})
    )
    assert reply.sections["log-keys"].text.splitlines() == levels
    assert ("log" in reply.sections) == (not levels)
    sections = {**reply_of("trixie", "healthy").sections, **reply.sections}
    if levels:
        del sections["log"]
    found = detect_platform(Reply(sections)).read("gw", Reply(sections), OPTIONS)
    hides = [problem.what for problem in found.problems if "keys are written" in problem.what]
    assert (found.log is None, hides) == (
        bool(levels),
        [f"the log is not read, because at such a level keys are written into it: {levels[0]}"] if levels else [],
    )


def test_a_secret_has_identities_a_keyed_digest_and_a_place(suite: str) -> None:
    (secret,) = gateway(suite, "healthy").secrets
    assert set(secret.ids) == {"a01.lab", "b01.lab"}
    assert len(secret.digest or "") == 64
    assert secret.key_id == compute_key_id(OPTIONS.digest_key)
    assert secret.origin.startswith("/etc/swanctl/conf.d/secrets.conf:")


def test_a_user_without_rights_is_told_to_become(suite: str) -> None:
    found = gateway(suite, "unprivileged")
    assert {"no-permission", "config-unreadable"} <= set(kinds(found))
    assert all("become" in problem.hint for problem in found.problems if problem.kind != "unmatched-include")
    assert "/etc/swanctl/conf.d" in {problem.where for problem in found.problems}
    assert (found.sas, found.policies, found.daemon.running) == (None, None, True)
    assert found.version == SUITES[suite]


def test_awkward_connections_are_the_same_in_file_and_daemon(suite: str) -> None:
    found = gateway(suite, "strange")
    strange = next(connection for connection in found.connections if connection.name == "strange")
    assert (strange.loaded, strange.differs, found.problems) == (True, (), ())
    assert (strange.version, strange.unique, strange.reauth_time, strange.rekey_time) == (1, "never", 7200.0, 0.0)
    assert strange.local[0].id == "keyid:a} foo {b=[c d]"
    child = strange.children[0]
    assert (child.start_action, child.close_action, child.dpd_action) == ("trap", "trap|start", "trap")
    assert child.remote_ts == ("10.99.0.0/24",)


def test_installed_policies_are_told_from_each_other() -> None:
    kinds_of = {(policy.child, policy.kind) for policy in gateway("trixie", "strange").policies or ()}
    assert kinds_of == {("strange-1", "trap"), ("shunt", "pass")}


def test_what_the_daemon_holds_otherwise_than_the_file_is_named_with_both_values(suite: str) -> None:
    found = gateway(suite, "drifted")
    west, strange = found.connections
    assert set(west.differs) == {
        "dpd_delay: 10s in the file, 30s in the daemon",
        "net.close_action: trap in the file, none in the daemon",
        "net.rekey_time: 7200s in the file, 3600s in the daemon",
    } | {difference for difference in west.differs if difference.startswith("net.remote_ts: ")}
    assert (strange.name, strange.configured, strange.loaded) == ("strange", False, True)
    assert (strange.children[0].configured, strange.children[0].close_action) == (False, "trap|start")


def test_a_key_that_strongswan_does_not_know_is_kept_and_reported_with_its_line(suite: str) -> None:
    found = gateway(suite, "drifted")
    (problem,) = (problem for problem in found.problems if problem.kind == "unknown-setting")
    assert "Encap" in problem.what
    assert problem.where == found.connections[0].settings["Encap"].origin


def test_a_broken_file_is_named_with_line_and_what_a_reload_would_do(suite: str) -> None:
    found = gateway(suite, "broken")
    (problem,) = (problem for problem in found.problems if problem.kind == "config-broken")
    assert problem.where == "/etc/swanctl/conf.d/zz.conf:6"
    assert "unload every connection" in problem.hint
    assert [(connection.configured, connection.loaded) for connection in found.connections] == [(False, True)] * 2


def test_a_missing_file_is_a_problem_and_the_daemon_is_read_all_the_same(suite: str) -> None:
    found = gateway(suite, "missing")
    (problem,) = found.problems
    assert (problem.kind, problem.where) == ("config-unreadable", OPTIONS.config)
    assert {connection.name for connection in found.connections} == {"west", "strange"}


def test_a_stopped_daemon_is_told_from_one_that_does_not_answer(suite: str) -> None:
    found = gateway(suite, "stopped")
    assert (kinds(found)[-1], found.daemon.running, found.daemon.installed) == ("daemon-stopped", False, True)
    assert (found.version, found.sas) == (SUITES[suite], None)
    assert [(connection.configured, connection.loaded) for connection in found.connections] == [(True, False)]
    reply = reply_of(suite, "stopped")
    runs = Reply({**reply.sections, "commands": ReplySection(0, b"charon-systemd\n")})
    silent = detect_platform(runs).read("gw", runs, OPTIONS)
    assert (kinds(silent)[-1], silent.daemon.running) == ("no-vici", True)


def test_a_host_without_swanctl_says_so(suite: str) -> None:
    found = gateway(suite, "bare")
    assert (kinds(found)[-1], found.daemon.installed, found.version) == ("no-swanctl", False, None)


def with_section(reply: Reply, name: str, section: ReplySection) -> Reply:
    return Reply({**reply.sections, name: section})


TROUBLE = (
    ("sas", ReplySection(0, b"list-sa event {\n  west {\n"), "listing-unreadable"),
    ("conns", ReplySection(22, b"", "list-conns request failed"), "listing-failed"),
    ("stats-reply", ReplySection(124, b""), "daemon-hangs"),
    (
        "keepalives",
        ReplySection(0, b"/etc/cron.d/tunnelwright-keepalive-x:# tunnelwright keepalive: {x\n"),
        "keepalive-unreadable",
    ),
    ("config", ReplySection(3, b""), "config-changing"),
    ("whole", ReplySection(1, b""), "config-unreadable"),
    ("file-0", ReplySection(1, b"connections {", "od: not found"), "config-unreadable"),
)


@pytest.mark.parametrize(("name", "section", "kind"), TROUBLE)
def test_one_part_that_did_not_come_is_a_problem_and_not_the_end(name: str, section: ReplySection, kind: str) -> None:
    reply = with_section(reply_of("trixie", "healthy"), name, section)
    found = detect_platform(reply).read("gw", reply, OPTIONS)
    assert kind in kinds(found)
    assert found.system.hostname == "a01"


KEEPALIVES = b"""\
/etc/systemd/system/tunnelwright-keepalive-a.timer:\
# tunnelwright keepalive: {"connection": "a", "child": "b:c", "interval": 30}
/etc/cron.d/tunnelwright-keepalive-d:# tunnelwright keepalive: {"connection": "d", "child": "e", "interval": 60}
"""


def test_keepalives_of_both_kinds_are_found() -> None:
    reply = with_section(reply_of("trixie", "healthy"), "keepalives", ReplySection(0, KEEPALIVES))
    one, other = detect_platform(reply).read("gw", reply, OPTIONS).keepalives
    assert (one.means, one.connection, one.child, one.interval) == ("systemd", "a", "b:c", 30.0)
    assert (other.means, other.origin) == ("cron", "/etc/cron.d/tunnelwright-keepalive-d:1")


IFCONFIG = b"""\
em0: flags=8863 metric 0 mtu 1500
\tinet 192.0.2.1 netmask 0xffffff00
\tinet6 fe80::1%em0 prefixlen 64
lo0: flags=8049
\tinet 127.0.0.1
"""


def test_addresses_are_read_from_ifconfig_too() -> None:
    reply = with_section(reply_of("trixie", "healthy"), "addresses", ReplySection(0, IFCONFIG))
    found = detect_platform(reply).read("gw", reply, OPTIONS).system.addresses
    assert found == ("em0 192.0.2.1/24", "em0 fe80::1/64", "lo0 127.0.0.1")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_gateway_survives_the_way_through_json(suite: str, situation: str) -> None:
    found = gateway(suite, situation)
    assert build_from_plain(Gateway, to_plain(found), "gateway") == found


def test_platforms_are_found_by_being_there() -> None:
    assert set(PLATFORMS) == {"pfsense", "strongswan"}
    with pytest.raises(IpsecError, match="known are pfsense, strongswan"):
        find_platform("none")
    with pytest.raises(IpsecError, match="unknown platform"):
        detect_platform(Reply({}))


def test_certificates_are_read_from_their_der() -> None:
    reply = with_section(reply_of("trixie", "healthy"), "certificates", ReplySection(0, CERTIFICATE.encode()))
    found = detect_platform(reply).read("gw", reply, replace(OPTIONS, certificates=True))
    (certificate,) = found.certificates or ()
    assert certificate.subject == "C=CH, O=Tünnel, CN=moon.lab"
    assert certificate.issuer == certificate.subject
    assert (certificate.serial, certificate.private_key) == ("4142", True)
    assert (certificate.not_before, certificate.not_after) == ("2026-01-02T03:04:05+00:00", "2056-01-02T03:04:05+00:00")


@pytest.mark.parametrize(
    ("kind", "written", "shown"),
    [(0x14, b"T\xfcnnel", "CN=T\\xfcnnel"), (0x13, b"*.moon_lab", "CN=*.moon_lab"), (0x1E, b"\0a\0b", "CN=ab")],
    ids=["Latin-1 in a TeletexString", "more than a PrintableString may have", "a BMPString"],
)
def test_a_name_that_charon_takes_costs_no_certificate(kind: int, written: bytes, shown: str) -> None:
    name = element(0x30, attribute("550403", written, kind))
    body = element(0x30, element(0x02, b"A"), ALGORITHM, name, TIMES, name, element(0x30, ALGORITHM))
    printed = f"list-cert event {{\n  type = X509\n  data = 0x{element(0x30, body, ALGORITHM).hex()}\n}}\n"
    assert [one.subject for one in parse_certificates(printed)] == [shown]


def element(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
    return bytes([tag]) + size + body


def attribute(oid: str, text: bytes, kind: int = 0x0C) -> bytes:
    return element(0x31, element(0x30, element(0x06, bytes.fromhex(oid)), element(kind, text)))


NAME = element(
    0x30, attribute("550406", b"CH"), attribute("55040a", "Tünnel".encode()), attribute("550403", b"moon.lab")
)
TIMES = element(0x30, element(0x17, b"260102030405Z"), element(0x18, b"20560102030405Z"))
ALGORITHM = element(0x30, element(0x06, bytes.fromhex("2b6570")))
BODY = element(
    0x30,
    element(0xA0, element(0x02, b"\2")),
    element(0x02, b"AB"),
    ALGORITHM,
    NAME,
    TIMES,
    NAME,
    element(0x30, ALGORITHM),
)
CERTIFICATE = (
    "list-cert event {\n  type = X509\n  flag = NONE\n  has_privkey = yes\n"
    f"  data = 0x{element(0x30, BODY, ALGORITHM).hex()}\n}}\nlist-certs reply {{\n}}\n"
)


@pytest.mark.parametrize(
    "said",
    [None, b"", b"\xff\xfe\x00", b"9" * 5000, b"x", b"x y\n" * 3, "²".encode()],
    ids=lambda said: repr(said)[:12],
)
@pytest.mark.parametrize("section", reply_of("trixie", "healthy").sections)
def test_whatever_a_section_says_it_is_read_or_one_sentence(section: str, said: bytes | None) -> None:
    sections = dict(reply_of("trixie", "healthy").sections)
    if said is None:
        del sections[section]
    else:
        sections[section] = ReplySection(0, said)
    with suppress(IpsecError):
        read_gateway("gw", Reply(sections), OPTIONS)


def test_an_answer_that_is_not_understood_names_the_gateway() -> None:
    sections = dict(reply_of("trixie", "healthy").sections)
    del sections["about"]
    with pytest.raises(IpsecError, match=r"what gw answered is not understood \(KeyError: 'about'\)"):
        read_gateway("gw", Reply(sections), OPTIONS)
