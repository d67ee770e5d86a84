"""Each check by its table, and all of them over what is fine."""

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy import evaluate
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.checks import all_checks, check
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.strength import measure_strength

from tests.unit.build import Row, edited, gateways, healthy, tunnel

from .rows import ROWS, asking, no_file, offers

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_check_speaks_of_what_its_demand_refuses_and_of_nothing_else(row: Row) -> None:
    counted, waived = evaluate([tunnel(row)], asking(row.rule), TODAY)
    assert waived == ()
    assert {finding.id for finding in counted} == ({row.rule} if row.fires else set())
    for finding in counted:
        assert finding.no_fix
        assert not finding.fix
        assert finding.reference.startswith("policy ")
        assert any(line.startswith("policy ") and ".yml:" in line for line in finding.evidence)


@pytest.mark.parametrize("name", all_checks())
def test_every_check_has_a_row_that_makes_it_speak_and_one_that_does_not(name: str) -> None:
    assert {row.fires for row in ROWS if row.rule == name} == {True, False}


def test_no_row_is_of_a_check_that_does_not_exist() -> None:
    assert {row.rule for row in ROWS} == set(all_checks())


def test_what_is_offered_and_what_is_used_is_one_finding_that_tells_both() -> None:
    weak = offers(esp="3des-sha256-x25519,aes256-sha256-x25519")
    row = Row("esp-encryption-weak", "", a={**weak, "sas": gateways(Row("", ""))[0].sas})
    (finding,) = evaluate([tunnel(row)], asking(row.rule), TODAY)[0]
    assert finding.summary == "a/to-b/net offers 3des for ESP encryption"
    assert finding.evidence[0].startswith("a swanctl.conf:20: esp_proposals")
    assert finding.confidence == "certain"


def test_a_live_sa_that_is_older_than_its_configuration_is_told_as_seen() -> None:
    row = next(row for row in ROWS if row.case == "3DES in use, not offered any more")
    (finding,) = evaluate([tunnel(row)], asking(row.rule), TODAY)[0]
    assert (finding.summary, finding.confidence) == ("a/to-b uses 3DES_CBC for IKE encryption", "observed")
    assert "older than its configuration" in finding.no_fix


def test_groups_are_compared_by_strength_and_not_by_number() -> None:
    strength = {
        group: measure_strength(group) or 0 for group in ("modp1024s160", "modp2048", "ecp256", "curve25519", "ecp384")
    }
    assert strength["modp1024s160"] < strength["modp2048"]  # groups 22 and 14
    assert strength["ecp256"] == strength["curve25519"] < strength["ecp384"]  # 19, 31, 20
    assert measure_strength("modp4096") == 152  # group 16


@pytest.mark.parametrize("name", ["baseline", "strongswan_recommended", "rfc", "nist_800_77r1"])
def test_a_tunnel_with_algorithms_of_today_has_nothing_against_the_general_profiles(name: str) -> None:
    found = audit(healthy(), policy=(load(name, no_file), TODAY))
    assert (found.findings, found.waived, found.policy) == ((), (), name)


def test_a_tunnel_as_cnsa_wants_it_has_nothing_against_it_but_its_pre_shared_key() -> None:
    suite = offers("aes256gcm16-prfsha384-prfsha512-ecp384-ke1_mlkem1024", "aes256gcm16-ecp384")
    both = [edited(gateway, **suite) for gateway in healthy()]
    found = audit(both, policy=(load("cnsa_2_0", no_file), TODAY))
    assert {finding.id for finding in found.findings} == {"authentication-weak"}


def test_a_policy_plans_nothing_and_hides_nothing() -> None:
    a, b = healthy()
    weak = edited(a, connection={"proposals": ("aes256-sha256-x25519", "3des-sha1-modp1024"), "dpd_delay": 0.0})
    without = audit((weak, b))
    judged = audit((weak, b), policy=(load("baseline", no_file), TODAY))
    assert judged.steps == without.steps
    assert set(without.findings) < set(judged.findings)
    ranks = [("critical", "high", "medium", "low", "info").index(finding.severity) for finding in judged.findings]
    assert ranks == sorted(ranks)


def test_two_checks_cannot_have_one_name_and_every_check_needs_its_docstring() -> None:
    function = next(iter(all_checks().values()))
    with pytest.raises(ValueError, match="two checks are called pfs-absent"):
        check("pfs-absent")(function)
    with pytest.raises(ValueError, match="check new has no docstring"):
        check("new")(lambda _tunnel, _demand: iter(()))
