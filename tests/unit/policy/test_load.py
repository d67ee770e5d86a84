"""Profiles: the collection's, files of a user over them, waivers, and mistakes in one sentence with their line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose import policy
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy import (
    evaluate,
    schema_errors,
    yaml_lines,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.checks import all_checks
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import (
    list_bundled,
    load,
    load_schema,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.profile import (
    Profile,
    format_duration,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Finding
from jsonschema import Draft202012Validator

from tests.unit.build import Row, healthy, tunnel

from .rows import no_file, offers

OURS = """\
profile: ours
extends: baseline
rules:
  ike-lifetime-long: {at_most: 12h, severity: high}
  pfs-absent: {severity: medium}
  proposals-default: {enabled: false}
waivers:
  - rule: ike-encryption-weak
    tunnel: a-b
    reason: the peer is replaced in January
    owner: net-team
    expires: 2026-12-31
"""
WEAK = Row("", "", a=offers("aes256-sha256-x25519,3des-sha256-x25519"))


def ours(text: str = OURS, others: Mapping[str, str] | None = None) -> Profile:
    return load("dir/ours.yml", {"dir/ours.yml": text, **(others or {})}.__getitem__)


@pytest.mark.parametrize("name", list_bundled())
def test_every_profile_of_the_collection_fits_the_schema_and_names_its_sources(name: str) -> None:
    text = files(policy).joinpath("profiles", f"{name}.yml").read_text(encoding="utf-8")
    schema_errors.refuse(yaml_lines.read(text, name), load_schema())
    profile = load(name, no_file)
    assert profile.name == name
    assert profile.description
    assert profile.demands
    assert all(demand.source.document and demand.origin.startswith(f"{name}.yml:") for demand in profile.demands)


def test_the_profiles_of_the_collection_are_those_that_its_documentation_names() -> None:
    assert list_bundled() == ("baseline", "cnsa_2_0", "disa_vpn_srg", "nist_800_77r1", "rfc", "strongswan_recommended")


def test_a_rule_that_nobody_has_compared_with_its_document_says_so() -> None:
    sources = {str(demand.source) for demand in load("nist_800_77r1", no_file).demands}
    assert all(source.endswith("(not verified against the document)") for source in sources)
    assert all(demand.source.verified for demand in load("disa_vpn_srg", no_file).demands)


def test_the_schema_is_one_and_knows_exactly_the_checks_that_there_are() -> None:
    Draft202012Validator.check_schema(load_schema())
    assert set(load_schema()["properties"]["rules"]["properties"]) == set(all_checks())
    assert set(load_schema()["$defs"]["waiver"]["properties"]["rule"]["enum"]) == set(all_checks())


def test_a_file_over_a_profile_says_the_last_word_and_is_named_as_the_source() -> None:
    demands = {demand.check: demand for demand in ours().demands}
    beneath = {demand.check: demand for demand in load("baseline", no_file).demands}
    assert demands["ike-lifetime-long"].at_most == 12 * 3600
    assert demands["ike-lifetime-long"].severity == "high"
    assert str(demands["ike-lifetime-long"].source).startswith("policy ours, in place of NIST SP 800-77 revision 1")
    assert demands["ike-lifetime-long"].origin == "dir/ours.yml:4"
    assert demands["pfs-absent"].severity == "medium"
    assert demands["pfs-absent"].source == beneath["pfs-absent"].source  # the same threshold, of the same document
    assert "proposals-default" not in demands
    assert demands["psk-reused"] == beneath["psk-reused"]


def test_of_several_profiles_beneath_the_later_is_over_the_earlier_and_a_file_is_beside_its_user() -> None:
    theirs = "rules:\n  pfs-absent: {severity: critical}\n"
    made = ours("extends: [baseline, theirs.yml]\n", {"dir/theirs.yml": theirs})
    assert {demand.severity for demand in made.demands if demand.check == "pfs-absent"} == {"critical"}
    assert made.name == "ours"


@pytest.mark.parametrize(
    ("today", "counted", "waived"),
    [
        (date(2026, 12, 31), set(), {"ike-encryption-weak"}),
        (date(2027, 1, 1), {"ike-encryption-weak", "waiver-expired"}, set()),
    ],
)
def test_a_waiver_holds_to_its_last_day_and_is_a_finding_afterwards(
    today: date, counted: set[str], waived: set[str]
) -> None:
    found, excused = evaluate([tunnel(WEAK)], ours(), today)
    assert {finding.id for finding in found} == counted
    assert {each.finding.id for each in excused} == waived
    assert all(each.waiver.owner == "net-team" for each in excused)


def test_an_expired_waiver_says_who_is_to_decide() -> None:
    found = evaluate([tunnel(WEAK)], ours(), date(2027, 2, 1))[0]
    (finding,) = [each for each in found if each.id == "waiver-expired"]
    assert finding.summary == "the waiver of ike-encryption-weak on a-b expired on 2026-12-31"
    assert finding.evidence == ("policy dir/ours.yml:8: given by net-team: the peer is replaced in January",)
    assert finding.no_fix.startswith("net-team must fix ike-encryption-weak")


def test_a_waiver_is_of_one_tunnel() -> None:
    found, excused = evaluate([tunnel(WEAK)], ours(OURS.replace("a-b", "c-d")), date(2026, 11, 21))
    assert {finding.id for finding in found} == {"ike-encryption-weak"}
    assert excused == ()


def test_a_waiver_of_a_tunnel_that_is_not_there_is_told_where_all_tunnels_are_known() -> None:
    profile = ours(OURS.replace("a-b", "a-c"))
    day = date(2026, 11, 21)

    def strays(**more: Any) -> list[Finding]:
        return [each for each in audit(healthy(), policy=(profile, day), **more).findings if each.id == policy.STRAY]

    (finding,) = strays()
    assert str(finding.end) == "ours"
    assert finding.summary == "dir/ours.yml:8 waives ike-encryption-weak on a-c, but no tunnel has that name"
    assert finding.no_fix.endswith("unless its gateways are in another inventory; do you mean a-b?")
    assert strays(unreadable={"c": "timed out"}) == strays(only=["a-b"]) == []
    assert [each for each in audit(healthy(), policy=(ours(), day)).findings if each.id == policy.STRAY] == []
    lone = audit(healthy()[:1], policy=(profile, day))
    assert not lone.tunnels
    assert [each.id for each in lone.findings if each.id == policy.STRAY] == []


MISTAKES = {
    "rules:\n  ike-lifetime-lng: {at_most: 3h}": "unknown key 'ike-lifetime-lng' at ours.yml:2: "
    "do you mean ike-lifetime-long?",
    "extends: baseline\nrules:\n  ike-lifetime-long:\n    at_most: 3x": "'3x' does not fit as at_most at ours.yml:4: "
    "write a time as 90m, 8h or 1d",
    "extends: baseline\nrules:\n  pfs-absent:\n    severity: hihg": "'hihg' at ours.yml:4: do you mean high?",
    "extends: baseline\nrules:\n  pfs-absent: {at_most: 3h}": "unknown key 'at_most' at ours.yml:3: "
    "known are severity, source, note, enabled",
    "extends: baseline\nrules:\n\n  ike-prf-weak:\n    forbidden: [sha1, sha11]": "no algorithm is called 'sha11' "
    "at ours.yml:5: write it as in a proposal, such as aes256gcm16, sha384 or ecp384",
    "extends: baseline\nrules:\n  ike-prf-weak:\n    forbidden: sha1": "forbidden must be a list, not 'sha1' "
    "at ours.yml:4",
    "rules:\n  pfs-absent: {severity: low}": "'source' is missing in pfs-absent, which no profile beneath has "
    "at ours.yml:2",
    "rules:\n  ike-prf-weak: {severity: low, source: {document: x}}": "ike-prf-weak has no threshold at ours.yml:2: "
    "give it one of forbidden, allowed, at_least, at_most",
    "extends: basline": "no profile is called 'basline' at ours.yml:1: known are baseline, cnsa_2_0, disa_vpn_srg, "
    "nist_800_77r1, rfc, strongswan_recommended; or give a file, whose name ends in .yml",
    "extends: ours.yml": "ours.yml extends itself at ours.yml:1: take one of its extends out",
    "extends: baseline\nwaivers:\n  - rule: pfs-absent\n    tunnel: a-b": "'reason' is missing in waivers[0] "
    "at ours.yml:3",
    "extends: rfc\nwaivers:\n  - {rule: pfs-absent, tunnel: t, reason: r, owner: o, expires: 2026-12-31}": "this "
    "waives pfs-absent, which the policy does not ask for at ours.yml:3: it has esp-encryption-weak",
    "extends: baseline\nwaivers:\n  - rule: pfs-absent\n    tunnel: t\n    reason: r\n    owner: o\n"
    "    expires: 2026-02-30": "2026-02-30 is not a date at ours.yml:7: write it as 2026-12-31",
    "extends: baseline\nwaivers:\n  - rule: pfs-absent\n    tunnel: t\n    reason: ' '\n    owner: o\n"
    "    expires: 2026-02-20": "' ' does not fit as reason at ours.yml:5: say why",
    "extends: rfc\ntarget:\n  settings:\n    proposals: [aes256gcm16-prfsha384-ecp384, aes256-sah1]": "aes256-sah1 "
    "is not a proposal at ours.yml:4: write it as aes256gcm16-prfsha384-ecp384",
    "rules: [": "this is not valid YAML: expected the node content, but found '<stream end>' at ours.yml:1",
    "a: \x07": "this is not valid YAML: ",
    "- a": "a profile must be a mapping, not ['a'] at ours.yml:1",
    "": "a profile must be a mapping, not None at ours.yml:1",
    "profile: x\nrules: {}\nrules: {}": "'rules' stands here a second time at ours.yml:3: keep one of the two",
    "rules: &a {}\nwaivers: *a": "an alias (*) stands here at ours.yml:1: write out what it stands for",
    "a: &a [*a]": "an alias (*) stands here at ours.yml:1: write out what it stands for",
    "? [a]\n: b": "a key must be text at ours.yml:1",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_line(text: str) -> None:
    with pytest.raises(IpsecError) as raised:
        load("ours.yml", lambda _name: text)
    assert str(raised.value).startswith(MISTAKES[text])
    assert "\n" not in str(raised.value)


def test_a_name_that_is_no_profile_is_told_with_those_that_are() -> None:
    with pytest.raises(IpsecError, match="no profile is called 'strict' at ipsec_policy: known are baseline, "):
        load("strict", no_file)


def test_a_controller_without_the_library_that_compares_is_told_which_and_profiles_of_the_collection_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert load("baseline", no_file).name == "baseline"
    with pytest.raises(IpsecError, match=r"jsonschema, which is not installed on the controller: install it"):
        ours()


@pytest.mark.parametrize(("seconds", "text"), [(86400.0, "1d"), (28800.0, "8h"), (5400.0, "90m"), (61.0, "61s")])
def test_a_time_is_told_as_people_write_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
