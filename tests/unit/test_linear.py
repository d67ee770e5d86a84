"""What a gateway or its peer has us read costs in proportion to its size: nobody else's audit waits for it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import read_gateway
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import outage_probe
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.outage_probe import OutageProbeRequest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.markdown_text import format_message
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import editor
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.certificates import parse_certificates
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log import parse_events
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import load, parse
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import known_hosts
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, unpack

from ..record import OPTIONS, replay
from .platforms import pfsense_box
from .platforms.test_pfsense_read import WHOLE, phase1, phase2

SIZES = 150_000, 600_000  # bytes
GROWTH = 10  # of the time for four times as much: 4 is linear, 16 quadratic
TRIES = 4
HEALTHY = replay(Path(__file__).parent / "platforms" / "replies" / "trixie-healthy.json")
MARK = make_mark()
PROBE = OutageProbeRequest("fw", "hq", "net", "10.2.0.1", "10.1.0.1")


def answered(name: str) -> Callable[[bytes], object]:
    """Reads a gateway of which one section is as given, and what its log means."""

    def read(out: bytes) -> object:
        reply = Reply({**HEALTHY.sections, name: ReplySection(0, out)})
        gateway = read_gateway("gw", reply, replace(OPTIONS, log_lines=1_000_000))
        return parse_events(gateway.log or ())

    return read


def framed(out: bytes) -> object:
    return unpack(out.replace(b"@", MARK.encode()) + f"\n{MARK} done\n".encode(), MARK)


def pfsense_answered(name: str) -> Callable[[bytes], object]:
    """Reads a pfSense of which one section is as given."""

    def read(out: bytes) -> object:
        reply = pfsense_box.reply(_sample())
        return read_gateway("gw", Reply({**reply.sections, name: ReplySection(0, out)}), pfsense_box.OPTIONS)

    return read


def edited(out: bytes) -> object:
    """Changes a connection beside what is given, and proves that nothing else changes."""
    files = {"conf": b"connections {\n  c {\n    version = 2\n  }\n}\nt {\n  a = b\n}\n" + out}
    wanted = {("connections", "c", "version"): "1", ("connections", "c", "children", "net", "mode"): "tunnel"}
    return editor.check("conf", files, editor.set_values(load("conf", files), wanted), wanted)


@cache
def _sample() -> ReplySection:
    return pfsense_box.told(Path(__file__).parents[1] / "lab" / "pfsense" / "sample.xml")


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def named(kind: bytes) -> str:
    """A certificate whose issuer has an attribute of this kind (RFC 5280 section 4.1)."""
    times = der(0x30, der(0x17, b"260101000000Z") * 2)
    name = der(0x30, der(0x31, der(0x30, der(0x06, b"\x55" + kind + b"\x01") + der(0x0C, b"x"))))
    fields = der(0x02, b"\x01") + der(0x30, b"") + name + times + name
    return f"list-cert event {{\n  type = X509\n  data = 0x{der(0x30, der(0x30, fields)).hex()}\n}}\n"


READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "frames without their end": (framed, b"\n@ begin a\n\n@ end a 0\n"),
    "frames": (framed, b"\n@ begin a\n\n@ end a 0\n\n@ stderr\n"),
    "a banner": (framed, b"\n@ "),
    "a rule with blanks": (answered("routes"), b"0:" + b" " * 100),
    "routes": (answered("routes"), b"dev "),
    "addresses": (answered("addresses"), b"1: lo inet6 ::1/128\n"),
    "words for addresses": (answered("addresses"), b"inet "),
    "selectors in a log": (answered("log"), b"traffic selectors  === "),
    "dots in a log": (answered("log"), b"11[IKE] " + b"." * 1990 + b"\n"),
    "identities in a log": (answered("log"), b"tried 2 shared keys for no IKE config found for "),
    "packets in a log": (answered("log"), b"11[NET] sending packet: from a to "),
    "a list of SAs": (answered("sas"), b"list-sa event {\n  a {\n    uniqueid = 1\n  }\n}\n"),
    "braces in a list of SAs": (answered("sas"), b"a {\n"),
    "words of a value": (parse, b"w "),
    "values": (parse, b"a = b\n"),
    "references": (parse, b"a, "),
    "sections": (parse, b"a { }\n"),
    "includes": (parse, b"include x\n"),
    "strings": (parse, b'a = "\\n'),
    "strings without end": (parse, b'a = "b\n'),
    "comments": (parse, b"#"),
    "an edit beside references": (edited, b"s : t { a = b }\n"),
    "an edit beside many who inherit": (edited, b"s : connections { }\n"),
    "rules that translate": (answered("nat"), b"snat 10.1.0.0/24 172.27.1.0/24\n"),
    "known hosts": (lambda out: known_hosts.parse_lines([out.decode()]), b"a,b,c "),
    "answers to pings": (
        lambda out: outage_probe.parse_outage(PROBE, Reply({"heard": ReplySection(0, out)})),
        b"64 bytes from seq=1 ",
    ),
    "certificates": (answered("certificates"), b"list-cert event {\n  type = X509\n  data = 0x3000\n}\n"),
    "a name of a certificate": (lambda out: parse_certificates(named(out)), b"\xff"),
    "interfaces of a pfSense": (
        pfsense_answered("addresses"),
        b"em0: flags=8863<UP>\n\tinet 192.0.2.10 netmask 0xffffff00\n",
    ),
    "words of a pfSense's interfaces": (pfsense_answered("addresses"), b"inet6 "),
    "CARP": (pfsense_answered("carp"), b"\tcarp: MASTER vhid 1 advbase 1\n"),
    "blanks before CARP": (pfsense_answered("carp"), b" "),
    "an answer of a pfSense": (pfsense_answered("config.xml"), b"[{"),
    "lines of Markdown": (lambda out: format_message(out.decode()), b"`:a@www.|"),
    "heads of pings": (
        lambda out: outage_probe.parse_outage(PROBE, Reply({"heard": ReplySection(0, out)})),
        b"PING ((((",
    ),
}
PREFIX = {"words of a value": b"a = ", "references": b"a : "}


def seconds(read: Callable[[bytes], object], out: bytes) -> float:
    """Of CPU: what else runs does not count, nor how full the memory is."""
    gc.collect()
    gc.disable()
    since = time.process_time()
    with suppress(IpsecError):
        read(out)
    taken = time.process_time() - since
    gc.enable()
    return taken


@pytest.mark.parametrize("name", READERS)
def test_more_takes_longer_in_proportion(name: str) -> None:
    read, unit = READERS[name]
    less, more = (PREFIX.get(name, b"") + unit * (size // len(unit)) for size in SIZES)
    taken = [(seconds(read, less), seconds(read, more)) for dummy in range(TRIES)]
    small, large = (min(each) for each in zip(*taken, strict=True))
    assert large < GROWTH * max(small, 0.01)


FEW, MANY = 200, 800  # tunnels of one gateway


def held(name: str, number: int) -> bytes:
    """What charon lists, so many times over, each under a name of its own."""
    (event, dummy) = HEALTHY.sections[name].text.split(f"list-{name} reply")
    return "".join(event.replace("west", f"con{n}").replace("net", f"con{n}") for n in range(number)).encode()


def swanctl_conf(number: int) -> bytes:
    """A connection and a key for each tunnel."""
    connections = "".join(
        f"  con{n} {{\n    remote_addrs = 198.51.100.{n % 250}\n    local {{\n      auth = psk\n    }}\n"
        f"    children {{\n      con{n} {{\n        remote_ts = 10.{n // 250}.{n % 250}.0/24\n      }}\n    }}\n  }}\n"
        for n in range(number)
    )
    keys = "".join(f'  ike-{n} {{\n    id = p{n}\n    secret = "@psk:{n:064x}"\n  }}\n' for n in range(number))
    return f"connections {{\n{connections}}}\nsecrets {{\n{keys}}}\n".encode()


def strongswan_with(number: int, dummy: Path) -> Callable[[], Gateway]:
    files = {"files": b"/etc/swanctl/swanctl.conf\n", "stats": b"", "file-0": swanctl_conf(number) + b"\n@spans\n"}
    made = files | {name: held(name, number) for name in ("conns", "sas")}
    reply = Reply({**HEALTHY.sections, **{name: ReplySection(0, out) for name, out in made.items()}})
    return lambda: read_gateway("gw", reply, OPTIONS)


def pfsense_with(number: int, folder: Path) -> Callable[[], Gateway]:
    phases = [phase1(n, interface=f"_vip{n}", peer=f"198.51.100.{n % 250}", descr=f"d{n}") for n in range(number)]
    vips = "".join(
        f"<vip><mode>carp</mode><vhid>{n % 250}</vhid><uniqid>{n}</uniqid><subnet>192.0.2.{n % 250}</subnet>"
        "<subnet_bits>24</subnet_bits></vip>"
        for n in range(number)
    )
    given = {"phase1": "".join(phases), "phase2": "".join(phase2(n, n) for n in range(number))}
    whole = WHOLE.format(wan="192.0.2.10", skew="0", hasync="", globals="", **given)
    config = folder / f"{number}.xml"
    config.write_text(whole.replace("</virtualip>", f"{vips}</virtualip>"), encoding="utf-8")
    lists = {name: ReplySection(0, held(name, number)) for name in ("conns", "sas")}
    reply = pfsense_box.reply(pfsense_box.told(config), swanctl_conf(number), **lists)
    return lambda: read_gateway("gw", reply, pfsense_box.OPTIONS)


@pytest.mark.parametrize("made", [strongswan_with, pfsense_with])
def test_a_gateway_of_more_tunnels_is_read_in_proportion(
    made: Callable[[int, Path], Callable[[], Gateway]], tmp_path: Path
) -> None:
    few, many = made(FEW, tmp_path), made(MANY, tmp_path)
    taken = [(seconds(lambda dummy: few(), b""), seconds(lambda dummy: many(), b"")) for dummy in range(TRIES)]
    small, large = (min(each) for each in zip(*taken, strict=True))
    assert len(few().connections) == FEW
    assert large < GROWTH * small


@pytest.mark.parametrize(
    "text",
    [
        "connections { c : "
        + ".".join("s" * 22)
        + " { } }\ns : t, u { s { } }\nt : s, u { s { } }\nu : s, t { s { } }\n",
        "".join(f"s{n} {{ a : s{n + 1} {{ }}\n b : s{n + 1} {{ }}\n }}\n" for n in range(40))
        + "connections : s0 { }\n",
    ],
    ids=["names of a reference", "sections in sections"],
)
def test_references_without_measure_are_an_error_and_no_wait(text: str) -> None:
    since = time.process_time()
    with suppress(ParseError):
        parse(text.encode()).tree()
    assert time.process_time() - since < 30  # not for ever: a machine that is busy, or slow, is not much slower
