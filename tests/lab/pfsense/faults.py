"""What goes wrong between a pfSense and its peer, as settings of config.xml: each with what must be said of it.

The situations are those that Netgate's and Palo Alto's troubleshooting guides tell operators of, and what became of
faults between two sites that pfSense's own code generated. `b` initiates, and `a` answers. An end without settings of
its own is a strongSwan. What is no setting (a daemon that hangs) is among the faults for strongSwan, tests/lab/faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from ..topology import Topology, pairs, topology

RELEASES = {"a": "2.7.2", "b": "2.8.0"}


@dataclass(frozen=True, slots=True)
class Case:
    """Settings of phase 1 and phase 2 at either end, over a healthy pair; what is found, and at which end."""

    about: str
    finds: str = ""  # empty: nothing is wrong
    end: Literal["", "a", "b"] = ""  # the end that is named; empty: either
    a: Mapping[str, Any] = field(default_factory=dict)
    a_child: Mapping[str, Any] = field(default_factory=dict)
    b: Mapping[str, Any] = field(default_factory=dict)
    b_child: Mapping[str, Any] = field(default_factory=dict)
    networks: int = 1  # of the responder
    both: bool = False  # whether both are pfSense, though only one has settings here
    carries: bool = True  # whether traffic passes all the same
    beside: frozenset[str] = frozenset()  # findings that may come with it

    def kind(self, side: Literal["a", "b"]) -> Literal["pfsense", "strongswan"]:
        """What an end is."""
        own = (self.a, self.a_child) if side == "a" else (self.b, self.b_child)
        return "pfsense" if self.both or any(own) else "strongswan"


def _algorithm(dhgroup: str) -> dict[str, Any]:
    names = {"hash-algorithm": "sha256", "prf-algorithm": "sha256", "dhgroup": dhgroup}
    return {"encryption": {"item": [{"encryption-algorithm": {"name": "aes", "keylen": "256"}, **names}]}}


CHECKED = {"keepalive": "enabled"}
IKEV1 = {"iketype": "ikev1", "mode": "main"}
RESPONDS = {"startaction": "none", "closeaction": "none"}
SPLIT = {"splitconn": ""}
CASES: dict[str, Case] = {
    "U1-phase-1-proposals": Case(
        "Phase 1 has another group at one end.", "ike-proposals-disjoint", a=_algorithm("14"), carries=False
    ),
    "U1-phase-2-proposals": Case(
        "Phase 2 has another key length at one end.",
        "esp-proposals-disjoint",
        a_child={"encryption-algorithm-option": [{"name": "aes", "keylen": "128"}]},
        carries=False,
    ),
    "S11-pfs": Case(
        "Phase 2 has another PFS group at one end: up, until the first rekey.",
        "pfs-mismatch",
        a_child={"pfsgroup": "14"},
    ),
    "U1-selectors": Case(
        "A network is a /24 at one end and a /25 at the other: up, narrowed.",
        "selectors-not-mirrored",
        a_child={"localid": {"type": "network", "address": "10.{number}.1.0", "netbits": "25"}},
    ),
    "U3-nobody-starts": Case("Both ends only respond.", "no-initiator", b=RESPONDS, both=True, carries=False),
    "U4-disabled": Case(
        "One end is disabled, and its charon so stopped.", "connection-disabled", "a", a={"disabled": ""}, carries=False
    ),
    "U4-no-address": Case(
        "One end is on an interface that is not there.", "connection-omitted", "a", a={"interface": "opt9"},
        carries=False, beside=frozenset({"changes-unapplied"}),
    ),
    "U7-identity": Case(
        "One end expects another identity.",
        "identity-mismatch",
        a={"peerid_data": "somebody.example"},
        carries=False,
    ),
    "U8-key": Case(
        "The pre-shared keys differ.", "psk-mismatch", a={"pre-shared-key": "another key than that"}, carries=False
    ),
    "U9-version": Case(
        "One end speaks IKEv1, the other IKEv2.", "ike-version-mismatch", a=IKEV1, carries=False
    ),
    "U9-version-and-two-networks": Case(
        "IKEv1 with a child for each of two networks against IKEv2 with one for both: only the version differs.",
        "ike-version-mismatch",
        a=IKEV1,
        networks=2,
        carries=False,
        beside=frozenset({"children-cut-differently"}),
    ),
    "U10-split-at-one-end": Case(
        "One end has a child for each network, the other one for all.",
        "split-one-end",
        "a", both=True,
        a=SPLIT,
        networks=2,
        beside=frozenset({"not-installed", "duplicate-child-sas", "sa-mismatch"}),
    ),
    "auto-not-split": Case(
        "The version is auto: pfSense looks for children that are not there.",
        "version-auto",
        "b",
        b={"iketype": "auto"},
        beside=frozenset({"keepalive-idle", "initiator-not-persistent"}),
    ),
    "S1-dpd-off": Case("Dead peers are not looked for.", "dpd-off", "b", b={"dpd_delay": "", "dpd_maxfail": ""}),
    "S4-not-brought-back": Case(
        "Starts once; nothing brings it back after the peer was away.",
        "initiator-not-persistent",
        "b",
        b_child={"keepalive": "disabled"},
    ),
    "S4-no-close-action": Case(
        "Starts, with the default close action, and no periodic check.",
        "initiator-not-persistent",
        "b",
        b={"closeaction": ""},
        b_child={"keepalive": "disabled"},
    ),
    "T08-both-start": Case(
        "Both ends start.", "both-initiate", "a", a={"startaction": "start"}, beside=frozenset({"duplicate-child-sas"})
    ),
    "S8-both-close": Case(
        "Both ends start again when it is closed.", "close-action-both", "a", a={"closeaction": "start"}),
    "S13-both-check": Case(
        "Both ends have a periodic check.", "keepalive-both", "a", both=True, a_child={"keepalive": "enabled"}
    ),
    "S12-ping-does-nothing": Case(
        "The responder pings, where its start action lets traffic start nothing.",
        "keepalive-idle",
        "a",
        a_child={"pinghost": "10.{number}.2.1"},
    ),
    "responder-traps": Case(
        "The responder has the default close action, by which it sets a trap.", "dpd-traps-responder", "a",
        a={"closeaction": ""},
    ),
    "strongSwan-key": Case(
        "The pre-shared keys differ, by the initiator.",
        "psk-mismatch",
        b={"pre-shared-key": "another key than that"},
        carries=False,
    ),
    "healthy": Case("As the guides advise.", both=True),
    "healthy-strongSwan": Case("As the guides advise, with a strongSwan.", b={"mobike": "off"}),
    "healthy-ikev1": Case("IKEv1 at both ends.", a=IKEV1, b=IKEV1),
    "healthy-split": Case("Split at both ends, two networks.", a=SPLIT, b=SPLIT, networks=2),
    "healthy-joined": Case("Split at neither end, two networks.", both=True, networks=2),
    "T13-lifetimes": Case("Lifetimes that differ, which IKEv2 does not negotiate.", a={"lifetime": "50000"}),
    "T09-forced": Case("NAT traversal forced at one end.", b={"nat_traversal": "force"}),
    "no-pfs": Case("PFS off at both ends.", a_child={"pfsgroup": "0"}, b_child={"pfsgroup": "0"}),
}  # fmt: skip


def lab_of(cases: Mapping[str, Case], name: str = "pffaults") -> Topology:
    """A pair of gateways for each case, in their order: the tunnel of the first is t01."""
    data: Any = deepcopy(dict(pairs(len(cases), name=name, pfsense=RELEASES).data))
    for number, case in enumerate(cases.values(), 1):
        initiator, responder = data["tunnels"][f"t{number:02d}"]
        if case.networks > 1:
            responder["network"] = f"10.{number}.1.0/24,10.{number}.9.0/24"
        given: Any = (("a", responder, case.a, case.a_child), ("b", initiator, case.b, {**CHECKED, **case.b_child}))
        for side, end, phase1, phase2 in given:
            if case.kind(side) == "pfsense":
                end |= {"settings": dict(phase1), "child": _numbered(phase2, number)}
            else:
                end["connection"] = {"a": "west", "b": "east"}[side]
                gateway = data["gateways"][f"{side}{number:02d}"]
                del gateway["kind"], gateway["version"]
    return topology({**data, "poll": 3600}, where=name)


def _numbered(values: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The pair's number in addresses."""
    return {key: _text(value, number) for key, value in values.items()}


def _text(value: Any, number: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _text(each, number) for key, each in value.items()}
    return value.replace("{number}", str(number)) if isinstance(value, str) else value
