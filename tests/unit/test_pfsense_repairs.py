"""What the plan asks of a pfSense is what a pfSense can have, and once it has it, nobody asks again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    REPAIRS,
    Gateway,
    Reply,
    ReplySection,
    Step,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.edits import apply_edits
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.element import Element

from tests.unit.platforms.pfsense_box import ABOUT, FREEBSD, OPTIONS, reply, told
from tests.unit.platforms.test_pfsense_read import WHOLE, phase1, phase2

ENDS = {"a": ("192.0.2.10", "198.51.100.2", "192.168.1.0", "10.1.0.0"),
        "b": ("198.51.100.2", "192.0.2.10", "10.1.0.0", "192.168.1.0")}  # fmt: skip
STARTS = ("</phase1>", "<startaction>start</startaction><closeaction>start</closeaction></phase1>")
ANSWERS = ("</phase1>", "<startaction>none</startaction><closeaction>none</closeaction></phase1>")
WAITS = ("</phase1>", "<startaction>none</startaction></phase1>")
NO_DPD = ("<dpd_delay>10</dpd_delay>", "")
GCM = ("<name>aes</name><keylen>256</keylen></encryption-algorithm-option>",
       "<name>aes256gcm</name><keylen>128</keylen></encryption-algorithm-option>")  # fmt: skip
Swap = tuple[str, str]
CASES: Mapping[str, tuple[tuple[Swap, ...], tuple[Swap, ...]]] = {
    "no end starts": ((WAITS,), (WAITS,)),
    "both start": ((STARTS,), (STARTS,)),
    "nothing after the end of an SA": ((("</phase1>", "<startaction>start</startaction></phase1>"),), (ANSWERS,)),
    "a responder that traps": ((STARTS,), (WAITS,)),
    "no check of the peer": ((STARTS, NO_DPD), (ANSWERS,)),
    "no check by the responder": ((STARTS,), (ANSWERS, NO_DPD)),
    "another group": ((STARTS, ("<dhgroup>14", "<dhgroup>19")), (ANSWERS,)),
    "no PFS": ((STARTS, ("<pfsgroup>14", "<pfsgroup>0")), (ANSWERS,)),
    "another cipher": ((STARTS, GCM), (ANSWERS,)),
    "version auto": ((STARTS, ("ikev2", "auto")), (ANSWERS,)),
    "another version": ((STARTS, ("ikev2", "ikev1")), (ANSWERS,)),
    "other networks": ((STARTS, ("<netbits>24", "<netbits>25")), (ANSWERS,)),
}
LIVE = {"initiator-not-persistent", "gave-up", "not-installed", "daemon-stopped", "not-loaded"}  # what no setting cures


def answered(folder: Path, name: str, swaps: tuple[Swap, ...]) -> Reply:
    wan, peer, here, there = ENDS[name]
    network = "<type>network</type><address>{}</address><netbits>24</netbits>"
    first, second = phase1(peer=peer), phase2(local="LOCAL").replace("10.1.0.0", there)
    second = second.replace("LOCAL", network.format(here))
    for old, new in swaps:
        first, second = first.replace(old, new), second.replace(old, new)
    about = {"wan": wan, "skew": "0", "hasync": "", "globals": ""}
    (folder / name).write_text(WHOLE.format(**about, phase1=first, phase2=second), encoding="utf-8")
    return reply(told(folder / name), about=ABOUT.replace("fw", name), addresses=FREEBSD.replace("192.0.2.10", wan))


def applied(name: str, read: Reply) -> Gateway:
    """The gateway, as if what config.xml says were in force."""
    gateway = pfsense.read(name, read, OPTIONS)
    there = tuple(
        replace(each, unapplied=(), loaded=True, children=tuple(replace(c, loaded=True) for c in each.children))
        for each in gateway.connections
    )
    daemon = replace(gateway.daemon, running=True, installed=True)
    return replace(gateway, connections=there, daemon=daemon, sas=(), problems=())


def repaired(name: str, read: Reply, step: Step) -> Reply:
    """The reply after a step."""
    gateway = applied(name, read)
    wish = DesiredConnection(step.connection, step.settings, step.children, pending=True)
    change = pfsense.prepare(wish, gateway, gateway.connections[0], read, OPTIONS)
    said = json.loads(read.sections["config.xml"].text)
    said["config"] = apply_edits(Element("", said["config"]), change.order.edits).value
    return Reply({**read.sections, "config.xml": ReplySection(0, json.dumps(said).encode())})


@pytest.mark.parametrize("swaps", CASES.values(), ids=CASES)
def test_a_repair_is_possible_and_needed_once(tmp_path: Path, swaps: tuple[tuple[Swap, ...], tuple[Swap, ...]]) -> None:
    replies = {name: answered(tmp_path, name, each) for name, each in zip(ENDS, swaps, strict=True)}
    steps = [
        s
        for s in audit([applied(*each) for each in replies.items()], repair=set(REPAIRS)).steps
        if s.do == "connection"
    ]
    assert steps
    for step in steps:
        replies[step.gateway] = repaired(step.gateway, replies[step.gateway], step)
    again = audit([applied(*each) for each in replies.items()], repair=set(REPAIRS))
    assert {finding.id for finding in again.findings} <= LIVE
    assert [step for step in again.steps if step.do == "connection"] == []
