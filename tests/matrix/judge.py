"""What was told of a fault or variant against what must be: one row of the matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.lab.faults import Case, Fault

from .story import Told

ASKED = (
    "detected",
    "right cause",
    "right end",
    "confidence",
    "remedy",
    "repaired",
    "traffic",
    "clean second run",
    "no false alarm",
    "foretold",
    "no key seen",
)
Answer = bool | None  # None: not asked of this case


@dataclass(frozen=True)
class Row:
    """One case and its answers, in the order of ASKED."""

    told: Told
    answers: tuple[Answer, ...]
    missed: tuple[str, ...]  # sentences

    @property
    def passed(self) -> bool:
        return not self.missed


def judge(told: Told) -> Row:
    """Compare. A case that could not be put misses everything."""
    missed = [f"could not be put: {told.wrong}"] if told.wrong else []
    if told.carried != (told.case.carries, told.case.carries):
        missed.append(f"traffic passes {told.carried} before, which is not what it is about")
    if not told.paired:
        missed.append("its ends were not paired, or not read")
    beside = [finding for finding in told.findings if finding["id"] in told.case.beside]
    if told.made.tasks and not _cured(told.case) and not any(finding["fix"] for finding in beside):
        missed.append(f"{', '.join(told.made.tasks)} changed, where nothing is to be repaired")
    if told.case.carries and told.carries != (True, True):
        missed.append(f"traffic passed before, and after: {told.carries}")
    if secretly := [gateway for gateway in told.rewritten if not told.made.tasks.get(gateway)]:
        missed.append(f"the files of {', '.join(secretly)} are not what they were, where the run changed nothing")
    missed += [f"{how}, for it or for a case beside it" for how in told.failed]
    missed += [f"left behind: {path}" for path in told.litter]
    own = _fault(told, told.case) if isinstance(told.case, Fault) else _variant(told)
    answers = (*own, _foretold(told), not told.leaks)
    no = [what for what, answer in zip(ASKED, answers, strict=True) if answer is False]
    missed += [f"not {', '.join(no)}: {_seen(told)}"] if no else []
    return Row(told, answers, tuple(missed))


def _fault(told: Told, fault: Fault) -> Iterator[Answer]:
    found = [finding for finding in told.findings if finding["id"] == fault.finds]
    right = [finding for finding in found if _end(told, fault, finding)]
    cured = _cured(fault)
    yield bool(told.findings)
    yield bool(found)
    yield bool(right)
    yield any(finding["confidence"] == fault.sure and _founded(finding) for finding in right)
    yield any(_remedy(fault, finding) for finding in right)
    yield _repaired(told) if cured else None
    yield told.carries == (True, True) if cured else None
    yield not told.left and not told.again if cured else None
    yield _ids(told.findings) <= {fault.finds} | fault.beside


def _variant(told: Told) -> Iterator[Answer]:
    yield from (None,) * 6
    yield told.carries == (told.case.carries, told.case.carries)
    yield _ids(told.left) <= told.case.beside and not told.again
    yield _ids(told.findings) <= told.case.beside


def _repaired(told: Told) -> bool:
    return len(told.repairs) == 1 and all(r["proven"] and r["changed"] and not r["failed"] for r in told.repairs)


def _foretold(told: Told) -> bool:
    """Whether `--check` showed the diffs of the run and named its tasks, save those that failed or were not needed."""
    said, done = dict(told.foretold.tasks), dict(told.made.tasks)
    if isinstance(told.case, Fault) and told.case.returns:
        itself = told.gateways["initiator"]
        if not said.pop(itself, 0) >= done.pop(itself, 0):
            return False
    tried = any(repair["failed"] for repair in told.repairs)
    return told.foretold.diffs == told.made.diffs and (said == done or (tried and done.items() <= said.items()))


def _founded(finding: Mapping[str, Any]) -> bool:
    """Whether it shows what was seen, and says where it is written that this is wrong."""
    return bool(finding["evidence"] and finding["reference"])


def _cured(case: Case) -> bool:
    return isinstance(case, Fault) and bool(case.cure)


def _ids(findings: Sequence[Mapping[str, Any]]) -> set[str]:
    return {finding["id"] for finding in findings}


def _end(told: Told, fault: Fault, finding: Mapping[str, Any]) -> bool:
    gateway = finding["end"]["gateway"]
    return gateway == told.gateways.get(fault.side, gateway)


def _remedy(fault: Fault, finding: Mapping[str, Any]) -> bool:
    """Whether it names the setting or the step that cures it, or the advice."""
    if fault.advice:
        return fault.advice.lower() in finding["no_fix"].lower()
    names = {name for fix in finding["fix"] for name in (fix.get("setting"), fix.get("do"), _step(fix)) if name}
    return fault.cure in names


def _step(fix: Mapping[str, Any]) -> str:
    return f"{fix.get('do')} {fix.get('state')}"


def _seen(told: Told) -> str:
    shown = [
        f"{f['id']} on {f['end']['gateway']} ({f['confidence']}; {f['no_fix'] or ', '.join(map(_brief, f['fix']))})"
        for f in told.findings
    ]
    repair = f"; repairs {list(told.repairs)}" if told.repairs else ""
    after = (
        f"; second run finds {[f['id'] for f in told.left]}, changes {list(told.again)}"
        if told.left or told.again
        else ""
    )
    foretold = "" if _foretold(told) else f"; --check foretold {told.foretold}, made was {told.made}"
    leaks = f"; a key is in {', '.join(told.leaks)}" if told.leaks else ""
    return f"found {'; '.join(shown) or 'nothing'}{repair}{after}{foretold}{leaks}; traffic after {told.carries}"


def _brief(fix: Mapping[str, Any]) -> str:
    return f"{fix['setting']} = {fix['value']}" if fix.get("setting") else _step(fix)
