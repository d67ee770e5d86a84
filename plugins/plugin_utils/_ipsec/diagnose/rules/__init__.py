# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule there is: one file per family, found by being here and listed nowhere.

A rule is one function from a tunnel to the faults it sees; the decorator gives it its id, its weight and the
source of what it knows. Its docstring is its page in the docs. A healthy tunnel yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ...analysis.evidence import has_common_ike_sa
from ...model import SEVERITIES, EndName, Fault, Finding, Repair, Severity, Step, Tunnel
from .grounds import DEFAULT, Grounds, loads_configuration

Check = Callable[[Tunnel], Iterator[Fault]]
SETTINGS = frozenset(  # the families that judge by what stands, and does not stand, in the configuration
    ("addresses", "declaration", "identity", "lifetimes", "liveness", "negotiation", "roles", "selectors")
)
AGREEMENT = frozenset(("addresses", "identity", "negotiation", "selectors"))  # the families that compare both ends
SYMPTOMS = frozenset(("not-installed", "gave-up", "sa-mismatch", "no-traffic"))
ROTATED = ("psk-to-rotate", "child-unmatched")  # of these, what is no disagreement


@dataclass(frozen=True, slots=True)
class Rule:
    """A check, what its page in the docs says about it, which other findings it explains, the class of its repair."""

    id: str
    severity: Severity
    reference: str
    check: Check
    explains: tuple[str, ...] = ()
    repair: Repair = "agreement"

    @property
    def family(self) -> str:
        """The file that it stands in."""
        return self.check.__module__.rpartition(".")[2]


_rules: dict[str, Rule] = {}
_otherwise: dict[str, Check] = {}


def rule(
    name: str, severity: Severity, *, reference: str, explains: tuple[str, ...] = (), repair: Repair = "agreement"
) -> Callable[[Check], Check]:
    """Register the decorated check; its docstring is its documentation.

    `explains` names findings that are mere consequences of this one on the same tunnel and are left out. `repair` is
    the class that its fixes belong to, if it has any.
    """

    def register(check: Check) -> Check:
        if name in _rules:
            raise ValueError(f"two rules are called {name}")
        if not check.__doc__:
            raise ValueError(f"rule {name} has no docstring, which is its page in the docs")
        _rules[name] = Rule(name, severity, reference, check, explains, repair)
        return check

    return register


def register_fallback(name: str) -> Callable[[Check], Check]:
    """Register another way to see what the rule of this id is about, asked where that one sees nothing."""

    def register(check: Check) -> Check:
        _otherwise[name] = check
        return check

    return register


@cache
def list_rules() -> tuple[Rule, ...]:
    """All rules, in the order of their ids."""
    for family in iter_modules(__path__):
        import_module(f"{__name__}.{family.name}")
    return tuple(_rules[name] for name in sorted(_rules))


@cache
def list_causes() -> frozenset[str]:
    """The findings that say that a tunnel carries nothing, and those that explain one of them."""
    return SYMPTOMS | {each.id for each in list_rules() if SYMPTOMS.intersection(each.explains)}


def diagnose(tunnels: Iterable[Tunnel], allowed: Collection[Repair] = DEFAULT) -> tuple[Finding, ...]:
    """Everything every rule sees in these tunnels, worst first; with fixes of the classes that are allowed."""
    return sort_findings(iterate_findings(tunnels, allowed))


def iterate_findings(
    tunnels: Iterable[Tunnel], allowed: Collection[Repair] = DEFAULT, among: Iterable[Tunnel] | None = None
) -> Iterator[Finding]:
    """The same as it is found, tunnel by tunnel; `among`: all that there are, where only some are looked at."""
    chosen = tuple(tunnels)
    names = None if among is None else frozenset(tunnel.name for tunnel in chosen)
    grounds = Grounds(allowed, chosen if among is None else among, chosen=names, apart=_has_conflicting_files)
    for tunnel in chosen:
        yield from _diagnose(tunnel, grounds)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by tunnel."""
    return tuple(sorted(findings, key=lambda each: (SEVERITIES.index(each.severity), each.tunnel, each.id)))


def _diagnose(tunnel: Tunnel, grounds: Grounds) -> list[Finding]:
    unread = any(end.site.unread for end in tunnel.ends)  # what is not there may only not have been read
    found = [
        finding
        for each in list_rules()
        if not (unread and each.family in SETTINGS)
        for finding in run(each, tunnel, grounds)
    ]
    if not found:
        return found
    found = _withhold_loading(tunnel, found)
    explains = {each.id: each.explains for each in list_rules()}
    explained = {(name, _find_couple(tunnel, f.end)) for f in found for name in explains.get(f.id, ())}
    return [f for f in found if not _is_explained(f.id, _find_couple(tunnel, f.end), explained)]


def _withhold_loading(tunnel: Tunnel, found: list[Finding]) -> list[Finding]:
    """Without loading, where a tunnel is up and the files of its ends disagree: what works would end with it."""
    families = {each.id: each.family for each in list_rules()}
    apart = next((f.id for f in found if families.get(f.id) in AGREEMENT and f.id not in ROTATED), "")
    if not apart or not has_common_ike_sa(tunnel):
        return found
    why = f"not loaded automatically: the tunnel is up, and the files of its ends disagree ({apart})"
    return [replace(f, fix=(), no_fix=why) if any(map(loads_configuration, f.fix)) else f for f in found]


def _has_conflicting_files(tunnel: Tunnel) -> bool:
    """Whether the files of its ends say what could not work together."""
    judges = (each for each in list_rules() if each.family in AGREEMENT and each.id not in ROTATED)
    return any(True for each in judges for dummy in each.check(tunnel))


def _find_couple(tunnel: Tunnel, end: EndName) -> int | None:
    """Which of the tunnel's couples of children an end names; None for the connection as a whole."""
    if end.child is None:
        return None
    side = 0 if tunnel.ends[0].gateway.name == end.gateway else 1
    children = [pair.children[side] for pair in tunnel.children]
    return next((i for i, child in enumerate(children) if child is not None and child.name == end.child), None)


def _is_explained(name: str, couple: int | None, explained: set[tuple[str, int | None]]) -> bool:
    """A cause in one child explains nothing of another child."""
    if couple is None:
        return any(name == cause for cause, dummy in explained)
    return (name, couple) in explained or (name, None) in explained


def run(each: Rule, tunnel: Tunnel, grounds: Grounds) -> list[Finding]:
    """What one rule sees on a tunnel; one that breaks is a finding itself."""
    try:
        faults = list(each.check(tunnel))
        if not faults and each.id in _otherwise:
            faults = list(_otherwise[each.id](tunnel))
        faults = [grounds.judge(tunnel, fault, each.id, each.repair) for fault in faults]
    except Exception as error:  # noqa: BLE001  a broken rule must not hide what the others see
        first = tunnel.ends[0]
        summary = f"rule {each.id} failed on this tunnel: {type(error).__name__}: {error}"
        faults = [
            Fault(
                EndName(first.gateway.name, first.connection.name),
                summary,
                no_fix="this is a defect of the collection; please report it",
            )
        ]
        each = Rule("rule-failed", "low", "", each.check)
    return [
        Finding(
            each.id,
            each.severity,
            tunnel.name,
            f.end,
            f.summary,
            each.reference,
            f.evidence,
            tuple(tunnel.named(fix) if isinstance(fix, Step) else fix for fix in f.fix),
            f.no_fix,
            f.confidence,
        )
        for f in faults
    ]
