"""What a gateway or its peer has us read costs in proportion to its size: nobody else's audit waits for it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.errors import IpsecError, ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import Reply, Section
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms import read_gateway
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.platforms.strongswan import outage
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.swanctl.log import events
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.swanctl.settings import parse
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.transport import known_hosts
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.transport.frames import new_mark, unpack

from ..record import OPTIONS, replay

SIZES = 150_000, 600_000  # bytes
GROWTH = 10  # of the time for four times as much: 4 is linear, 16 quadratic
TRIES = 4
HEALTHY = replay(Path(__file__).parent / "platforms" / "replies" / "trixie-healthy.json")
MARK = new_mark()
PROBE = outage.Wish("fw", "hq", "net", "10.2.0.1", "10.1.0.1")


def answered(name: str) -> Callable[[bytes], object]:
    """Reads a gateway of which one section is as given, and what its log means."""

    def read(out: bytes) -> object:
        reply = Reply({**HEALTHY.sections, name: Section(0, out)})
        gateway = read_gateway("gw", reply, replace(OPTIONS, log_lines=1_000_000))
        return events(gateway.log or ())

    return read


def framed(out: bytes) -> object:
    return unpack(out.replace(b"@", MARK.encode()) + f"\n{MARK} done\n".encode(), MARK)


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
    "known hosts": (lambda out: known_hosts.read([out.decode()]), b"a,b,c "),
    "answers to pings": (lambda out: outage.outage(PROBE, Reply({"heard": Section(0, out)})), b"64 bytes from seq=1 "),
    "heads of pings": (lambda out: outage.outage(PROBE, Reply({"heard": Section(0, out)})), b"PING (((("),
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
