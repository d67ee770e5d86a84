"""A profile as the target of a repair: planned as what a user declares, of those tunnels and settings that need it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import list_bundled, load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Audit, Gateway, Waiver

from tests.unit.build import declared, edited, gateways, healthy

from .rows import ROWS, Row, no_file, offers

TODAY = date(2026, 11, 21)
BASELINE = load("baseline", no_file)
WEAK = offers("aes256-sha1-x25519")


def weak(**more: object) -> list[Gateway]:
    return [edited(gateway, **WEAK, **more) for gateway in healthy()]


def settings(found: Audit) -> set[str]:
    """What the plan sets, of connections and of children."""
    own = {key for step in found.steps for key in step.settings}
    return own | {key for step in found.steps for child in step.children.values() for key in child}


def test_only_what_a_finding_asks_for_is_planned() -> None:
    assert settings(audit(weak(), policy=(BASELINE, TODAY))) == set()
    found = audit(weak(), policy=(BASELINE, TODAY), target=True)
    assert settings(found) == {"proposals"}
    assert any("aes256gcm16-prfsha384-ecp384" in step.settings.get("proposals", "") for step in found.steps)
    assert [step.phase for step in found.steps if step.do == "connection"] == ["responder", "initiator", "contract"]


def test_a_tunnel_that_has_nothing_against_the_policy_is_left_alone() -> None:
    assert audit(healthy(), policy=(BASELINE, TODAY), target=True).steps == ()


def test_what_a_waiver_covers_is_left_alone() -> None:
    waived = [Waiver(rule, "a-b", "r", "o", "2026-12-31") for rule in ("ike-integrity-weak", "ike-prf-weak")]
    profile = replace(BASELINE, waivers=tuple(waived))
    assert audit(weak(), policy=(profile, TODAY), target=True).steps == ()


def test_what_the_user_declares_stays() -> None:
    own = declared(settings={"proposals": "aes128gcm16-prfsha256-x25519", "dpd_delay": "30s"})
    found = audit(weak(), declared=[own], policy=(BASELINE, TODAY), target=True)
    assert not any("aes256gcm16" in step.settings.get("proposals", "") for step in found.steps)
    assert any("aes128gcm16" in step.settings.get("proposals", "") for step in found.steps)


def test_a_live_sa_that_is_older_than_its_configuration_changes_no_setting() -> None:
    row = next(row for row in ROWS if row.case == "3DES in use, not offered any more")
    assert settings(audit(gateways(row), policy=(BASELINE, TODAY), target=True)) == set()


def test_children_get_what_is_theirs() -> None:
    row = Row("", "", a=offers(esp="aes256-sha256"), b=offers(esp="aes256-sha256"))
    assert settings(audit(gateways(row), policy=(BASELINE, TODAY), target=True)) == {"esp_proposals"}


def test_a_policy_without_a_target_is_none() -> None:
    profile = replace(BASELINE, settings={}, child_settings={})
    with pytest.raises(IpsecError, match="the policy baseline has no target for tunnels"):
        audit(weak(), policy=(profile, TODAY), target=True)


@pytest.mark.parametrize("name", list_bundled())
def test_a_tunnel_that_has_the_target_of_a_profile_has_nothing_against_it(name: str) -> None:
    profile = load(name, no_file)
    made = offers(profile.settings["proposals"], profile.child_settings["esp_proposals"])
    found = audit([edited(gateway, **made) for gateway in healthy()], policy=(profile, TODAY))
    assert {finding.id for finding in found.findings} <= {"authentication-weak"}
