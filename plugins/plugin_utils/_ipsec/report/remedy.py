# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a finding, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Change, Finding


def describe_fixes(finding: Finding) -> Iterator[str]:
    """Each change or step that mends it, or why there is none."""
    for fix in finding.fix:
        if isinstance(fix, Change):
            yield f"on {fix.end}: {fix.setting} " + (f"= {fix.value}" if fix.value else "must be removed")
        else:
            yield " ".join(
                part for part in (f"on {fix.gateway}:", fix.do, fix.target, fix.state or "pre-shared key") if part
            )
    if finding.no_fix:
        yield finding.no_fix
