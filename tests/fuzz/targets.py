"""What reads, each with inputs to begin with. A target ends, or raises an `IpsecError`; all else is a defect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_causes
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    DeclaredEnd,
    DeclaredTunnel,
    Gateway,
    InitiationAttempt,
    Reply,
    ReplySection,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import read_gateway, strongswan
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import outage_probe, probe, sa
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.outage_probe import OutageProbeRequest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.probe import ProbeRequest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.sas import DesiredSas, plan_operation
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.build import build_report
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.diff import ReportDiff
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import terminal as as_table
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store.reports import FORMATS, diff_since
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import editor, proposals
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.connections import parse_connections
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import Path as Key
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import Settings, parse
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import known_hosts, ssh_config
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, unpack
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify import ping_targets, unproven

from tests.record import OPTIONS, replay
from tests.unit.build import mirrored
from tests.unit.platforms import pfsense_box

ROOT = Path(__file__).parents[1]
RECORDED = sorted((ROOT / "unit" / "platforms" / "replies").glob("*.json"))
SAMPLES = sorted((ROOT / "lab" / "pfsense").glob("*.xml"))
MARK = make_mark()
TIME = "2026-11-21T16:00:00Z"
CUT = b"\n--8<--\n"  # between the parts of an input
Input = bytes


@dataclass(frozen=True)
class Target:
    """Something that reads bytes, and what to begin with."""

    read: Callable[[Input], object]
    seeds: Callable[[], Iterator[Input]]


def _healthy() -> Reply:
    return replay(next(path for path in RECORDED if path.stem == "trixie-healthy"))


@cache
def _sections() -> Mapping[str, ReplySection]:
    return _healthy().sections


@cache
def _pfsense_sections() -> Mapping[str, ReplySection]:
    (sample,) = (path for path in SAMPLES if path.stem == "sample")
    generated = b"connections {\n  con1 {\n    version = 2\n  }\n}\n"
    return pfsense_box.reply(
        pfsense_box.told(sample), generated, sas=ReplySection(0, b""), conns=ReplySection(0, b"")
    ).sections


@cache
def _well() -> Gateway:
    return strongswan.read("fw", _healthy(), OPTIONS)


@cache
def _peer() -> Gateway:
    """The other end of all that the recorded gateway has."""
    well = _well()
    sas = tuple(
        replace(
            ike,
            initiator=not ike.initiator,
            local_host=ike.remote_host,
            remote_host=ike.local_host,
            children=tuple(
                replace(c, spi_in=c.spi_out, spi_out=c.spi_in, local_ts=c.remote_ts, remote_ts=c.local_ts)
                for c in ike.children
            ),
        )
        for ike in well.sas or ()
    )
    return replace(well, name="peer", connections=tuple(mirrored(c, c.name) for c in well.connections), sas=sas)


def _told(gateway: Gateway) -> None:
    """All that is made of a gateway once it is read: paired with a peer, judged, planned for, and told of."""
    name = _well().connections[0].name
    there = any(each.name == name for each in gateway.connections)
    ends = (DeclaredEnd("fw", name), DeclaredEnd("peer", name))
    found = audit([gateway, _peer()], declared=(DeclaredTunnel("fw-peer", ends),) if there else ())
    ping_targets.list_probes(found.tunnels, found.proofs)
    unproven.list_attempts(found)
    unproven.find_unproven(found, list_causes())
    report = build_report(found, (gateway,), TIME, sides=True)
    for form in FORMATS.values():
        form.render(report, ReportDiff())
    as_table.render(found, 100)


# Sections in which our own scripts speak: a gateway that lies there is refused as a whole. All others have what its
# programs print, or what people have written, and are read whatever that is.
OURS = ("about", "carp", "commands", "files", "guard", "keepalives", "platform", "rolled-back", "stats")
OURS += ("unread", "whole", "version", "load")
_SPANS = b"\n@spans"  # begins the last line of a file: ours again


def _one_section(base: Callable[[], Mapping[str, ReplySection]], options: GatherOptions) -> Callable[[Input], object]:
    """Reads an answer of which one section is as given: the input's first byte says which."""

    def answered(given: Input) -> None:
        sections = base()
        name = sorted(sections)[(given or b"0")[0] % len(sections)]
        out = given[1:] + (b"\n" + _SPANS[1:] if name.startswith("file-") else b"")
        try:
            gateway = read_gateway("fw", Reply({**sections, name: replace(sections[name], out=out)}), options)
        except IpsecError as error:
            if error.__cause__ and name not in OURS:
                raise AssertionError(f"section {name} is not understood") from error
            raise
        _told(gateway)

    return answered


def _each_section(
    base: Callable[[], Mapping[str, ReplySection]], replies: Callable[[], Iterator[Mapping[str, ReplySection]]]
) -> Callable[[], Iterator[Input]]:
    def seeds() -> Iterator[Input]:
        names = sorted(base())
        for sections in replies():
            for place, name in enumerate(names):
                if name in sections:
                    yield bytes([place]) + sections[name].out.partition(_SPANS)[0]

    return seeds


def _configuration(given: Input) -> None:
    """Read as settings and as connections; then some settings are set, which changes these and nothing else."""
    settings = parse(given)
    parse_connections(settings, (6, 0, 1))
    for path in _paths(settings):
        try:
            edits = editor.set_value(settings, path, "set # by test")
        except RefusedError:
            continue
        after = parse(editor.apply_edits({"<text>": given}, edits)["<text>"])
        was = settings.get(path)
        if list(editor.diff_values(settings, after).values()) != [(was.value if was else None, "set # by test")]:
            raise AssertionError(f"setting {path} has changed {editor.diff_values(settings, after)}")


def _paths(settings: Settings) -> list[Key]:
    found: list[Key] = []
    waiting: list[tuple[Key, object]] = [((), settings.tree())]
    while waiting and len(found) < 3:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, name), inner) for name, inner in value.items()]
        else:
            found.append(path)
    return found


def _log(given: Input) -> None:
    """What two daemons logged of an attempt: of the initiator, and of the responder."""
    own, dummy, others = given.decode("utf-8", "surrogateescape").partition(CUT.decode())
    name = _well().connections[0].name
    attempt = InitiationAttempt(
        "fw", name, established=False, log=tuple(own.splitlines()), peer_log=tuple(others.splitlines())
    )
    ends = (DeclaredEnd("fw", name), DeclaredEnd("peer", name))
    down = [replace(each, sas=(), log=tuple(others.splitlines())) for each in (_well(), _peer())]
    found = audit(down, declared=(DeclaredTunnel("fw-peer", ends),), attempts=(attempt,))
    build_report(found, down, TIME)


def _operation(free: tuple[str, ...], read: Callable[[Reply], object], **ours: bytes) -> Callable[[Input], object]:
    """Reads what an operation answers: the parts of the input in the sections `free`, and in others what is ours."""

    def answered(given: Input) -> None:
        parts = given.split(CUT, len(free) - 1)
        parts += [b""] * (len(free) - len(parts))
        sections = {
            name.replace("_", "-"): out for name, out in {**ours, **dict(zip(free, parts, strict=True))}.items()
        }
        read(Reply({name: ReplySection(0, out, "") for name, out in sections.items()}))

    return answered


_PINGED = b"""PING 10.1.0.1 (10.1.0.1) from 10.2.0.1 : 56(84) bytes of data.
64 bytes from 10.1.0.1: icmp_seq=1 ttl=64 time=0.3 ms

--- 10.1.0.1 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 402ms
rtt min/avg/max/mdev = 0.3/0.3/0.3/0.0 ms
"""
_HOSTS = b"""a,b ssh-ed25519 AAAA
@revoked [c]:22 ssh-rsa AAAA x
|1|c2FsdA==|aGFzaA== ssh-rsa AAAA
!d*,*.e ssh-rsa AAAA
"""
_SSH = b"""identityfile ~/.ssh/id_rsa
connecttimeout none
proxyjump a@b:22,c
userknownhostsfile /a /b
"""


def _sa_outcome(reply: Reply) -> None:
    wish = DesiredSas(_well().connections[0].name, "reinitiated")
    sa.parse_result(wish, plan_operation(wish, sa.parse_loaded(wish, reply)), reply)
    sa.parse_termination(wish, reply)


def _logs() -> Iterator[Input]:
    for path in RECORDED:
        if section := replay(path).sections.get("log"):
            yield section.out + CUT + section.out


def _files() -> Iterator[Input]:
    for path in RECORDED:
        for name, section in replay(path).sections.items():
            if name.startswith("file-"):
                yield section.out.partition(_SPANS)[0]


def _policies(given: Input) -> None:
    load("given.yml", lambda dummy: given.decode("utf-8", "replace"))


def _since(given: Input) -> None:
    with NamedTemporaryFile(suffix=".json") as file:
        file.write(given)
        file.flush()
        diff_since(build_report(audit([_well(), _peer()]), [_well()], TIME), Path(file.name))


def _profiles() -> Iterator[Input]:
    folder = Path(load.__code__.co_filename).parent / "profiles"
    yield from (path.read_bytes() for path in sorted(folder.glob("*.yml")))


def _report() -> Iterator[Input]:
    yield FORMATS["json"].render(build_report(audit([_well(), _peer()]), [_well()], TIME), ReportDiff()).encode()


TARGETS: Mapping[str, Target] = {
    "strongswan": Target(
        _one_section(_sections, OPTIONS), _each_section(_sections, lambda: (replay(path).sections for path in RECORDED))
    ),
    "pfsense": Target(
        _one_section(_pfsense_sections, pfsense_box.OPTIONS),
        _each_section(
            _pfsense_sections,
            lambda: (pfsense_box.reply(pfsense_box.told(path), _sections()["file-0"].out).sections for path in SAMPLES),
        ),
    ),
    "frames": Target(
        lambda given: unpack(given.replace(b"@@", MARK.encode()), MARK),
        lambda: iter([b"banner\n@@ begin a\nout\n@@ end a 0\nerr\n@@ stderr\n\n@@ done\n"]),
    ),
    "swanctl.conf": Target(_configuration, _files),
    "proposals": Target(
        lambda given: [
            proposals.have_common([one], [one, "default"], esp=esp)
            or proposals.is_weaker(one, ["aes256-sha256-x25519"])
            for one in given.decode("utf-8", "replace").split(",")
            for esp in (False, True)
        ],
        lambda: iter([b"aes256gcm16-prfsha384-ecp384,aes128-sha1_160-modp2048-esn-noesn,3des-md5,default"]),
    ),
    "log": Target(_log, _logs),
    "known_hosts": Target(
        lambda given: known_hosts.parse_lines([given.decode("utf-8", "surrogateescape")]), lambda: iter([_HOSTS])
    ),
    "ssh -G": Target(
        lambda given: ssh_config.parse_answer(
            f"hostname h\nport 22\nuser u\n{given.decode('utf-8', 'surrogateescape')}"
        ),
        lambda: iter([_SSH]),
    ),
    "sa": Target(
        _operation(("conns", "sas", "terminate"), _sa_outcome, stats_reply=b"", initiate=b"", rekey=b""),
        lambda: iter([CUT.join(_sections()[name].out for name in ("conns", "sas", "log"))]),
    ),
    "probe": Target(
        _operation(
            ("sas_0", "ping_1", "sas_1"),
            lambda reply: probe.parse_proof(ProbeRequest("fw", _well().connections[0].name), reply),
            user=b"0",
            plan=b"ping 10.2.0.1 10.1.0.1 net\n",
        ),
        lambda: iter([CUT.join((_sections()["sas"].out, _PINGED, _sections()["sas"].out))]),
    ),
    "outage": Target(
        _operation(
            ("heard",),
            lambda reply: outage_probe.parse_outage(
                OutageProbeRequest("fw", "hq", "net", "10.2.0.1", "10.1.0.1"), reply
            ),
        ),
        lambda: iter([_PINGED]),
    ),
    "policy": Target(_policies, _profiles),
    "report": Target(_since, _report),
}
