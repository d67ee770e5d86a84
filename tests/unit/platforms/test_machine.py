"""What a gateway says of its machine and of how long its daemon waits: load, routes, retransmission."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import detect_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.gather import gather
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.host import ROUTES_MAX
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions

from ...record import OPTIONS, replay
from ..shells import Shell, shell

__all__ = ["shell"]

HEALTHY = replay(Path(__file__).parent / "replies" / "trixie-healthy.json")
RULES = "family 4\n0:\tfrom all lookup local\n220:\tfrom all lookup 220 \n32766:\tfrom all lookup main \n"
MANY = "".join(f"10.{n // 256}.{n % 256}.0/24 dev eth0\n" for n in range(ROUTES_MAX))


def with_section(name: str, text: str, status: int = 0) -> Gateway:
    reply = Reply({**HEALTHY.sections, name: ReplySection(status, text.encode())})
    return detect_platform(reply).read("gw", reply, OPTIONS)


def gathered(shell: Shell, folder: Path, tools: dict[str, str]) -> Reply:
    """What is gathered in this shell where these tools, and swanctl, do so."""
    for name, does in {"swanctl": "true", **tools}.items():
        (folder / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    options = GatherOptions(digest_key="", config=str(folder / "swanctl.conf"))
    return replace(shell, path=f"{folder}:{shell.path}").run(gather(options))


NETSTAT = """Routing tables

Internet:
Destination        Gateway            Flags     Netif Expire
default            192.0.2.1          UGS         em0
10.1.0.0/24        link#2             U           em1
127.0.0.1          link#4             UH          lo0

Internet6:
Destination                       Gateway                       Flags     Netif Expire
default                           fe80::1%em0                   UGS         em0
fe80::%em0/64                     link#1                        U           em0
"""  # netstat(1) of FreeBSD 12 as its handbook shows it; -W of 14 adds Nhop# and Mtu
WIDE = """Internet:
Destination        Gateway            Flags         Nhop#    Mtu          Netif Expire
10.1.0.0/24        link#2             U                 1   1500            em1
"""


@pytest.mark.parametrize(
    ("said", "routes"),
    [
        (NETSTAT, ("0.0.0.0/0 em0", "10.1.0.0/24 em1", "127.0.0.1 lo0", "::/0 em0", "fe80::/64 em0")),
        (WIDE, ("10.1.0.0/24 em1",)),
        ("Routing tables\n\nInternet:\n", ()),
    ],
    ids=["12", "14", "no route"],
)
def test_routes_of_freebsd_are_read_by_the_heads_of_their_columns(said: str, routes: tuple[str, ...]) -> None:
    assert with_section("routes", said).system.routes == routes


def test_load_and_processors_of_freebsd_are_read_too() -> None:
    system = with_section("load", "{ 0.21 0.15 0.10 }\n4\n").system
    assert (system.load, system.cores) == ((0.21, 0.15, 0.10), 4)


@pytest.mark.parametrize(
    ("said", "addresses"),
    [
        ("em0: flags=8863<UP> metric 0\n\tinet 192.0.2.10 netmask 0xffffff80 broadcast 192.0.2.127\n",
         ("em0 192.0.2.10/25",)),
        ("em0: flags=8863<UP>\n\tinet 192.0.2.5 netmask 0xffffffff vhid 1\n", ("em0 192.0.2.5/32",)),
        ("em0: flags=8863<UP>\n\tinet6 2001:db8::1 prefixlen 64 scopeid 0x1\n", ("em0 2001:db8::1/64",)),
        ("em0: flags=8863<UP>\n\tinet6 fe80::1%em0 prefixlen 64 scopeid 0x1\n", ("em0 fe80::1/64",)),
        ("gif0: flags=8051<UP>\n\tinet 10.0.0.1 --> 10.0.0.2 netmask 0xffffffff\n", ("gif0 10.0.0.1",)),
        ("eth0: flags=4163<UP>\n        inet 10.0.0.1  netmask 255.255.255.0  broadcast 10.0.0.255\n",
         ("eth0 10.0.0.1/24",)),
        ("eth0      Link encap:Ethernet\n          inet addr:10.0.0.1  Bcast:10.0.0.255  Mask:255.255.0.0\n",
         ("eth0 10.0.0.1/16",)),
    ],
)  # fmt: skip
def test_addresses_of_ifconfig_have_their_networks(said: str, addresses: tuple[str, ...]) -> None:
    assert with_section("addresses", said).system.addresses == addresses


@pytest.mark.parametrize(
    ("said", "routes"),
    [
        (f"{RULES}10.2.0.0/24 dev ipsec0 src 10.1.0.1\n", ("10.2.0.0/24 ipsec0",)),
        (f"{RULES}default via 192.0.2.254 dev eth0\n", ("0.0.0.0/0 eth0",)),
        (f"{RULES}family 6\ndefault via fe80::1 dev eth0 metric 1024\n", ("::/0 eth0",)),
        (f"{RULES}10.3.0.0/16 proto bgp \\\tnexthop via 192.0.2.3 dev eth1 weight 1 \\\tnexthop dev eth2\n",
         ("10.3.0.0/16 eth1", "10.3.0.0/16 eth2")),
        (f"{RULES}family 6\nunreachable default dev lo metric 4294967295\nblackhole 10.0.0.0/8\n\n10.4.0.0/16\n", ()),
        (f"{RULES}100:\tfrom all fwmark 0x1 lookup 100\ndefault dev eth0\n", None),
        ("default dev eth0\n", None),
        (f"{RULES}{MANY}", None),
        ("", None),
    ],
)  # fmt: skip
def test_routes_are_destinations_and_devices_where_the_usual_rules_choose(
    said: str, routes: tuple[str, ...] | None
) -> None:
    assert with_section("routes", said).system.routes == routes


def test_routes_are_not_known_where_there_is_no_ip() -> None:
    assert with_section("routes", RULES, status=1).system.routes is None


@pytest.mark.parametrize(
    ("said", "load", "cores"),
    [
        ("0.08 1.30 2.94 2/345 678\n4\n", (0.08, 1.3, 2.94), 4),
        ("0.08 1.30 2.94 2/345 678\n", (0.08, 1.3, 2.94), None),
        ("", (), None),
        ("nonsense\n-1\n", (), None),
    ],
)
def test_the_load_is_read_with_the_cores_it_falls_on(said: str, load: tuple[float, ...], cores: int | None) -> None:
    system = with_section("load", said).system
    assert (system.load, system.cores) == (load, cores)


@pytest.mark.parametrize(
    ("about", "zone", "clock"),
    [
        ("gw\n1700000000\nLinux 6\nother\n64\n+0530\n", "+0530", "2023-11-15T03:43:20+05:30"),
        ("gw\n1700000000\nLinux 6\nsystemd\n64\n-0330\n", "-0330", "2023-11-14T18:43:20-03:30"),
        ("gw\n1700000000\nLinux 6\nother\n64\n+0000\n", "+0000", "2023-11-14T22:13:20+00:00"),
        ("gw\n1700000000\nLinux 6\nother\n64\n", "", None),  # a reply without a zone
        ("gw\n1700000000\nLinux 6\nother\n64\n%z\n", "", None),  # a date that has no %z
        ("gw\n1700000000\nLinux 6\nother\n64\nCET\n", "", None),
        ("gw\n1700000000\nLinux 6\nother\n64\n+2400\n", "", None),
        ("gw\n1700000000\nLinux 6\nother\n64\n+0160\n", "", None),
        ("gw\n%s\nLinux 6\nother\n64\n+0100\n", "+0100", None),
    ],
)
def test_the_clock_is_in_the_gateways_zone_where_that_is_known(about: str, zone: str, clock: str | None) -> None:
    system = with_section("about", about).system
    assert (system.zone, system.clock and system.clock.isoformat()) == (zone, clock)


def test_a_gateway_tells_its_zone(shell: Shell, tmp_path: Path) -> None:
    westward = f'PATH={shell.path}; TZ=NST3:30; export PATH TZ; exec date "$@"'
    reply = gathered(shell, tmp_path, {"date": westward})
    assert detect_platform(reply).read("gw", reply, OPTIONS).system.zone == "-0330"


def test_no_more_than_so_many_routes_are_sent(tmp_path: Path) -> None:
    shell = Shell("dash", ("sh", "-s"), os.environ["PATH"])
    reply = gathered(shell, tmp_path, {"ip": "seq -f '10.0.0.%.0f dev eth0' 300000"})
    assert len(reply.sections["routes"].text.splitlines()) == ROUTES_MAX


RULESET = """table ip translated {
    chain post {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 10.1.2.0/24 ip daddr 10.1.1.0/24 snat ip prefix to ip saddr map { 10.1.2.0/24 : 172.27.2.0/24 }
        ip saddr 10.1.2.0/24 ip daddr != 10.1.1.0/24 snat to 192.0.2.1
        ip saddr 10.1.2.0/24 masquerade comment "my key"
        ip saddr 10.1.2.0/24 snat to 192.0.2.1 comment "psk 4f:9a:00:de:ad:be:ef:11 or \\" 10.9.9.9"
        ip saddr 10.1.2.0/24 ether saddr 02:00:00:00:00:01 snat ip to 192.0.2.2
        ip6 saddr 2001:db8::/64 dnat to 2001:db8:1::1
        ip6 saddr 2001:db8:0:1:2:3:4:5 snat to fd00:1:2:3:4:5:6:7
        ip saddr 10.1.2.0/24 ip daddr 10.1.1.0/24 ct status dnat accept
        ip saddr 10.1.2.0/24 ip daddr 10.1.1.0/24 accept comment "no snat to it"
        ip saddr 10.1.2.0/24 snat to ip saddr map { MANY }
*nat
:POSTROUTING ACCEPT [7:504]
-A POSTROUTING -s 10.1.2.0/24 ! -d 10.1.1.0/24 -j SNAT --to-source 192.0.2.1
-A POSTROUTING -s 10.1.2.0/24 -d 10.1.1.0/24 -m conntrack --ctstate DNAT -j ACCEPT
-A POSTROUTING -s 10.1.2.0/24 -d 10.1.1.0/24 -m comment --comment secret=hunter2 -j NETMAP --to 172.27.2.0/24
no nat on em0 inet from 10.1.2.0/24 to 10.1.1.0/24
binat on enc0 inet from 10.1.2.0/24 to 10.1.1.0/24 -> 172.27.2.0/24
""".replace("MANY", ", ".join(f"10.{n // 256}.{n % 256}.0/24 : 10.{n // 256}.{n % 256}.9" for n in range(60_000)))
TRANSLATED = (
    "snat 10.1.2.0/24 10.1.1.0/24 10.1.2.0/24 172.27.2.0/24",
    "snat 10.1.2.0/24 192.0.2.1",
    "snat 10.1.2.0/24 192.0.2.2",
    "dnat 2001:db8::/64 2001:db8:1::1",
    "snat 2001:db8:0:1:2:3:4:5 fd00:1:2:3:4:5:6:7",
    "netmap 10.1.2.0/24 10.1.1.0/24 172.27.2.0/24",
    "binat 10.1.2.0/24 10.1.1.0/24 172.27.2.0/24",
)


def test_of_rules_that_translate_nothing_but_addresses_is_sent(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "ruleset").write_text(RULESET, encoding="utf-8")
    none = dict.fromkeys(("nft", "iptables-save", "ip6tables-save"), "true")  # not those of this machine
    reply = gathered(shell, tmp_path, {**none, "pfctl": f"cat {tmp_path / 'ruleset'}"})
    assert detect_platform(reply).read("gw", reply, OPTIONS).system.nat == TRANSLATED


def test_what_is_no_address_is_none() -> None:
    listed = "1: lo inet hello\n2: eth0 inet 10.1.0.1/24\n3: eth1 inet6 fe80::1%eth1/64\n4: eth2 inet 10.2.0.1/99\n"
    assert with_section("addresses", listed).system.addresses == ("eth0 10.1.0.1/24", "eth1 fe80::1%eth1/64")
