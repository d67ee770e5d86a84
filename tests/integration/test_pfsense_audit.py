"""What is found on two pfSense, shown on stand-ins: each fault is made in config.xml, applied, and run by charon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Finding, Gateway
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import detect_platform, find_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack, unpack

from tests.lab.lab import Lab, running
from tests.lab.topology import Topology, pairs, topology

OPTIONS = GatherOptions(digest_key="a key of the audit of two")
CONFIG = "/cf/conf/config.xml"
APPLY = """rm -f /tmp/config.cache
php -r 'require_once("config.inc"); require_once("ipsec.inc"); ipsec_configure();'
while grep -qs 'strongswan[r]c' /proc/[0-9]*/cmdline; do sleep 0.1; done # it has charon load in the background
tries=10
while [ $tries -gt 0 ] && swanctl --list-sas | grep -q CONNECTING; do sleep 0.2; tries=$((tries - 1)); done"""
A, B = "a01", "b01"  # b01 initiates
CHECKED = ("<keepalive>disabled</keepalive>", "<keepalive>enabled</keepalive>")


def two() -> Topology:
    """Two pfSense, not split, with two networks on one side, and a periodic check at the end that initiates."""
    data: Any = dict(pairs(1, name="pfaudit", pfsense={"a": "2.7.2", "b": "2.8.0"}).data)
    initiator, responder = data["tunnels"]["t01"]
    initiator["child"] = {"keepalive": "enabled"}
    responder["network"] = "10.1.1.0/24,10.1.9.0/24"
    return topology(data, where="pfaudit")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(two()) as lab:
        yield lab


@pytest.fixture
def restored(lab: Lab) -> Iterator[None]:
    """Both configurations, put back and applied, and the tunnel up again."""
    texts = {gateway: lab.sh(gateway, f"cat {CONFIG}") for gateway in (A, B)}
    yield
    for gateway, text in texts.items():
        lab.write(gateway, CONFIG, text, mode="0640")
        apply(lab, gateway)
    lab.exec(A, ["swanctl", "--terminate", "--ike", "con1", "--force"])
    lab.exec(B, ["swanctl", "--terminate", "--ike", "con1", "--force"])
    lab.exec(B, ["swanctl", "--initiate", "--ike", "con1", "--child", "con1", "--timeout", "10"])


def apply(lab: Lab, gateway: str) -> None:
    """What Apply Changes does, until the daemon has it and has made what it can."""
    lab.sh(gateway, APPLY)


def edit(lab: Lab, gateway: str, old: str, new: str, *, applied: bool = True) -> None:
    """Every occurrence in config.xml replaced."""
    text = lab.sh(gateway, f"cat {CONFIG}")
    assert old in text, (old, text)
    lab.write(gateway, CONFIG, text.replace(old, new), mode="0640")
    if applied:
        apply(lab, gateway)


def read(lab: Lab, gateway: str) -> Gateway:
    mark = make_mark()
    done = lab.exec(gateway, ["/bin/sh", "-s"], stdin=pack(find_platform("auto").gather(OPTIONS), mark).decode())
    reply = unpack(done.stdout.encode("utf-8", "surrogateescape"), mark)
    return detect_platform(reply).read(gateway, reply, OPTIONS)


def found(lab: Lab) -> dict[str, Finding]:
    tunnels, unpaired = pair_ends([read(lab, gateway) for gateway in (A, B)])
    assert (len(tunnels), unpaired) == (1, ())
    return {finding.id: finding for finding in diagnose(tunnels)}


def test_a_healthy_tunnel_of_two_yields_nothing(lab: Lab) -> None:
    assert lab.pings("t01") == (True, True)
    assert {key: (each.summary, each.evidence) for key, each in found(lab).items()} == {}


FAULTS: dict[str, tuple[list[tuple[str, str, str]], str, set[str]]] = {  # edits, what is found, and what may be beside
    "keepalive-both": ([(A, *CHECKED)], f"{A}/con1/con1", set()),
    "split-one-end": ([(A, "<mobike>", "<splitconn></splitconn><mobike>")], f"{A}/con1",
                      {"not-installed", "duplicate-child-sas", "sa-mismatch", "changes-unapplied"}),
    "connection-disabled": ([(A, "<mobike>", "<disabled></disabled><mobike>")], f"{A}/con1",
                            set()),
    "connection-omitted": ([(A, "<interface>wan</interface>", "<interface>opt9</interface>")], f"{A}/con1", set()),
    "version-auto": ([(B, "<iketype>ikev2</iketype>", "<iketype>auto</iketype>")], f"{B}/con1",
                     {"keepalive-idle", "initiator-not-persistent"}),
    "setting-refused": ([(B, "<mobike>", "<tfc_enable></tfc_enable><mobike>")], f"{B}/con1", set()),
    "dpd-traps-responder": ([(A, "<closeaction>none</closeaction>", "<closeaction></closeaction>")], f"{A}/con1/con1",
                            set()),
}  # fmt: skip


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_on_the_end_that_has_it(lab: Lab, name: str) -> None:
    edits, end, beside = FAULTS[name]
    for gateway, old, new in edits:
        edit(lab, gateway, old, new)
    there = found(lab)
    assert name in there, there
    assert str(there[name].end) == f"{end} (t01)"
    assert set(there) - {name} <= beside, {key: each.summary for key, each in there.items()}


@pytest.mark.usefixtures("restored")
def test_what_is_saved_and_not_applied_is_found(lab: Lab) -> None:
    edit(lab, A, "<dpd_delay>10</dpd_delay>", "<dpd_delay>20</dpd_delay>", applied=False)
    there = found(lab)
    assert set(there) == {"changes-unapplied"}
    assert f"{A}: dpd_delay: 20s in config.xml, 10s generated" in there["changes-unapplied"].evidence


@pytest.mark.usefixtures("restored")
def test_two_keys_for_one_peer_are_found(lab: Lab) -> None:
    text = lab.sh(A, f"cat {CONFIG}")
    first = text[text.index("<phase1>") : text.index("</phase1>") + len("</phase1>")]
    key = first.partition("<pre-shared-key>")[2].partition("<")[0]
    second = first.replace("<ikeid>1<", "<ikeid>7<").replace(key, "another key").replace("198.19.1.1", "198.19.1.77")
    edit(lab, A, first, first + second)
    tunnels, unpaired = pair_ends([read(lab, gateway) for gateway in (A, B)])
    assert [str(each.end) for each in unpaired] == [f"{A}/con7 (t01)"]
    assert "psk-ambiguous" in {finding.id for finding in diagnose(tunnels)}
