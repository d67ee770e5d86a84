"""The page of policy profiles: what each asks for, by which document, and whether the two have been compared."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import list_bundled, load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.profile import (
    PolicyRule,
    Profile,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.strength import GROUPS

from tests.tools import rst
from tests.unit.policy.rows import no_file

ABOUT = """The profiles that ``ipsec_policy`` may name. They conflict with each other, as the documents do. *Verified*
says whether the rule was compared with the text of the document; what is not is from general knowledge, and a
reader with the document at hand is welcome to correct it. How to have a policy of your own:
"""
STRENGTH = """Groups are compared by their strength in bits (NIST SP 800-57 part 1, table 2; SP 800-56A revision 3,
appendix D), never by their numbers. The groups of RFC 5114, which have an ``s`` in their name, are refused by name:
their structure is distrusted.
"""


def page() -> str:
    """The whole page."""
    parts = [part for name in list_bundled() for part in _profile(load(name, no_file))]
    guide = f"{rst.ref('guide_policy_and_reports', 'Policy and reports')}.\n"
    groups = (
        (rst.literal(name), str(bits)) for name, bits in sorted(GROUPS.items(), key=lambda each: (each[1], each[0]))
    )
    strength = [rst.heading("Strength of groups"), STRENGTH, rst.table(("Group", "Bits"), groups)]
    return rst.page("policy_profiles", "Policy profiles", ABOUT + guide, *parts, *strength)


def _profile(profile: Profile) -> Iterator[str]:
    yield rst.heading(profile.name)
    yield f"{rst.words(profile.description)}\n"
    yield rst.table(("Rule", "Severity", "Threshold", "Source", "Verified"), map(_row, profile.demands))


def _row(demand: PolicyRule) -> tuple[str, ...]:
    rule = rst.ref(f"finding_{demand.check}", demand.check)
    note = f" {rst.words(demand.note)}" if demand.note else ""
    asks = rst.words(demand.asks().removeprefix("; ")) or "none"
    return (
        rule,
        demand.severity,
        f"{asks}.{note}",
        rst.sourced(demand.source.place),
        "yes" if demand.source.verified else "no",
    )
