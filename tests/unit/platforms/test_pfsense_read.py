"""A pfSense read: config.xml by this machine's PHP, and replies made up in FreeBSD's documented formats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Connection,
    Gateway,
    Reply,
    ReplySection,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import detect_platform, find_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.answer import parse_reply

from ..shells import Shell, shell
from .pfsense_box import FREEBSD, OPTIONS, PROGRAM, read, reply, told

__all__ = ["shell"]

PHASE1 = """<phase1><ikeid>{n}</ikeid><iketype>ikev2</iketype><interface>{interface}</interface>
<remote-gateway>{peer}</remote-gateway><protocol>{protocol}</protocol>
<myid_type>myaddress</myid_type><peerid_type>peeraddress</peerid_type>
<encryption><item><encryption-algorithm><name>aes</name><keylen>256</keylen></encryption-algorithm>
<hash-algorithm>sha256</hash-algorithm><dhgroup>14</dhgroup></item></encryption><lifetime>28800</lifetime>
<pre-shared-key>{key}</pre-shared-key><authentication_method>pre_shared_key</authentication_method>
<descr><![CDATA[{descr}]]></descr><dpd_delay>10</dpd_delay><dpd_maxfail>5</dpd_maxfail>{more}</phase1>"""
PHASE2 = """<phase2><ikeid>{n}</ikeid><uniqid>u{reqid}</uniqid><mode>{mode}</mode><reqid>{reqid}</reqid>
<localid>{local}</localid><remoteid><type>network</type><address>10.{reqid}.0.0</address><netbits>24</netbits></remoteid>
<protocol>esp</protocol><encryption-algorithm-option><name>aes</name><keylen>256</keylen></encryption-algorithm-option>
<hash-algorithm-option>hmac_sha256</hash-algorithm-option><pfsgroup>14</pfsgroup><lifetime>3600</lifetime>
<descr>child {reqid}</descr>{more}</phase2>"""
LAN = "<type>lan</type>"
WHOLE = """<?xml version="1.0"?><pfsense><version>23.3</version>
<interfaces><wan><enable></enable><if>em0</if><ipaddr>{wan}</ipaddr><subnet>24</subnet></wan>
<lan><enable></enable><if>em1</if><ipaddr>192.168.1.1</ipaddr><subnet>24</subnet></lan></interfaces>
<virtualip><vip><mode>carp</mode><interface>wan</interface><uniqid>abc</uniqid><vhid>1</vhid><advskew>{skew}</advskew>
<password>carp-password</password><subnet>192.0.2.5</subnet><subnet_bits>24</subnet_bits></vip></virtualip>
<gateways><gateway_group><name>Failover</name></gateway_group></gateways>
<hasync>{hasync}</hasync><cert><prv>cert-private</prv></cert>
<revision><time>1790000000</time><description><![CDATA[bob@192.0.2.9: tunnel changed]]></description>
<username>bob@192.0.2.9</username></revision>
<ipsec>{globals}{phase1}{phase2}</ipsec></pfsense>"""
BACKUP = FREEBSD.replace("carp: MASTER", "carp: BACKUP")


def phase1(n: int = 1, **values: str) -> str:
    given = {"interface": "wan", "peer": "198.51.100.2", "protocol": "inet", "key": "k", "descr": "to b", "more": ""}
    return PHASE1.format(n=n, **(given | values))


def phase2(reqid: int = 1, n: int = 1, **values: str) -> str:
    return PHASE2.format(n=n, reqid=reqid, **({"mode": "tunnel", "local": LAN, "more": ""} | values))


@pytest.fixture
def box(tmp_path: Path) -> Callable[..., Gateway]:
    """The gateway of entries of IPsec, and of what else is said."""

    def make(*entries: str, generated: bytes | None = None, **values: str | ReplySection) -> Gateway:
        texts = {"wan": "192.0.2.10", "skew": "0", "hasync": "", "globals": ""}
        given = {key: str(values.pop(key)) for key in list(values) if key in texts}
        parts = {kind: "".join(e for e in entries if e.startswith(f"<{kind}")) for kind in ("phase1", "phase2")}
        (tmp_path / "config.xml").write_text(WHOLE.format(**texts | given, **parts), encoding="utf-8")
        return read(tmp_path / "config.xml", generated, **values)

    return make


def only(gateway: Gateway) -> Connection:
    (connection,) = gateway.connections
    return connection


def test_settings_have_swanctls_names_and_the_path_of_their_element(box: Callable[..., Gateway]) -> None:
    connection = only(box(phase1(), phase2()))
    assert (connection.name, connection.description, connection.origin) == ("con1", "to b", "ipsec/phase1[ikeid=1]")
    (child,) = connection.children
    assert (child.name, child.description, child.origin) == ("con1", "child 1", "ipsec/phase2[uniqid=u1]")
    assert (child.local_ts, child.remote_ts, child.start_action) == (("192.168.1.0/24",), ("10.1.0.0/24",), "trap")
    assert child.settings["dpd_action"].origin == "ipsec/phase1[ikeid=1]/closeaction"
    assert child.settings["remote_ts"].origin == "ipsec/phase2[uniqid=u1]/remoteid"
    assert connection.native["remote-gateway"].value == "198.51.100.2"


def test_no_secret_and_nothing_unknown_is_told(tmp_path: Path) -> None:
    secrets = {
        "key": "psk-secret",
        "more": "<private-key>p1-private</private-key><pkcs11pin>1234567</pkcs11pin><new>x9</new>",
    }
    text = WHOLE.format(wan="192.0.2.10", skew="0", hasync="<password>sync-password</password>", globals=dedent("""\
        <mobilekey><ident>bob</ident><type>EAP</type><pre-shared-key>bobs-secret</pre-shared-key></mobilekey>
        <client><login_banner>banner-text</login_banner></client>"""), phase1=phase1(**secrets), phase2="")  # fmt: skip
    (tmp_path / "config.xml").write_text(text, encoding="utf-8")
    said = told(tmp_path / "config.xml").text
    hidden = ("psk-secret", "p1-private", "1234567", "x9", "carp-password", "cert-private", "sync-password",
              "bobs-secret", "banner-text")  # fmt: skip
    assert [secret for secret in hidden if secret in said] == []
    assert json.loads(said)["config"]["ipsec"]["phase1"][0]["@hidden"] == ["private-key", "pkcs11pin", "new"]


@pytest.mark.parametrize(
    ("interface", "protocol", "more", "addresses"),
    [
        ("wan", "inet", {}, ("192.0.2.10",)),
        ("wan", "inet", {"wan": "dhcp"}, ("192.0.2.10",)),
        ("wan", "inet6", {}, ()),
        ("_vipabc", "inet", {}, ("192.0.2.5",)),
        ("_vipabc", "inet6", {}, ()),
        ("_vipgone", "inet", {}, ()),
        ("opt9", "inet", {}, ()),
        ("Failover", "inet", {}, ()),
    ],
)
def test_the_address_of_an_interface_is_what_pfsense_would_take(
    box: Callable[..., Gateway], interface: str, protocol: str, more: dict[str, str], addresses: tuple[str, ...]
) -> None:
    connection = only(box(phase1(interface=interface, protocol=protocol), phase2(), **more))
    assert connection.local_addrs == (addresses or ("%any",))
    assert connection.omitted == ("" if addresses else "no-address")


def test_an_address_that_only_the_system_knows_is_the_one_that_was_generated(box: Callable[..., Gateway]) -> None:
    file = b"connections { con1 { local_addrs = 203.0.113.7\n } }\n"
    connection = only(box(phase1(interface="Failover"), phase2(), generated=file))
    assert (connection.local_addrs, connection.omitted) == (("203.0.113.7",), "")
    assert connection.settings["local_addrs"].origin == "/var/etc/ipsec/swanctl.conf:1"
    assert not any("local_addrs" in text for text in connection.unapplied)


def test_an_address_that_comes_from_elsewhere_is_no_change_that_waits(box: Callable[..., Gateway]) -> None:
    file = b"connections { con1 { local_addrs = 203.0.113.7\n local { id = 203.0.113.7\n } } }\n"
    connection = only(box(phase1(), phase2(), wan="dhcp", generated=file))
    assert connection.local_addrs == ("203.0.113.7",)
    assert not [text for text in connection.unapplied if "203.0.113.7" in text or "192.0.2.10" in text]


def test_the_standby_of_a_cluster_starts_nothing(box: Callable[..., Gateway]) -> None:
    found = box(phase1(interface="_vipabc"), phase2(), carp=BACKUP, skew="100")
    assert [child.start_action for child in only(found).children] == ["none"]
    assert [child.dpd_action for child in only(found).children] == ["none"]
    assert only(found).standby
    assert found.appliance is not None
    assert (found.appliance.role, found.appliance.carp[0].state) == ("secondary", "BACKUP")
    assert "ha-secondary" in {problem.kind for problem in found.problems}


def test_a_primary_sends_its_configuration(box: Callable[..., Gateway]) -> None:
    found = box(phase1(), hasync="<synchronizetoip>192.0.2.11</synchronizetoip>")
    assert found.appliance is not None
    assert (found.appliance.role, found.appliance.carp[0].state) == ("primary", "MASTER")


def test_revisions_say_who_and_what(tmp_path: Path) -> None:
    (tmp_path / "config.xml").write_text(
        WHOLE.format(wan="192.0.2.10", skew="0", hasync="", globals="", phase1="", phase2=""), encoding="utf-8"
    )
    kept = 'a:3:{i:1790000100;a:1:{s:11:"description";s:18:"eve@lan: something";}i:1790000200;a:1:{s:11:"description";'
    kept += 's:6:"no one";}s:8:"versions";a:0:{}}'
    (tmp_path / "backup.cache").write_text(kept, encoding="utf-8")
    found = parse_reply(reply(told(tmp_path / "config.xml", tmp_path / "backup.cache")), [])
    assert found is not None
    assert found.revision is not None
    assert (found.revision.by, found.revision.description) == ("bob@192.0.2.9", "tunnel changed")
    assert [(each.time, each.by, each.description) for each in found.revisions] == [
        (1790000200.0, "", "no one"),
        (1790000100.0, "eve@lan", "something"),
    ]


@pytest.mark.parametrize(
    ("entry", "first", "pinged", "kept"),
    [
        ("<keepalive>enabled</keepalive>", "", "", [("keepalive", "con1", "")]),
        ("<keepalive>disabled</keepalive>", "", "", []),
        ("<pinghost>10.1.0.9</pinghost>", "", "192.168.1.1|10.1.0.9|3|||||6|\n", [("pinghost", "con1", "")]),
        ("<pinghost>10.1.0.9</pinghost>", "", "", [("pinghost", "con1", "no address of this firewall")]),
        (
            "<pinghost>10.1.0.9</pinghost>",
            "<startaction>none</startaction>",
            "",
            [("pinghost", "con1", "starts nothing")],
        ),
        ("<keepalive>enabled</keepalive>", "<splitconn></splitconn>", "", [("keepalive", "con1_1", "")]),
    ],
)
def test_periodic_checks_are_told_with_why_they_do_nothing(
    box: Callable[..., Gateway], entry: str, first: str, pinged: str, kept: list[tuple[str, str, str]]
) -> None:
    found = box(phase1(more=first), phase2(more=entry), pinghosts=pinged).keepalives
    assert [(check.means, check.child) for check in found] == [each[:2] for each in kept]
    assert all(
        why in check.idle and bool(why) == bool(check.idle) for check, (*dummy, why) in zip(found, kept, strict=True)
    )


def test_a_check_of_a_child_that_charon_has_not_does_nothing(box: Callable[..., Gateway]) -> None:
    first = phase1().replace("ikev2", "auto")
    (check,) = box(first, phase2(more="<keepalive>enabled</keepalive>")).keepalives
    assert "con1_1" in check.idle


def test_a_routed_child_is_pinged_in_vain(box: Callable[..., Gateway]) -> None:
    local = "<type>network</type><address>10.255.0.1</address><netbits>30</netbits>"
    found = box(phase1(), phase2(mode="vti", local=local, more="<pinghost>10.1.0.9</pinghost>"))
    assert "VTI" in found.keepalives[0].idle
    assert only(found).children[0].route_based


def test_a_translated_network_is_what_the_peer_sees(box: Callable[..., Gateway]) -> None:
    nat = "<natlocalid><type>network</type><address>172.16.0.0</address><netbits>24</netbits></natlocalid>"
    (child,) = only(box(phase1(), phase2(more=nat))).children
    assert child.local_ts == ("172.16.0.0/24",)
    assert child.settings["local_ts"].value == "172.16.0.0/24|192.168.1.0/24"


SAS = """list-sa event {
  con1 {
    uniqueid = 1
    version = 2
    state = ESTABLISHED
    child-sas {
      con1-1 {
        name = con1
        uniqueid = 1
        state = INSTALLED
        local-ts = [
          172.16.0.0/24|192.168.1.0/24
        ]
        remote-ts = [
          10.1.0.0/24|/0
        ]
      }
    }
  }
}
"""


def test_selectors_of_the_patched_charon_are_read_without_what_it_adds(box: Callable[..., Gateway]) -> None:
    (sa,) = box(phase1(), phase2(), sas=SAS).sas or ()
    assert (sa.children[0].local_ts, sa.children[0].remote_ts) == (("172.16.0.0/24",), ("10.1.0.0/24",))


def test_connections_of_mobile_clients_are_those_that_were_generated(box: Callable[..., Gateway]) -> None:
    file = b"con-mobile-defaults { version = 2\n }\nconnections { con-mobile : con-mobile-defaults { pools = p\n } }\n"
    (connection,) = box(phase1(more="<mobile></mobile>"), phase2(more="<mobile></mobile>"), generated=file).connections
    assert (connection.name, connection.native, connection.unapplied) == ("con-mobile", {}, ())


def test_a_connection_that_was_never_generated_waits(box: Callable[..., Gateway]) -> None:
    found = box(phase1(), phase2(), generated=b"connections {\n}\n")
    assert only(found).unapplied == ("con1: in config.xml, not generated yet",)


def test_one_that_was_generated_and_is_disabled_since_waits(box: Callable[..., Gateway]) -> None:
    file = b"connections { con1 { version = 2\n } }\n"
    off = phase1(more="<disabled></disabled>")
    connection = box(off, phase1(2, peer="198.51.100.3"), phase2(), generated=file).connections[0]
    assert "disabled" in connection.unapplied[0]
    alone = box(off, phase2(), generated=file)
    assert only(alone).unapplied == (), "pfSense stops charon then, and leaves the file"


def test_a_daemon_that_pfsense_stopped_itself_says_why(box: Callable[..., Gateway]) -> None:
    swanctl = {"swanctl": "/usr/local/sbin/swanctl", "stats-reply": ReplySection(2, b"", "connecting failed")}
    (problem,) = box(phase1(more="<disabled></disabled>"), **swanctl).problems
    assert (problem.kind, "no phase 1 is enabled" in problem.hint) == ("daemon-stopped", True)


def test_another_key_than_generated_waits_and_is_not_told(box: Callable[..., Gateway]) -> None:
    file = b'secrets { ike-0 { secret = "@psk:%s"\n id-0 = %%any\n id-1 = 198.51.100.2\n } }\n' % (b"0" * 64)
    found = box(phase1(key="another"), phase2(), generated=file)
    assert only(found).unapplied[-1] == "pre-shared key: another in config.xml than generated"
    assert len(found.secrets) == 1


def test_nothing_generated_yet_is_a_problem(box: Callable[..., Gateway]) -> None:
    assert "not-generated" in {problem.kind for problem in box(phase1(), phase2()).problems}
    assert "not-generated" not in {problem.kind for problem in box(phase1(more="<disabled></disabled>")).problems}


@pytest.mark.parametrize(
    ("section", "kind", "what"),
    [
        (ReplySection(0, b'{"problem":"denied"}'), "config-unreadable", "this user may not read"),
        (ReplySection(0, b'{"problem":"missing"}'), "config-unreadable", "there is no config.xml"),
        (ReplySection(255, b"", "PHP Fatal error: x"), "config-unreadable", "PHP Fatal error: x"),
        (ReplySection(127, b""), "config-unreadable", "exit status 127"),
    ],
)
def test_what_php_cannot_tell_is_one_problem(section: ReplySection, kind: str, what: str) -> None:
    gateway = detect_platform(reply(section)).read("fw", reply(section), OPTIONS)
    problem = gateway.problems[0]
    assert (problem.kind, what in problem.what, bool(problem.hint)) == (kind, True, True)
    assert (gateway.appliance, gateway.connections) == (None, ())


def test_one_script_reads_whichever_platform_is_there(shell: Shell) -> None:
    script = find_platform("auto").gather(OPTIONS)
    assert shell.run(script).sections["platform"].text.strip() == "strongswan"
    source = re.sub(r"^tw_pfsense_here\(\) .*$", "tw_pfsense_here() { true; }", script.source, flags=re.MULTILINE)
    found = shell.run(type(script)(source, script.variables, script.secrets))
    assert detect_platform(found).read("fw", found, OPTIONS).platform == "pfsense"


def test_the_keys_of_digests_travel_as_secrets() -> None:
    assert set(PROGRAM.secrets) == {"TW_ASKED", "TW_IPAD", "TW_OPAD"}


def test_a_reply_of_no_platform_of_ours_is_an_error() -> None:
    with pytest.raises(IpsecError, match="known are"):
        detect_platform(Reply({"platform": ReplySection(0, b"other")}))
