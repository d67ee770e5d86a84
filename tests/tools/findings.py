"""Every finding there is, with the cases of the unit tests that show it: what its page is made of."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose import rules
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.checks import Check, all_checks
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import list_bundled, load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules.grounds import Grounds
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    SEVERITIES,
    Audit,
    Child,
    Connection,
    Fault,
    Finding,
    Gateway,
    Probe,
    Problem,
    Setting,
    Tunnel,
    Waiver,
)

from tests.unit.build import ASKED, Row, connection, edited, gateways, healthy, mirrored, tunnel
from tests.unit.policy import rows as policy_rows
from tests.unit.policy.rows import no_file
from tests.unit.rules.rows import rows

TODAY = date(2026, 11, 21)  # of the examples
NO_SETTINGS = {  # fields of a connection and of a child that are none
    *("name", "local", "remote", "children", "route_based"),
    *("configured", "loaded", "differs", "origin", "settings"),
}


@dataclass(frozen=True)
class Case:
    """One way to come by a finding: what an audit says of it."""

    case: str
    audit: Audit
    found: tuple[Finding, ...]  # those of the finding's id
    alone: bool = True  # nothing else is found
    attempted: bool = False  # the tunnel was initiated
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True)
class Topic:
    """One finding: where it comes from and how it shows."""

    id: str
    severity: str
    cause: str  # its first sentence says it
    references: tuple[str, ...]
    cases: tuple[Case, ...]
    explains: tuple[str, ...] = ()
    repair: str = ""  # the class of its repairs
    of_tunnels: bool = True  # it is what a rule sees on a tunnel
    of_a_policy: bool = False  # and only where a policy asks for it

    @property
    def example(self) -> Case:
        """The case to show: of settings and state rather than of an attempt, and with nothing else found."""
        return min(self.cases, key=lambda case: (not case.alone, case.attempted))


def topics() -> tuple[Topic, ...]:
    """All findings, by id."""
    shown: dict[str, list[Case]] = {each.id: [] for each in rules.list_rules()}
    for row in rows():
        if row.fires:
            shown[row.rule].append(_case(row))
    of_rules = (_topic(each, shown[each.id]) for each in rules.list_rules())
    of_checks = (_demanded(name, check) for name, check in all_checks().items())
    others = (_unreadable(), _torn(), _failed(), _expired(), _stray())
    return tuple(sorted([*of_rules, *of_checks, *others], key=lambda topic: topic.id))


def _topic(rule: rules.Rule, cases: list[Case]) -> Topic:
    about = inspect.getdoc(rule.check) or ""
    ordered = tuple(sorted(cases, key=lambda case: case.attempted))
    return Topic(rule.id, rule.severity, about, tuple(rule.reference.split("; ")), ordered, rule.explains, rule.repair)


def _case(row: Row) -> Case:
    declared = [row.declared] if row.declared else ()
    both = tuple(_as_written(gateway) for gateway in gateways(row))
    done = audit(both, declared=declared, psks=row.psks, probes=row.probes, attempts=row.attempts, repair=ASKED)
    found = tuple(finding for finding in done.findings if finding.id == row.rule)
    return Case(row.case, done, found, not row.also, bool(row.attempts), row.probes)


def _as_written(gateway: Gateway) -> Gateway:
    """The gateway with every setting that is not a default in its file, for what proves a finding to be seen there."""
    connections = (
        replace(each, settings=_written(each), children=tuple(replace(c, settings=_written(c)) for c in each.children))
        for each in gateway.connections
    )
    return replace(gateway, connections=tuple(connections))


def _written(of: Connection | Child) -> dict[str, Setting]:
    """What the file says: each setting in a line of its own below where the section begins."""
    if not of.configured:
        return {}
    given = {f.name: getattr(of, f.name) for f in fields(of) if f.name not in NO_SETTINGS}
    defaults = {f.name: f.default for f in fields(of)}
    texts = {key: _text(value) for key, value in given.items() if value != defaults[key]}
    if isinstance(of, Connection):
        for auth in (*of.local, *of.remote):
            texts |= {f"{auth.section}.auth": auth.method} | ({f"{auth.section}.id": auth.id} if auth.id else {})
    file, dummy, begin = of.origin.partition(":")
    lines = {key: Setting(text, f"{file}:{int(begin) + 1 + place}") for place, (key, text) in enumerate(texts.items())}
    return {**lines, **of.settings}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}s" if isinstance(value, float) else str(value)


def _demanded(name: str, check: Check) -> Topic:
    """What a profile asks for, and other profiles at other thresholds."""
    cases = tuple(_judged(row) for row in policy_rows.ROWS if row.rule == name and row.fires)
    asked = [demand for profile in list_bundled() for demand in load(profile, no_file).demands if demand.check == name]
    weights = [weight for weight in SEVERITIES if weight in {demand.severity for demand in asked}]
    references = tuple(dict.fromkeys(str(demand.source) for demand in asked))
    severity = f"{' or '.join(weights)}, as the policy says"
    return Topic(name, severity, inspect.getdoc(check) or "", references, cases, of_a_policy=True)


def _judged(row: Row) -> Case:
    both = tuple(_as_written(gateway) for gateway in gateways(row))
    done = audit(both, policy=(policy_rows.asking(row.rule), TODAY))
    found = tuple(finding for finding in done.findings if finding.id == row.rule)
    return Case(row.case, done, found, len({finding.id for finding in done.findings}) == 1)


def _expired() -> Topic:
    """What a policy says of its own waivers."""
    waiver = Waiver("psk-reused", "a-b", "the peer is replaced in October", "net-team", "2026-10-31", "ours.yml:8")
    profile = replace(policy_rows.asking("psk-reused"), name="ours", waivers=(waiver,))
    done = audit(healthy(), policy=(profile, TODAY))
    cause = (
        "The last day of a waiver is over: what it was for counts again, and a decision was due by then.\n\n"
        "A waiver lets one tunnel off one rule of a policy. It has a reason, an owner and a last day."
    )
    case = Case("neither mended nor renewed", done, done.findings)
    return Topic("waiver-expired", done.findings[0].severity, cause, (), (case,), of_a_policy=True)


def _stray() -> Topic:
    """What a policy says of waivers that let nothing off."""
    waiver = Waiver("psk-reused", "b-a", "the peer is replaced in October", "net-team", "2026-12-31", "ours.yml:8")
    done = audit(healthy(), policy=(replace(policy_rows.asking("psk-reused"), name="ours", waivers=(waiver,)), TODAY))
    cause = (
        "A waiver is of a tunnel that is not there: it lets nothing off, and what it was for counts.\n\n"
        "It is reported only if every gateway was read and no tunnels were selected: else the tunnel may be unknown."
    )
    case = Case("its tunnel has another name", done, done.findings)
    return Topic("waiver-without-tunnel", done.findings[0].severity, cause, (), (case,), of_a_policy=True)


def _unreadable() -> Topic:
    """What no rule finds: there is no tunnel to look at, or only a part of it."""
    a, b = healthy()
    refused = Problem("config-unreadable", "permission denied", "/etc/swanctl/swanctl.conf", "set ansible_become: true")
    audits = {
        "the gateway cannot be reached": audit([a], unreadable={"b": "connection timed out"}),
        "a part of it cannot be read": audit([a, edited(b, problems=(refused,))]),
    }
    cases = tuple(Case(case, done, done.findings) for case, done in audits.items())
    severities = dict.fromkeys(finding.severity for case in cases for finding in case.found)
    return Topic(
        "gateway-unreadable",
        " or ".join(severities),
        "A gateway could not be reached, or a part of it not be read; the summary says why.\n\n"
        "The tunnels of a gateway that could not be reached are judged by their other end alone.",
        (),
        cases,
        of_tunnels=False,
    )


def _torn() -> Topic:
    """An end that fits several others: there is no tunnel yet, so no rule finds it."""
    twin = replace(mirrored(connection()), name="second")
    a, b = healthy()
    done = audit((edited(a, sas=()), edited(b, sas=(), more=(twin,))))
    return Topic(
        "pairing-ambiguous",
        done.findings[0].severity,
        "Several ends fit an end equally well, so its peer is unknown, and its tunnel is not audited.\n\n"
        "It may be a copy of a connection, the other node of a cluster, or a gateway that says it is another one.",
        (),
        (Case("two connections are alike", done, done.findings),),
        of_tunnels=False,
    )


def _failed() -> Topic:
    """What is found in place of what a broken rule would have."""

    def broken(_tunnel: Tunnel) -> Iterator[Fault]:
        raise KeyError("net")

    one = tunnel(Row("rule-failed", ""))
    found = tuple(rules.run(rules.Rule("dpd-off", "high", "", broken), one, Grounds()))
    done = Audit((one,), (), found, (), (), audit(healthy()).proofs, {})
    return Topic(
        "rule-failed",
        found[0].severity,
        "A rule itself failed on a tunnel. Nothing is wrong with the tunnel; please report it.",
        ("https://github.com/tunnelwright/ipsec/issues",),
        (Case("a rule breaks", done, found),),
        of_tunnels=False,
    )
