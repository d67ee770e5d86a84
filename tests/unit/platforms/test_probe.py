"""The probe: which addresses it takes, and what it calls what it finds. The awk runs for real, by every awk."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Daemon,
    Gateway,
    Reply,
    ReplySection,
    System,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import probe
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.probe import (
    PingAddresses,
    ProbeRequest,
    choose_addresses,
)

from ..shells import Shell, shell

__all__ = ["shell"]

CHOOSE = files(probe.__package__).joinpath("choose.awk").read_text(encoding="utf-8")
WISH = ProbeRequest("fw", "hq", "net", peer=("10.2.0.1",))


def child(  # noqa: PLR0913 - as many as a CHILD_SA has
    local: str,
    remote: str,
    name: str = "net",
    *,
    number: int = 1,
    state: str = "INSTALLED",
    packets: tuple[int, int] = (0, 0),
) -> str:
    items = {"local-ts": local, "remote-ts": remote}
    lists = "".join(
        f"        {key} = [\n" + "".join(f"          {ts}\n" for ts in value.split()) + "        ]\n"
        for key, value in items.items()
    )
    values = {"name": name, "uniqueid": number, "state": state}
    for way, count in zip(("in", "out"), packets, strict=True):
        values |= {f"bytes-{way}": count * 84, f"packets-{way}": count}
    lines = "".join(f"        {key} = {value}\n" for key, value in values.items())
    return f"      {name}-{number} {{\n{lines}{lists}      }}\n"


def sas(*children: str) -> str:
    return (
        "list-sa event {\n  hq {\n    uniqueid = 1\n    state = ESTABLISHED\n"
        "    local-host = 192.0.2.1\n    remote-host = 192.0.2.2\n"
        f"    child-sas {{\n{''.join(children)}    }}\n  }}\n}}\nlist-sas reply {{\n}}\n"
    )


NET = child("10.1.0.0/24", "10.2.0.0/24")
SIX = child("fd00:1::/60", "fd00:2::/60", "six", number=2)
ANY = child("0.0.0.0/0", "0.0.0.0/0")
OWN = "127.0.0.1 192.0.2.1 10.1.0.1 ::1 fe80::1 fd00:1:0:0:e::1"
PEER = "192.0.2.2 10.2.0.1 fd00:2:0:0:f::1"


@pytest.fixture(params=["mawk", "busybox awk", "gawk"])
def awk(request: pytest.FixtureRequest) -> list[str]:
    return str(request.param).split()


@pytest.mark.parametrize(
    ("listed", "asked", "answer"),
    [
        (sas(NET), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(SIX), {"peer": PEER}, "ping fd00:1:0:0:e::1 fd00:2:0:0:f::1 six"),
        (sas(NET, SIX), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net\nping fd00:1:0:0:e::1 fd00:2:0:0:f::1 six"),
        (sas(NET, SIX), {"peer": PEER, "child": "net"}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(NET, child("10.1.0.0/24", "10.2.0.0/24", number=3)), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(ANY), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(child("10.1.0.0/24|/0", "10.2.0.0/24|/0")), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),  # pfSense
        (sas(ANY), {"peer": "192.0.2.2", "own": "127.0.0.1 192.0.2.1"}, "ping 192.0.2.1 192.0.2.2 net"),
        (sas(child("192.0.2.1/32", "192.0.2.2/32")), {"peer": PEER}, "ping 192.0.2.1 192.0.2.2 net"),
        (sas(child("10.1.0.1..10.1.0.9", "10.2.0.1-10.2.0.1")), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(child("10.1.0.2..10.1.0.9", "10.2.0.0/24")), {"peer": PEER}, "no-own 10.1.0.2..10.1.0.9"),
        (sas(child("10.1.0.0/24[tcp/80]", "10.2.0.0/24")), {"peer": PEER}, "no-own 10.1.0.0/24[tcp/80]"),
        (sas(child("10.1.0.0/24[icmp]", "10.2.0.0/24")), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(child("172.16.0.0/12 10.1.0.0/25", "10.2.0.0/24")), {"peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(child("10.1.0.128/25", "10.2.0.0/24")), {"peer": PEER}, "no-own 10.1.0.128/25"),
        (sas(NET), {"peer": "192.0.2.2"}, "no-peer 10.2.0.0/24"),
        (sas(NET), {"pings": "- 10.2.0.77"}, "ping 10.1.0.1 10.2.0.77 net"),
        (sas(NET), {"pings": "- 10.3.0.77"}, "no-child - 10.3.0.77"),
        (sas(NET), {"pings": "10.1.0.1 -", "peer": PEER}, "ping 10.1.0.1 10.2.0.1 net"),
        (sas(NET), {"pings": "10.9.0.1 10.8.0.1"}, "ping 10.9.0.1 10.8.0.1 "),
        (
            sas(NET, SIX),
            {"pings": "- 10.2.0.7\n- fd00:2::7"},
            "ping 10.1.0.1 10.2.0.7 net\nping fd00:1:0:0:e::1 fd00:2::7 six",
        ),
        ("list-sas reply {\n}\n", {"peer": PEER}, "no-sa"),
        ("list-sas reply {\n}\n", {"pings": "- 10.2.0.7"}, "no-sa"),
        ("list-sas reply {\n}\n", {"pings": "10.1.0.1 10.2.0.7"}, "ping 10.1.0.1 10.2.0.7 "),
        (sas(child("10.1.0.0/24", "10.2.0.0/24", state="DELETING")), {"peer": PEER}, "no-sa"),
    ],
)
def test_addresses_are_taken_from_inside_the_selectors(
    awk: list[str], listed: str, asked: dict[str, str], answer: str
) -> None:
    environment = {"child": "", "own": OWN, "peer": "", "pings": "", "LC_ALL": "C", **asked}
    done = subprocess.run(
        [*awk, CHOOSE], input=listed, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{answer}\n"


# ---- what is found

IPUTILS = (
    "PING 10.2.0.1 (10.2.0.1) from 10.1.0.1 : 56(84) bytes of data.\n\n--- 10.2.0.1 ping statistics ---\n"
    "{sent} packets transmitted, {received} received, {loss}% packet loss, time 2002ms\n{times}"
)
BUSYBOX = (
    "PING 10.2.0.1 (10.2.0.1) from 10.1.0.1: 56 data bytes\n\n--- 10.2.0.1 ping statistics ---\n"
    "{sent} packets transmitted, {received} packets received, {loss}% packet loss\n{times}"
)
ANSWERED = IPUTILS.format(sent=3, received=3, loss=0, times="rtt min/avg/max/mdev = 0.508/0.609/0.675/0.072 ms\n")
LOST = IPUTILS.format(sent=3, received=0, loss=100, times="\n")


def counted(packets_in: int, packets_out: int, *, number: int = 1) -> str:
    return sas(child("10.1.0.0/24", "10.2.0.0/24", number=number, packets=(packets_in, packets_out)))


def reply(  # noqa: PLR0913 - one for each thing that varies
    before: str, after: str, pinged: str, *, plan: str = "ping 10.1.0.1 10.2.0.1 net", err: str = "", status: int = 0
) -> Reply:
    texts = {"user": "0\n", "sas-0": before, "plan": f"{plan}\n", "sas-1": after}
    return Reply(
        {n: ReplySection(0, t.encode()) for n, t in texts.items()}
        | {"ping-1": ReplySection(status, pinged.encode(), err)}
    )


@pytest.mark.parametrize(
    "printed",
    [ANSWERED, BUSYBOX.format(sent=3, received=3, loss=0, times="round-trip min/avg/max = 0.508/0.609/0.675 ms\n")],
)
def test_pings_answered_while_the_counters_rise_prove_the_tunnel(printed: str) -> None:
    proof = probe.parse_proof(WISH, reply(counted(5, 6), counted(8, 9), printed))
    (ping,) = proof.pings
    assert (proof.reachable, proof.esp_used, proof.faults) == (True, True, ())
    assert (ping.sent, ping.received, ping.rtt_min, ping.rtt_avg, ping.rtt_max) == (3, 3, 0.000508, 0.000609, 0.000675)
    assert (proof.before.packets_in, proof.after.packets_out, ping.rose.bytes_in) == (5, 9, 252)


FREEBSD = """PING 10.2.0.1 (10.2.0.1) from 10.1.0.1: 56 data bytes

--- 10.2.0.1 ping statistics ---
3 packets transmitted, 3 packets received, 0.0% packet loss
round-trip min/avg/max/stddev = 0.508/0.609/0.675/0.072 ms
"""
FREEBSD_6 = """PING6(56=40+8+8 bytes) fd00:1::1 --> fd00:2::1

--- fd00:2::1 ping6 statistics ---
3 packets transmitted, 3 packets received, 0.0% packet loss
round-trip min/avg/max/std-dev = 0.508/0.609/0.675/0.072 ms
"""


@pytest.mark.parametrize("printed", [FREEBSD, FREEBSD_6], ids=["ping", "ping6"])
def test_what_freebsds_ping_prints_is_understood(printed: str) -> None:
    (ping,) = probe.parse_proof(WISH, reply(counted(2, 2), counted(5, 9), printed)).pings
    assert (ping.sent, ping.received, ping.rtt_min, ping.rtt_avg, ping.rtt_max) == (3, 3, 0.000508, 0.000609, 0.000675)
    lost = printed.partition("round-trip")[0].replace("3 packets received, 0.0%", "0 packets received, 100.0%")
    (none,) = probe.parse_proof(WISH, reply(counted(2, 2), counted(2, 5), lost, status=2)).pings
    assert (none.sent, none.received, none.rtt_avg, none.error) == (3, 0, None, None)


IFCONFIG = """em0: flags=8863<UP,BROADCAST,RUNNING> metric 0 mtu 1500
\tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255 vhid 1
\tinet6 fe80::20c:29ff:fe00:1%em0 prefixlen 64 scopeid 0x1
em1: flags=8863<UP,BROADCAST,RUNNING> metric 0 mtu 1500
\tinet 10.1.0.1 netmask 0xffffff00 broadcast 10.1.0.255
\tinet6 fd00:1::1 prefixlen 60
"""
SIX_WISH = replace(WISH, child="six", peer=("fd00:2::1",))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (WISH, "ping -i 0.3 -W 2000 -n -q -c 3 -S 10.1.0.1 10.2.0.1"),
        (SIX_WISH, "ping6 -n -q -c 3 -S fd00:1::1 fd00:2::1"),
    ],
)
def test_freebsd_is_asked_in_its_own_words(shell: Shell, tmp_path: Path, wish: ProbeRequest, said: str) -> None:
    """ping(8) and ping6(8) of FreeBSD: no `ip`, a source by -S, and milliseconds."""
    both = sas(NET, SIX)
    for name, program in {
        "uname": "echo FreeBSD",
        "swanctl": f"cat {tmp_path}/sas",
        "ifconfig": f"cat {tmp_path}/ifconfig.txt",
        "ip": "exit 1",
        "ping": f'echo "ping $*" >>{tmp_path}/log',
        "ping6": f'echo "ping6 $*" >>{tmp_path}/log',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "sas").write_text(both, encoding="utf-8")
    (tmp_path / "ifconfig.txt").write_text(IFCONFIG, encoding="utf-8")
    made = probe.build_script(wish)
    found = shell.run(replace(made, source=f"PATH={tmp_path}:$PATH\n{made.source}"))
    assert found.sections["ping-1"].status == 0
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == [said]


def test_counters_are_right_across_a_rekey() -> None:
    (ping,) = probe.parse_proof(WISH, reply(counted(500, 600), counted(3, 3, number=2), ANSWERED)).pings
    assert (ping.rose.packets_in, ping.esp_used) == (3, True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(counted(5, 5), counted(5, 5), ANSWERED), "answered, but not through the tunnel"),
        (reply(counted(5, 5), counted(6, 6), ANSWERED), "answered, but not through the tunnel"),
        (
            reply(counted(5, 5), counted(5, 8), LOST),
            "up and carries nothing: 0 of 3 pings from 10.1.0.1 to 10.2.0.1 .* 3 packets left",
        ),
        (reply(counted(5, 5), counted(5, 5), LOST), "did not even enter it"),
        (reply(counted(5, 5), counted(8, 8), LOST), "packets came in through it, yet no answer"),
        (
            reply(counted(0, 0), counted(0, 0), "", err="ping: bind: Cannot assign requested address", status=2),
            "could not be sent .*Cannot assign",
        ),
        (reply(sas(), sas(), LOST), "no CHILD_SA is installed at fw/hq/net"),
        (reply(sas(), sas(), "", plan="no-sa"), "no CHILD_SA is installed at fw/hq/net"),
    ],
)
def test_what_does_not_carry_is_told_apart(answer: Reply, said: str) -> None:
    proof = probe.parse_proof(WISH, answer)
    assert not proof.reachable
    assert not proof.esp_used
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(proof.faults[0])


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("no-own 10.1.0.0/24", "no address of this gateway is inside local_ts 10.1.0.0/24 at fw/hq/net: .*`from`"),
        ("no-peer 10.2.0.0/24", "none of the peer's addresses is inside remote_ts 10.2.0.0/24 .*`to`"),
        ("no-child - 10.3.0.1", "no installed child has selectors for a ping from any address to 10.3.0.1"),
    ],
)
def test_without_an_address_to_ping_it_says_what_to_give(plan: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        probe.parse_proof(WISH, reply(counted(0, 0), counted(0, 0), "", plan=plan))


@pytest.mark.parametrize(
    ("user", "section", "said"),
    [
        ("0", ReplySection(127, b"", "swanctl: not found"), "there is no swanctl at fw"),
        (
            "1000",
            ReplySection(13, b"", "connecting to 'unix:///var/run/charon.vici' failed: Permission denied"),
            "become: true",
        ),
        (
            "0",
            ReplySection(111, b"", "connecting to 'unix:///var/run/charon.vici' failed: Connection refused"),
            "does not answer",
        ),
    ],
)
def test_a_daemon_that_is_not_to_be_had_is_an_error(user: str, section: ReplySection, said: str) -> None:
    with pytest.raises(IpsecError, match=said):
        probe.parse_proof(WISH, Reply({"user": ReplySection(0, user.encode()), "sas-0": section}))


@pytest.mark.parametrize(
    "odd",
    [
        {"peer": ()},
        {"peer": (), "pings": (PingAddresses("10.1.0.1", None),)},
        {"pings": (PingAddresses("$(reboot)", "10.2.0.1"),)},
        {"pings": (PingAddresses(None, "fw-branch"),)},
        {"count": 0},
        {"timeout": 61},
    ],
)
def test_what_cannot_be_pinged_is_refused_before_anything_is_sent(odd: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        probe.build_script(replace(WISH, **odd))  # type: ignore[arg-type]


def test_the_peers_addresses_are_what_its_gateway_info_says() -> None:
    gateway = Gateway(
        "b",
        "strongswan",
        Daemon(installed=True, running=True),
        system=System(addresses=("eth0 192.0.2.2/24", "lan fd00:2::1/64")),
    )
    assert choose_addresses(gateway) == ("192.0.2.2", "fd00:2::1")
