"""The matrix as text for a terminal and as docs/fault-matrix.md; the same run of luck writes the same page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_rules
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules.words import WORDS, decide_word
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Change, EndName

from tests.lab.faults import FAULTS, VARIANTS, Case, Fault
from tests.tools.measured import measured

from .judge import ASKED, Answer, Row

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
ABOUT = """# Fault matrix

`make matrix` wrote this: each fault was put on a real tunnel between two gateways, found, repaired, pinged through and
looked at again; each healthy variant must lead to no finding and no change, save for what is named *beside* it, which
is true of it in this lab alone. What is named beside a fault may come with it. Only what the daemons logged tells the
faults marked *log*, which `diagnose` finds; all others are found by `audit`. Where there is no repair, the finding
gives advice, and *repaired*, *traffic* and *clean second run* are not asked. *Foretold*: `--check --diff` named the
gateways that the run changed and showed its diffs. *No key seen*: no pre-shared key of either gateway is in what
Ansible printed with `-vvv`, nor in any report or other file on the controller. The class of a repair is what
`ipsec_repair` allows; where it is *asked for*, the run named it, and without that there is advice. *Whose evidence* a
repair rests on is that of ADR 16. A gateway that the run did not change has the bytes that it had, and what passed
traffic before passes it afterwards.
"""
STEPS = {  # by the module that takes it
    "connection": "the key that is given",
    "daemon": "its own files",
    "sa": "the SAs of both ends",
    "keepalive": "its own settings",
}
WHOSE = {
    "own": "its own gateway's",
    "view": "an authenticated peer's",
    "agreed": "an authenticated peer's",
    "conduct": "its own settings",
}
SHOWN: Mapping[Answer, str] = {True: "yes", False: "**no**", None: "-"}


def table(rows: Sequence[Row]) -> str:
    """The answers in columns."""
    width = max((len(row.told.case.name) for row in rows), default=0) + 2
    heads = [f"{what:18}" for what in ASKED]
    lines = [f"{'':{width}}{''.join(heads)}".rstrip()]
    for row in rows:
        answers = "".join(f"{SHOWN[answer].strip('*'):18}" for answer in row.answers)
        lines.append(f"{row.told.case.name:{width}}{answers}".rstrip())
    lines.append(f"{sum(row.passed for row in rows)} of {len(rows)} as they must be")
    return "\n".join(lines)


def page(done: Mapping[str, Sequence[Row]]) -> str:
    """The page, from the rows of each version of strongSwan."""
    return (
        "\n".join(
            [
                ABOUT,
                *_faults(),
                "",
                *_variants(),
                *(("", "## Measured", "", measured()) if done else ()),
                *(line for item in done.items() for line in _answers(*item)),
            ]
        )
        + "\n"
    )


def _faults() -> Iterator[str]:
    yield f"## The {len(FAULTS)} faults"
    yield ""
    heads = ("Fault", "What is wrong", "End", "Finding", "How sure", "Repair or advice", "Class of the repair")
    yield f"| {' | '.join((*heads, 'Whose evidence', 'Beside'))} |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for fault in FAULTS.values():
        found = f"{_link(fault.finds)}{' *log*' if fault.heard else ''}"
        remedy = f"`{fault.cure}`" if fault.cure else f"advice: {fault.advice}"
        told = (fault.name, fault.about, fault.side, found, fault.sure, remedy, _class(fault), _evidence(fault))
        yield f"| {' | '.join((*told, _beside(fault)))} |"


def _variants() -> Iterator[str]:
    yield f"## The {len(VARIANTS)} healthy variants"
    yield ""
    yield "| Variant | What it is | Beside |"
    yield "| --- | --- | --- |"
    yield from (f"| {variant.name} | {variant.about} | {_beside(variant)} |" for variant in VARIANTS.values())


def _class(fault: Fault) -> str:
    """The class of what repairs a fault; of one that is made only where ipsec_repair names it, that."""
    if not fault.cure:
        return "-"
    (own,) = (rule.repair for rule in list_rules() if rule.id == fault.finds)
    return f"{fault.asked}, asked for" if fault.asked else own


def _evidence(fault: Fault) -> str:
    """What the repair of a fault rests on: by its step, or by whose word the setting is (ADR 16)."""
    if not fault.cure:
        return "-"
    do, dummy, state = fault.cure.partition(" ")
    if do in STEPS:
        return STEPS[do]
    child = "net" if do in WORDS["child"] and do not in WORDS["connection"] else None
    return WHOSE[decide_word(Change(EndName("", "", child), do, state))]


def _beside(case: Case) -> str:
    return ", ".join(map(_link, sorted(case.beside))) or "-"


def _link(finding: str) -> str:
    return f"[{finding}](docsite/rst/findings/{finding}.rst)"


def _answers(version: str, rows: Sequence[Row]) -> Iterator[str]:
    faults = [row for row in rows if isinstance(row.told.case, Fault)]
    healthy = [row for row in rows if row not in faults]
    yield ""
    yield f"## strongSwan {version}"
    yield ""
    yield (
        f"{sum(row.passed for row in faults)} of {len(faults)} faults and "
        f"{sum(row.passed for row in healthy)} of {len(healthy)} healthy variants as they must be."
    )
    yield ""
    yield f"| | {' | '.join(ASKED)} |"
    yield f"| --- |{' --- |' * len(ASKED)}"
    for row in rows:
        yield f"| {row.told.case.name} | {' | '.join(SHOWN[answer] for answer in row.answers)} |"
