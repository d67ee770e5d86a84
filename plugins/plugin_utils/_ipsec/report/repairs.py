# SPDX-License-Identifier: GPL-3.0-or-later
"""What a repair did, tunnel by tunnel: what was wrong, what changed where, what proves it now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..model import SEVERE, Audit, Finding, Step, TunnelProof, format_name

PSK = {
    "only": "pre-shared key",
    "accept": "pre-shared key accepted as well as the old one",
    "sign": "pre-shared key, the old one still accepted",
}


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One step that was run, and what came of it."""

    step: Step
    changed: bool
    failed: str = ""  # why


@dataclass(frozen=True, slots=True)
class RepairSummary:
    """One tunnel's story."""

    tunnel: str
    was_wrong: tuple[str, ...]
    changed: tuple[str, ...]
    failed: tuple[str, ...]
    still_wrong: tuple[str, ...]
    proven: bool
    due: bool  # it is to be proven: something severe was wrong, or a step was taken
    missing: tuple[str, ...]  # what keeps it from being proven
    undone: str = ""  # what became of what was changed and then taken back; empty where it is kept


def build_repairs(
    before: Sequence[Finding],
    done: Sequence[ExecutedStep],
    after: Audit,
    *,
    limit: Iterable[str] | None = None,
    undone: Mapping[str, str] | None = None,
) -> tuple[RepairSummary, ...]:
    """The story of every tunnel that had a finding, a step, or has a finding now.

    `limit`: gateways that might be changed; a tunnel without an end on one of them is not part of the story.
    `undone`: by tunnel, what became of what was changed and then taken back.
    """
    names = [*(f.tunnel for f in before), *(d.step.tunnel for d in done), *(f.tunnel for f in after.findings)]
    allowed = None if limit is None else set(limit)
    ours = {t.name for t in after.tunnels if allowed is None or allowed & {end.gateway.name for end in t.ends}}
    was, now = _group_by_tunnel(before), _group_by_tunnel(after.findings)
    steps: dict[str, list[ExecutedStep]] = defaultdict(list)
    for each in done:
        steps[each.step.tunnel].append(each)
    chapters = (
        _summarize_tunnel(name, was.get(name, []), steps.get(name, []), now.get(name, []), after.proofs.get(name))
        for name in dict.fromkeys(names)
        if name in ours
    )
    return tuple(replace(each, undone=(undone or {}).get(each.tunnel, "")) for each in chapters)


def render(chapters: Iterable[RepairSummary]) -> str:
    """The stories as text for a terminal."""
    lines = []
    for chapter in chapters:
        state = "NOT PROVEN" if chapter.due else "nothing was to be done"
        if chapter.proven:
            state = "proven: both ends hold the same SAs, traffic passes both ways"
        if chapter.undone:
            state = chapter.undone
        lines.append(f"{chapter.tunnel}: {state}")
        for title, texts in (
            ("was wrong", chapter.was_wrong),
            ("changed, and undone" if chapter.undone else "changed", chapter.changed),
            ("failed", chapter.failed),
            ("still wrong", chapter.still_wrong),
            ("missing", chapter.missing),
        ):
            lines += [f"  {title}: {text}" for text in texts]
    return "\n".join(lines) or "No tunnel needed anything."


def _group_by_tunnel(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.tunnel].append(finding)
    return found


def _summarize_tunnel(
    name: str,
    before: Sequence[Finding],
    done: Sequence[ExecutedStep],
    after: Iterable[Finding],
    proof: TunnelProof | None,
) -> RepairSummary:
    return RepairSummary(
        tunnel=name,
        was_wrong=tuple(f"{f.id}: {f.summary}" for f in before),
        changed=tuple(dict.fromkeys(_describe_step(each.step) for each in done if each.changed and not each.failed)),
        failed=tuple(f"{_describe_step(each.step)}: {each.failed}" for each in done if each.failed),
        still_wrong=tuple(f"{f.id}: {f.summary}" for f in after),
        proven=bool(proof and proof.proven),
        due=bool(done) or any(each.severity in SEVERE for each in before),
        missing=proof.missing if proof else ("one of its gateways could not be read",),
    )


def _describe_step(step: Step) -> str:
    settings = [f"{key} = {value}" for key, value in step.settings.items()]
    settings += [f"{child}.{key} = {value}" for child, given in step.children.items() for key, value in given.items()]
    settings += [PSK[step.psk_use]] if step.psk else []
    where = format_name((step.gateway, step.connection, step.child), step.description)
    return f"{where}: {', '.join(settings) or f'{step.do} {step.state}'}"
