"""A mixed fleet, two stand-ins for pfSense and a strongSwan: broken, and played on without a secret being shown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lab.faults.hands import configure, keys, own_keys, terminate
from tests.lab.lab import Lab, running
from tests.lab.topology import Topology, topology

from .ansible_run import Run, playbook
from .ansible_server import ROOT

CONFIG = "/cf/conf/config.xml"
APPLY = 'require_once("config.inc"); require_once("ipsec.inc"); ipsec_configure();'
CANARY = "canary-9fQ2"  # in all that config.xml holds of secrets, but for the keys that the lab has made
PSKS = {"sites": f"{CANARY}-new-sites", "partner": f"{CANARY}-new-partner"}
OTHER_PSKS = (f"{CANARY}-another", f"{CANARY}-another-one")
SECRET = f"""<cert><refid>65f1</refid><descr><![CDATA[w]]></descr><crt>{CANARY}-crt</crt><prv>{CANARY}-prv</prv></cert>
<ca><refid>65f2</refid><descr><![CDATA[own]]></descr><crt>{CANARY}-ca</crt><prv>{CANARY}-ca-prv</prv></ca>
<ppps><ppp><ptpid>0</ptpid><username><![CDATA[x]]></username><password><![CDATA[{CANARY}-ppp]]></password></ppp></ppps>
</pfsense>"""
MOBILE = (
    f"<mobilekey><ident>a</ident><type>PSK</type><pre-shared-key>{CANARY}-mobile</pre-shared-key></mobilekey></ipsec>"
)
DECLARED: list[dict[str, Any]] = [
    {"name": "sites", "ends": [{"gateway": "branch", "connection": "con1"}, {"gateway": "hub", "connection": "con1"}]},
    {"name": "partner", "ends": [{"gateway": "hub", "connection": "con2"}, {"gateway": "linux", "connection": "hub"}]},
]
NAMES = re.compile(r"\b(hub|branch|linux|isp|sites|partner|[wl]an\d)\b")


@dataclass(frozen=True)
class Fault:
    """What is done to one end: to a pfSense in elements of its phases, to the strongSwan in swanctl's settings."""

    gateway: str
    connection: str
    phase1: Mapping[str, str | None] = field(default_factory=dict)  # None: the element goes
    phase2: Mapping[str, str | None] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    child: Mapping[str, str] = field(default_factory=dict)


def fleets(numbers: Iterable[int] = ("",)) -> Topology:
    """The topology `mixed`, or several of it side by side, whose names and networks have a number each.

    Nothing is run by pfSense's minicron in a test: what it would mend is to be seen.
    """
    text = (ROOT / "tests/lab/topologies/mixed.yml").read_text(encoding="utf-8")
    data: dict[str, Any] = {"gateways": {}, "routers": {}, "tunnels": {}}
    for number in numbers:
        one = yaml.safe_load(numbered(text, number))
        for kind in data:
            data[kind] |= one[kind]
    return topology({**data, "name": "mixed", "poll": 3600}, where="mixed.yml")


def numbered(text: str, number: int | str) -> str:
    """Names and addresses of one fleet."""
    named = NAMES.sub(rf"\g<1>{number}", text)
    return re.sub(r"\b(198\.18|10\.0)\.(\d)\.", lambda found: _moved(found[1], int(found[2]), number), named)


def _moved(network: str, own: int, number: int | str) -> str:
    if number == "":
        return f"{network}.{own}."
    return f"10.{number}.{own}." if network == "10.0" else f"{network}.{10 * int(number) + own}."


def pfsenses(lab: Lab) -> list[str]:
    """The gateways that are stand-ins for pfSense."""
    return [name for name, gateway in lab.topology.gateways.items() if gateway.kind == "pfsense"]


@contextmanager
def with_canaries(topology: Topology) -> Iterator[Lab]:
    """A running lab, in whose config.xml there are secrets of every kind."""
    with running(topology) as lab:
        for gateway in pfsenses(lab):
            text = config(lab, gateway).replace("</ipsec>", MOBILE).replace("</pfsense>", SECRET)
            text = re.sub("<pkcs11pin>.*?<", f"<pkcs11pin>{CANARY}-pin<", text)
            lab.write(gateway, CONFIG, text, mode="0640")
            lab.sh(gateway, "rm -f /tmp/config.cache; /usr/local/bin/php -f /etc/stand-in/format.php")
        yield lab


def put(lab: Lab, whole: Mapping[str, str], faults: Sequence[Fault] = ()) -> None:
    """All gateways as the lab made them (`whole`: the pfSense), but for these faults: applied, tunnels begun anew."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda gateway: _configure(lab, whole, gateway, faults), lab.topology.gateways))
        list(pool.map(lambda tunnel: _begin(lab, tunnel), lab.topology.tunnels))


def _configure(lab: Lab, whole: Mapping[str, str], gateway: str, faults: Sequence[Fault]) -> None:
    own = [fault for fault in faults if fault.gateway == gateway]
    if gateway in whole:
        lab.write(gateway, CONFIG, faulty(whole[gateway], own), mode="0640")
        lab.sh(gateway, f"rm -f /tmp/config.cache; /usr/local/bin/php -r '{APPLY}'")
        return
    tunnel = next(tunnel for tunnel in lab.topology.tunnels.values() if tunnel.responder.gateway == gateway)
    fault = own[0] if own else Fault(gateway, tunnel.responder.connection)
    keys(lab, tunnel.responder, own_keys(lab, tunnel.responder))
    configure(lab, tunnel, tunnel.responder, fault.settings, fault.child)


def _begin(lab: Lab, name: str) -> None:
    tunnel = lab.topology.tunnels[name]
    for end in (tunnel.responder, tunnel.initiator):
        terminate(lab, end)
    end = tunnel.initiator
    initiate = ["swanctl", "--initiate", "--ike", end.connection, "--child", end.connection, "--timeout", "3"]
    lab.exec(end.gateway, initiate)


def faulty(text: str, faults: Iterable[Fault]) -> str:
    """A config.xml with these faults."""
    for fault in faults:
        number = fault.connection.removeprefix("con")
        text = _edited(_edited(text, "phase1", number, fault.phase1), "phase2", number, fault.phase2)
    return text


def _edited(text: str, phase: str, number: str, elements: Mapping[str, str | None]) -> str:
    """Elements of the phases of one connection set, or taken out."""

    def one(found: re.Match[str]) -> str:
        section = found[0]
        if f"<ikeid>{number}</ikeid>" not in section:
            return section
        for name, value in elements.items():
            new = "" if value is None else f"<{name}>{value}</{name}>"
            section, there = re.subn(rf"<{name}>.*?</{name}>", new, section, flags=re.DOTALL)
            section = section if there else section.replace(f"</{phase}>", f"{new}</{phase}>")
        return section

    return re.sub(rf"<{phase}>.*?</{phase}>", one, text, flags=re.DOTALL)


def config(lab: Lab, gateway: str) -> str:
    return lab.sh(gateway, f"cat {CONFIG}")


def run(tmp: Path, hosts: Path, name: str, *arguments: str, **variables: object) -> Run:
    """A playbook at -vvv, with a log and a cache of facts: nowhere is any secret of config.xml in what it leaves."""
    extra = tmp / "extra.json"
    extra.write_text(json.dumps({"ipsec_report_dir": str(tmp), **variables}), encoding="utf-8")
    kept = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp / "facts")}
    kept |= {"ANSIBLE_LOG_PATH": str(tmp / "ansible.log")}
    own_process = ["env"]  # for Ansible opens its log when it is imported
    play = f"tunnelwright.ipsec.{name}"
    done = playbook(tmp, hosts, play, "-e", f"@{extra}", "-vvv", *arguments, enter=own_process, **kept)
    left = {str(path): path.read_text(encoding="utf-8", errors="replace") for path in _files(tmp) if path != extra}
    assert str(tmp / "ansible.log") in left
    shown = {"output": done.output, "results": json.dumps(done.tasks), **left}
    known = secrets(hosts)
    assert [where for where, text in shown.items() if any(secret in text for secret in known)] == []
    return done


def _files(tmp: Path) -> list[Path]:
    return [path for path in tmp.rglob("*") if path.is_file() and ROOT not in path.resolve().parents]


def secrets(hosts: Path) -> list[str]:
    """What must not be seen: the canaries and the lab's own keys, as they are and as pfSense writes them for charon."""
    variables = yaml.safe_load(hosts.read_text(encoding="utf-8"))["all"]["vars"]
    folder = Path(variables["ansible_ssh_private_key_file"]).parent
    own = [path.read_text(encoding="utf-8") for path in folder.glob("psk-*")]
    assert own
    return [CANARY, *own, *(base64.b64encode(key.encode()).decode() for key in [*own, *PSKS.values(), *OTHER_PSKS])]


def report(tmp: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp / f"{name}.json").read_text(encoding="utf-8"))
    return found


def by_tunnel(found: Mapping[str, Any]) -> dict[str, set[str]]:
    """The findings of each tunnel."""
    ids: dict[str, set[str]] = {}
    for finding in found["findings"]:
        ids.setdefault(finding["tunnel"], set()).add(finding["id"])
    return ids


def told(lab: Lab, gateway: str) -> str:
    """What a pfSense says of its revisions, of which one that nobody has changed has none, and its log."""
    revisions = "grep -rh '<description>' /cf/conf --include='*.xml'; find /cf/conf -name backup.cache -exec cat {} +"
    return lab.sh(gateway, f"{revisions}; cat /var/log/ipsec.log")


def files_that_show(lab: Lab, gateway: str, known: Iterable[str]) -> set[str]:
    """The files of a gateway, but for its own configuration, with one of these secrets in them."""
    own = "--exclude-dir=proc --exclude-dir=sys --exclude-dir=dev --exclude-dir=conf --exclude-dir=ipsec"
    patterns = "".join(f"{secret}\n" for secret in known)
    shown = lab.exec(gateway, ["sh", "-c", f"grep -rlF -f - {own} /tmp /var /etc /run /root"], stdin=patterns).stdout
    return set(shown.split())
