"""A mixed fleet as its operator meets it: two stand-ins for pfSense and a strongSwan, audited, repaired, changed.

What breaks a tunnel is put on either end, applied and run by charon; then the playbooks do the rest.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.faults.hands import configure, keys, nft, own_keys, terminate
from tests.lab.lab import Lab, running
from tests.lab.pinging import pinging
from tests.lab.topology import read

from .ansible_run import Run, playbook
from .ansible_server import ROOT

CONFIG = "/cf/conf/config.xml"
APPLY = 'require_once("config.inc"); require_once("ipsec.inc"); ipsec_configure();'
PFSENSES = ("hub", "branch")
TUNNELS = ("sites", "partner")
PSKS = {"sites": "canary-9fQ2-new-sites", "partner": "canary-9fQ2-new-partner"}
OTHER_PSKS = ("canary-9fQ2-another", "canary-9fQ2-another-one")
FEW = 10  # of the pings of both ends; mostly none
CANARY = "canary-9fQ2"  # in all that config.xml holds of secrets, but for the keys that the lab has made
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


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(read(ROOT / "tests/lab/topologies/mixed.yml")) as lab:
        for gateway in PFSENSES:
            text = config(lab, gateway).replace("</ipsec>", MOBILE).replace("</pfsense>", SECRET)
            text = re.sub("<pkcs11pin>.*?<", f"<pkcs11pin>{CANARY}-pin<", text)
            lab.write(gateway, CONFIG, text, mode="0640")
            lab.sh(gateway, "rm -f /tmp/config.cache; /usr/local/bin/php -f /etc/stand-in/format.php")
        yield lab


@dataclass(frozen=True)
class Fault:
    """What is done to one end: to a pfSense in elements of its phases, to the strongSwan in swanctl's settings."""

    gateway: str
    connection: str
    phase1: Mapping[str, str | None] = field(default_factory=dict)  # None: the element goes
    phase2: Mapping[str, str | None] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    child: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """Faults of both tunnels at a time, and what each is found as."""

    name: str
    faults: tuple[Fault, ...]
    found: Mapping[str, set[str]]  # by tunnel; others may be beside these
    psks: bool = False
    esp_lost: bool = False


BRANCH, HUB, HUB2, LINUX = ("branch", "con1"), ("hub", "con1"), ("hub", "con2"), ("linux", "hub")
NOBODY = {"startaction": "none", "closeaction": "none"}
NO_DPD = {"dpd_delay": None, "dpd_maxfail": None}
NETWORK = "<type>network</type><address>{}</address><netbits>{}</netbits>"
ROUNDS = (
    Round(
        "nobody starts, nobody checks, equal lifetimes",
        (
            Fault(*BRANCH, phase1=NOBODY, phase2={"keepalive": "disabled"}),
            Fault(*HUB, phase1={"lifetime": "28800"}, phase2={"lifetime": "3600"}),
            Fault(*HUB2, phase1=NO_DPD),
            Fault(*LINUX, settings={"dpd_delay": "0s"}),
        ),
        {"sites": {"no-initiator"}, "partner": {"dpd-off"}},
    ),
    Round(
        "proposals, PFS and networks apart",
        (
            Fault(*BRANCH, phase1={"dhgroup": "19"}, phase2={"remoteid": NETWORK.format("10.0.0.0", "25")}),
            Fault(*HUB2, phase2={"pfsgroup": "0"}),
            Fault(*LINUX, child={"remote_ts": "10.0.0.0/26"}),
        ),
        {
            "sites": {"ike-proposals-disjoint", "selectors-not-mirrored"},
            "partner": {"pfs-mismatch", "selectors-not-mirrored"},
        },
    ),
    Round(
        "identities and keys apart",
        (
            Fault(*HUB, phase1={"peerid_data": "somebody-else.lab"}),
            Fault(*BRANCH, phase1={"pre-shared-key": OTHER_PSKS[0]}),
            Fault(*HUB2, phase1={"pre-shared-key": OTHER_PSKS[1]}),
            Fault(*LINUX, settings={"remote.id": "somebody-else.lab"}),
        ),
        {"sites": {"identity-mismatch", "psk-mismatch"}, "partner": {"identity-mismatch", "psk-mismatch"}},
        psks=True,
    ),
    Round(
        "both start and come back",
        (
            Fault(*HUB, phase1={"startaction": "start", "closeaction": "start"}),
            Fault(*LINUX, child={"start_action": "start", "close_action": "start", "dpd_action": "start"}),
        ),
        {tunnel: {"both-initiate", "close-action-both"} for tunnel in TUNNELS},
    ),
    Round(
        "checks at both ends, and a path that loses ESP",
        (Fault(*HUB, phase2={"keepalive": "enabled"}),),
        {"sites": {"keepalive-both"}, "partner": {"nat-traversal-needed"}},
        esp_lost=True,
    ),
    Round(
        "close actions that do not go together",
        (
            Fault(*BRANCH, phase1={"closeaction": "none"}, phase2={"keepalive": "disabled"}),
            Fault(*HUB, phase1={"closeaction": ""}),
            Fault(*HUB2, phase1={"closeaction": ""}, phase2={"keepalive": "disabled"}),
        ),
        {"sites": {"initiator-not-persistent", "dpd-traps-responder"}, "partner": {"initiator-not-persistent"}},
    ),
)


@pytest.fixture(scope="module")
def whole(lab: Lab) -> dict[str, str]:
    """config.xml of both pfSense as the lab made it."""
    return {gateway: config(lab, gateway) for gateway in PFSENSES}


def faulty(text: str, faults: Iterable[Fault]) -> str:
    """A config.xml with these faults."""
    for fault in faults:
        number = fault.connection.removeprefix("con")
        text = edited(edited(text, "phase1", number, fault.phase1), "phase2", number, fault.phase2)
    return text


def put(lab: Lab, whole: Mapping[str, str], faults: Sequence[Fault]) -> None:
    """All gateways as the lab made them, but for these faults: applied, and both tunnels begun anew."""
    for gateway, text in whole.items():
        lab.write(gateway, CONFIG, faulty(text, [fault for fault in faults if fault.gateway == gateway]), mode="0640")
        lab.sh(gateway, f"rm -f /tmp/config.cache; /usr/local/bin/php -r '{APPLY}'")
    tunnel = lab.topology.tunnels["partner"]
    keys(lab, tunnel.responder, own_keys(lab, tunnel.responder))
    linux = next((fault for fault in faults if fault.gateway == "linux"), Fault(*LINUX))
    configure(lab, tunnel, tunnel.responder, linux.settings, linux.child)
    for tunnel in lab.topology.tunnels.values():
        for end in (tunnel.responder, tunnel.initiator):
            terminate(lab, end)
    for tunnel in lab.topology.tunnels.values():
        name, gateway = tunnel.initiator.connection, tunnel.initiator.gateway
        lab.exec(gateway, ["swanctl", "--initiate", "--ike", name, "--child", name, "--timeout", "3"])


def edited(text: str, phase: str, number: str, elements: Mapping[str, str | None]) -> str:
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
    done = playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", "-e", f"@{extra}", "-vvv", *arguments, **kept)
    left = {str(path): path.read_text(encoding="utf-8", errors="replace") for path in _files(tmp) if path != extra}
    assert str(tmp / "ansible.log") in left
    shown = {"output": done.output, "results": json.dumps(done.tasks), **left}
    assert [where for where, text in shown.items() if any(secret in text for secret in secrets(hosts))] == []
    return done


def _files(tmp: Path) -> list[Path]:
    return [path for path in tmp.rglob("*") if path.is_file() and ROOT not in path.resolve().parents]


def secrets(hosts: Path) -> list[str]:
    """What must not be seen: the canaries and the lab's own keys, as they are and as pfSense writes them for charon."""
    folder = Path(
        yaml.safe_load(hosts.read_text(encoding="utf-8"))["all"]["vars"]["ansible_ssh_private_key_file"]
    ).parent
    keys = [path.read_text(encoding="utf-8") for path in folder.glob("psk-*")]
    known = [*keys, *PSKS.values(), *OTHER_PSKS]
    return [CANARY, *keys, *(base64.b64encode(key.encode()).decode() for key in known)]


def report(tmp: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp / f"{name}.json").read_text(encoding="utf-8"))
    return found


def by_tunnel(found: Mapping[str, Any]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for finding in found["findings"]:
        ids.setdefault(finding["tunnel"], set()).add(finding["id"])
    return ids


def diffs(done: Run) -> set[str]:
    """What each gateway was shown to change, or to have changed."""
    return {
        f"{host}: {json.dumps(each['diff'], sort_keys=True)}"
        for task, host, result in done.tasks
        if "Write the findings" not in task
        for each in result.get("results", [result])
        if each.get("diff")
    }


def test_a_healthy_mixed_fleet_is_silent_and_carries_traffic_both_ways(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    done = run(tmp_path, hosts, "remediate")
    assert (done.status, done.changed()) == (0, {}), done.output
    found = report(tmp_path, "before")
    assert {tunnel["name"] for tunnel in found["tunnels"]} == {"branch-hub", "hub-linux"}
    assert found["findings"] == found["unpaired"] == found["plan"] == []
    pings = [each for gateway in lab.topology.gateways for each in _probed(done, gateway)]
    assert pings == [True] * 4


def _probed(done: Run, gateway: str) -> list[bool]:
    return [each["reachable"] for each in done.result("Ping through the tunnels that are up", gateway)["results"]]


@pytest.mark.parametrize("made", ROUNDS, ids=[made.name for made in ROUNDS])
def test_faults_of_both_tunnels_are_found_repaired_as_foretold_and_once(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path, made: Round
) -> None:
    if made.esp_lost:
        nft(lab, "isp", "add rule inet lab forward ip daddr 198.18.2.1 ip protocol esp drop")
    put(lab, whole, made.faults)
    given: dict[str, Any] = {"ipsec_tunnels": DECLARED, "ipsec_timeout": 10, "ipsec_psks": PSKS if made.psks else {}}
    foretold = run(tmp_path, hosts, "remediate", "--check", "--diff", **given)
    ids = by_tunnel(report(tmp_path, "before"))
    assert all(wanted <= ids.get(tunnel, set()) for tunnel, wanted in made.found.items()), ids
    done = run(tmp_path, hosts, "remediate", "--diff", **given)
    assert done.status == 0, done.output
    assert by_tunnel(report(tmp_path, "after")) == {}
    assert foretold.changed() == done.changed()
    assert diffs(foretold) == diffs(done)
    assert [lab.pings(tunnel) for tunnel in TUNNELS] == [(True, True)] * 2
    repeated = run(tmp_path, hosts, "remediate", **given)
    assert (repeated.status, repeated.changed()) == (0, {}), repeated.output
    assert report(tmp_path, "before")["findings"] == []
    if made.esp_lost:
        nft(lab, "isp", "flush chain inet lab forward")


def change(
    tmp: Path, hosts: Path, ticket: str, tunnels: list[dict[str, Any]], *arguments: str
) -> tuple[Run, dict[str, Any]]:
    """A change window, and the record that it has left."""
    given = {"ipsec_ticket": ticket, "ipsec_change_dir": str(tmp / "changes"), "ipsec_by": "alice", "ipsec_timeout": 5}
    done = run(tmp, hosts, "change_window", *arguments, ipsec_tunnels=tunnels, ipsec_serial=2, **given)
    kind = "plan" if "--check" in arguments else "change"
    last = max((tmp / "changes").glob(f"{kind}-{ticket}-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return done, json.loads(last.read_text(encoding="utf-8"))


def everything(lab: Lab) -> dict[str, str]:
    """What the gateways are configured to do: config.xml but for its revision, and all files of swanctl."""
    linux = lab.sh("linux", "cd /etc/swanctl && find . -type f | sort | xargs sha256sum")
    return {"linux": linux, **{gateway: _lasting(config(lab, gateway)) for gateway in PFSENSES}}


def _lasting(text: str) -> str:
    return re.sub(r"<revision>.*?</revision>", "<revision></revision>", text, flags=re.DOTALL)


def test_a_change_window_changes_what_is_declared_once_and_nothing_else(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole, ())
    before = everything(lab)
    wanted = [{**each, "settings": {"dpd_delay": "11s"}} for each in DECLARED]
    foreseen, plan = change(tmp_path, hosts, "CHG-1", wanted, "--check")
    assert foreseen.status == 0, foreseen.output
    assert everything(lab) == before
    done, made = change(tmp_path, hosts, "CHG-1", wanted)
    assert done.status == 0, done.output
    assert {tunnel["status"] for tunnel in made["tunnels"]} == {"done"}
    assert _steps(plan) == _steps(made)
    assert ("hub", "connection con2 (partner)") in _steps(made)
    for gateway, count in (("hub", 2), ("branch", 1)):
        assert everything(lab)[gateway] == before[gateway].replace("<dpd_delay>10<", "<dpd_delay>11<", count)
    again, dummy = change(tmp_path, hosts, "CHG-1", wanted)
    assert (again.status, again.changed()) == (0, {}), again.output


def _steps(made: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((step["gateway"], step["what"]) for tunnel in made["tunnels"] for step in tunnel["steps"])


def test_a_change_whose_proof_fails_leaves_both_ends_with_what_they_had(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole, ())
    before = everything(lab)
    nowhere = {"gateway": "hub", "connection": "con2", "settings": {"remote_addrs": "192.0.2.99"}}
    partner = {**DECLARED[1], "settings": {"dpd_delay": "12s"}, "ends": [nowhere, DECLARED[1]["ends"][1]]}
    done, made = change(tmp_path, hosts, "CHG-2", [{**DECLARED[0], "settings": {"dpd_delay": "12s"}}, partner])
    assert done.status != 0
    assert {tunnel["name"]: tunnel["status"] for tunnel in made["tunnels"]} == dict.fromkeys(TUNNELS, "rolled_back")
    assert everything(lab) == before
    assert [lab.pings(tunnel) for tunnel in TUNNELS] == [(True, True)] * 2


def test_the_playbook_rollback_undoes_what_nobody_has_confirmed(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole, ())
    before = everything(lab)
    name = "{{ 'hub' if inventory_hostname == 'linux' else 'con1' }}"
    tasks = [
        {"tunnelwright.ipsec.rollback_guard": {"state": "armed", "name": "CHG-3", "seconds": 300}},
        {"tunnelwright.ipsec.connection": {"name": name, "settings": {"dpd_delay": "13s"}, "reason": "CHG-3"}},
    ]
    done = playbook(tmp_path, hosts, [{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    assert (done.status, done.changed()) == (0, dict.fromkeys(lab.topology.gateways, 2)), done.output
    assert all("<dpd_delay>13<" in config(lab, gateway) for gateway in PFSENSES)
    for changed in (dict.fromkeys(lab.topology.gateways, 1), {}):
        undone = playbook(tmp_path, hosts, "tunnelwright.ipsec.rollback", "-e", "ipsec_ticket=CHG-3")
        assert (undone.status, undone.changed()) == (0, changed), undone.output
    assert everything(lab) == before


def test_what_a_pfsense_cannot_have_is_said_and_the_nearest_is_set_once(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole, (Fault(*HUB2, phase1=NOBODY, phase2={"keepalive": "disabled"}),))
    starts = {"start_action": "trap|start", "close_action": "trap", "dpd_action": "start"}
    hub, linux = DECLARED[1]["ends"]
    ends = [{**hub, "child_settings": starts}, {**linux, "child_settings": {"start_action": "none"}}]
    given = {"ipsec_tunnels": [DECLARED[0], {**DECLARED[1], "ends": ends, "settings": {"keyingtries": "0"}}]}
    done = run(tmp_path, hosts, "remediate", **given)
    assert done.status == 0, done.output
    held = lab.sh("hub", "swanctl --list-conns --pretty")
    assert ("<startaction>start<" in config(lab, "hub"), "<closeaction>start<" in config(lab, "hub")) == (True, True), (
        held
    )
    repeated = run(tmp_path, hosts, "remediate", **given)
    assert (repeated.status, repeated.changed()) == (0, {}), repeated.output
    found = report(tmp_path, "before")["findings"]
    assert {finding["id"] for finding in found} == {"setting-impossible"}
    said = " ".join(finding["summary"] for finding in found)
    assert "declared for hub/con2/con2 (partner) is start_action = trap|start" in said
    assert "hub cannot have that; the nearest is start" in said
    assert "keyingtries = 0, and hub has no place for it" in said


def test_a_declared_change_of_both_ends_loses_no_packet(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole, ())
    given = {"ipsec_tunnels": [{**each, "settings": {"proposals": "aes256-sha384-modp2048"}} for each in DECLARED]}
    with pinging(lab, "sites") as sites, pinging(lab, "partner") as partner:
        done = run(tmp_path, hosts, "remediate", **given)
    assert done.status == 0, done.output
    outages = report(tmp_path, "before")["outages"]
    assert {name: outage["seconds"] for name, outage in outages.items()} == dict.fromkeys(TUNNELS, 0)
    assert (sites.lost <= FEW, partner.lost <= FEW) == (True, True), (sites, partner)
    assert all("MODP_2048" in lab.sh(gateway, "swanctl --list-sas") for gateway in lab.topology.gateways)
    repeated = run(tmp_path, hosts, "remediate", **given)
    assert (repeated.status, repeated.changed()) == (0, {}), repeated.output


def test_no_secret_is_in_what_a_pfsense_logs_or_says_of_its_revisions(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """After all that was done here, and a key that is changed. Where its own configuration is, it has them."""
    wish = {"name": "con1", "settings": {"dpd_delay": "14s"}, "psk": PSKS["sites"], "reason": "CHG-4"}
    done = playbook(
        tmp_path,
        hosts,
        [{"hosts": list(PFSENSES), "gather_facts": False, "tasks": [{"tunnelwright.ipsec.connection": wish}]}],
    )
    assert (done.status, done.changed()) == (0, dict.fromkeys(PFSENSES, 1)), done.output
    known = secrets(hosts)
    own = "--exclude-dir=proc --exclude-dir=sys --exclude-dir=dev --exclude-dir=conf --exclude-dir=ipsec"
    for gateway in PFSENSES:
        told = lab.sh(
            gateway,
            "grep -h '<description>' /cf/conf/config.xml /cf/conf/backup/*.xml; cat /cf/conf/backup/backup.cache "
            "/var/log/ipsec.log",
        )
        assert "CHG-4: con1 " in told
        assert [secret for secret in known if secret in told] == []
        patterns = "".join(f"{secret}\n" for secret in known)
        seen = lab.exec(gateway, ["sh", "-c", f"grep -rlF -f - {own} /tmp /var /etc /run /root"], stdin=patterns).stdout
        assert set(seen.split()) <= {"/tmp/config.cache"}  # noqa: S108  that is where pfSense has it
