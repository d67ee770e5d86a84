"""What a task gives: registered results of every kind, declared tunnels, probes, steps that were run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.tunnelwright.ipsec.plugins.filter.psk_digests import psk_digests
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    DeclaredEnd,
    DeclaredTunnel,
    DesiredPsk,
    EndName,
    Finding,
    Ping,
    Probe,
    Step,
    Waiver,
    to_plain,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.repairs import ExecutedStep
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import (
    compute_digest,
    compute_key_id,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.valid import refuse_setting
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task import audit_arguments

from tests.unit.build import healthy

from .corpus import CORPUS, needs_corpus

A, B = healthy()
STEP = Step("responder", "b", "connection", "to-a", settings={"encap": "yes"}, tunnel="a-b", findings=("f",))
FOUND = Finding("f", "high", "a-b", EndName("b", "to-a"), "s", "r", fix=(STEP,))
ENDS = [{"gateway": "a", "connection": "to-b"}, {"gateway": "b", "connection": "to-a"}]

RESULTS: tuple[tuple[str, Any, list[Any], dict[str, str]], ...] = (
    ("the gateway itself", to_plain(A), [A], {}),
    ("a registered result", {"gateway": to_plain(A), "changed": False}, [A], {}),
    ("one that failed", {"failed": True, "msg": "Traceback:\nno swanctl at a\n"}, [], {"x": "no swanctl at a"}),
    ("one that did not answer", {"unreachable": True, "msg": "timed out"}, [], {"x": "timed out"}),
    (
        "one that Ansible says failed",
        {"failed": True, "msg": "Task failed: Action failed: no way\n"},
        [],
        {"x": "no way"},
    ),
    ("one that does not say why", {"failed": True}, [], {"x": "it did not answer"}),
    ("one that says nothing", {"failed": True, "msg": ""}, [], {"x": "it did not answer"}),
    ("one that was skipped", {"skipped": True}, [], {}),
)


@pytest.mark.parametrize(("value", "read", "unread"), [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_a_result_is_a_gateway_or_why_there_is_none(value: Any, read: list[Any], unread: dict[str, str]) -> None:
    assert audit_arguments.parse_gateways([("x", value)]) == (read, unread)


REFUSED: tuple[tuple[Any, str], ...] = (
    ([], r"expected what gateway_info returned, not list at gateways\.x"),
    ({"stdout": ""}, r"this is not what gateway_info returned at gateways\.x: register its result and give that"),
    ({"gateway": {**to_plain(A), "spam": 1}}, r"unknown key 'spam' at gateways\.x"),
    ({"gateway": {"name": "a"}}, r"'platform' is missing at gateways\.x"),
)


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_anything_else_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        audit_arguments.parse_gateways([("x", value)])


def test_a_declared_tunnel_has_what_its_yaml_says() -> None:
    given = {
        "name": "berlin",
        "ends": ENDS,
        "initiator": "a",
        "settings": {"encap": True, "mobike": False, "keyingtries": 0, "rekey_time": "4h"},
        "verify": {"ping": [{"from": "10.1.0.1", "to": "10.2.0.1"}]},
    }
    ends = (DeclaredEnd("a", "to-b"), DeclaredEnd("b", "to-a"))
    words = {"encap": "yes", "mobike": "no", "keyingtries": "0", "rekey_time": "4h"}
    assert audit_arguments.parse_declared([given]) == [
        DeclaredTunnel("berlin", ends, "a", words, (Ping("10.1.0.1", "10.2.0.1"),))
    ]


MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"settings": {"dpd_dealy": "10s"}}, "tunnels.x.settings.dpd_dealy: do you mean dpd_delay?"),
    ({"settings": {"esp_proposals": "aes256"}}, "no setting 'esp_proposals' there at tunnels.x.settings.esp_proposals"),
    ({"settings": {"dpd_delay": "soon"}}, "'soon' is not a value for dpd_delay"),
    ({"settings": {"proposals": "aes256-sha257-modp2048"}}, "no algorithm 'sha257' at tunnels.x"),
    ({"settings": {"remot.id": "a.lab"}}, "no section 'remot'"),
    ({"child_settings": {"close_action": "sometimes"}}, "'sometimes' is not a value for close_action"),
    ({"ends": [{**ENDS[0], "settings": {"local.idd": "a"}}, ENDS[1]]}, "tunnels.x.ends[0].settings.local.idd"),
    ({"verify": {"pings": []}}, "unknown key 'pings' at tunnels.x.verify: do you mean ping?"),
    ({"verify": {"ping": [{"from": "10.0.0.1"}]}}, "'to' is missing at tunnels.x.verify.ping[0].to"),
    ({"verify": {"ping": [{"from": "10.0.0.1", "to": "fw"}]}}, "'fw' is not an IP address at tunnels.x.verify"),
    ({"verify": {"ping": 5}}, "ping is a list of pings at tunnels.x.verify.ping"),
    ({"verify": {"ping": {"from": "10.0.0.1", "to": "10.0.0.2"}}}, "ping is a list of pings"),
    ({"verify": {"ping": ["10.0.0.1"]}}, "a ping has two addresses at tunnels.x.verify.ping[0]"),
    ({"ends": [{**ENDS[0], "gateway": "fw-brnch1"}, ENDS[1]]}, "at tunnels.x.ends: do you mean fw-branch1?"),
)  # fmt: skip


@pytest.mark.parametrize(("given", "message"), MISTAKES)
def test_a_mistake_in_a_declaration_is_an_error_that_says_what_was_meant(given: dict[str, Any], message: str) -> None:
    with pytest.raises(IpsecError) as caught:
        audit_arguments.parse_declared([{"name": "x", "ends": ENDS, **given}], ["a", "b", "fw-branch1"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"rekey_bytes": "1G", "life_bytes": "500M", "rand_bytes": 0, "tfc_padding": "mtu", "per_cpu_sas": "encap"},
        {"rekey_time": "", "close_action": None, "start_action": "trap", "rekey_packets": 1000},
    ],
)
def test_what_strongswan_takes_is_taken(given: dict[str, Any]) -> None:
    rounds = {"local.cert1.file": "a.pem", "remote-2.auth": "eap", "local.id": "@#0102", "mobike": True}
    audit_arguments.parse_declared([{"name": "x", "ends": ENDS, "settings": {}, "child_settings": given}])
    audit_arguments.parse_declared([{"name": "x", "ends": [{**ENDS[0], "settings": rounds}, ENDS[1]]}])


def test_where_the_inventory_is_not_known_any_gateway_may_be_declared() -> None:
    assert [each.name for each in audit_arguments.parse_declared([{"name": "x", "ends": ENDS}])] == ["x"]


@needs_corpus
def test_no_proposal_of_strongswans_own_tests_is_refused() -> None:
    texts = (
        path.read_text(encoding="utf-8", errors="replace") for path in (CORPUS / "swanctl").rglob("*") if path.is_file()
    )
    given = [
        found
        for text in texts
        for found in re.findall(r"^\s*((?:esp_|ah_)?proposals)\s*=\s*([^\n#}]+)", text, re.MULTILINE)
    ]
    assert len(given) > 100
    for key, value in given:
        refuse_setting("connection" if key == "proposals" else "child", key, value.strip(), "here")


def test_a_declared_tunnel_has_settings_of_children_and_of_one_end_alone() -> None:
    own = {"settings": {"unique": "replace"}, "child_settings": {"close_action": "start", "dpd_action": None}}
    given = {
        "name": "berlin",
        "ends": [{**ENDS[0], **own}, ENDS[1]],
        "settings": {"rekey_time": "4h", "unique": "no"},
        "child_settings": {"esp_proposals": ["aes256gcm16-ecp384", "aes256-sha256"], "start_action": "trap"},
    }
    (tunnel,) = audit_arguments.parse_declared([given])
    both = {"esp_proposals": "aes256gcm16-ecp384,aes256-sha256", "start_action": "trap"}
    assert tunnel.of("b") == ({"rekey_time": "4h", "unique": "no"}, both)
    assert tunnel.of("a") == (
        {"rekey_time": "4h", "unique": "replace"},
        {**both, "close_action": "start", "dpd_action": ""},
    )


def test_a_given_key_is_a_name_or_what_the_filter_made_of_it() -> None:
    made = psk_digests({"a-b": "0x6b6579", "c-d": "key"}, "a digest key")
    assert made["a-b"] == made["c-d"]
    given = audit_arguments.parse_psks(["a-b", "e-f"], made)
    assert given == {"a-b": DesiredPsk(**made["a-b"]), "c-d": DesiredPsk(**made["c-d"]), "e-f": DesiredPsk()}
    assert made["a-b"] == {"digest": compute_digest("a digest key", "key"), "key_id": compute_key_id("a digest key")}
    with pytest.raises(ParseError, match=r"expected a mapping, not str at psk_digests\.a-b"):
        audit_arguments.parse_psks([], {"a-b": "the key itself"})
    with pytest.raises(AnsibleFilterError, match="psk_digests reads keys by tunnel, not list"):
        psk_digests(["a-b"], "a digest key")


@pytest.mark.parametrize(
    "empty", [{}, {"initiator": None, "settings": None, "verify": None}, {"verify": {"ping": None}}]
)
def test_a_declared_tunnel_needs_no_more_than_its_ends(empty: dict[str, Any]) -> None:
    (tunnel,) = audit_arguments.parse_declared([{"name": "berlin", "ends": ENDS, **empty}])
    assert (tunnel.initiator, tunnel.settings, tunnel.ping) == (None, {}, ())


UNDECLARABLE = (
    ({"ends": ENDS[:1]}, r"a tunnel has two ends, not 1 at tunnels\.berlin\.ends"),
    ({"ends": ENDS + ENDS}, r"a tunnel has two ends, not 4"),
    (
        {"ends": ENDS, "child_settings": {"local_ts": "10.0.0.0/8"}},
        (
            r"local_ts mirrors between the two ends and cannot be the same on both at tunnels\.berlin\.child_settings\."
            r"local_ts: give it to one end, under ends\[\]\.child_settings"
        ),
    ),
    (
        {"ends": ENDS, "child_settings": {"start_action": "trap|start"}},
        r"start_action = trap\|start on both ends would have each of them start the tunnel at tunnels",
    ),
    ({"ends": ENDS, "settings": {"remote.id": "a"}}, r"remote\.id mirrors .* under ends\[\]\.settings"),
    (
        {"ends": ENDS, "initiator": "c"},
        r"initiator c is not one of its ends at tunnels\.berlin\.initiator: name a or b",
    ),
)


@pytest.mark.parametrize(("given", "message"), UNDECLARABLE)
def test_a_tunnel_that_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ParseError, match=message):
        audit_arguments.parse_declared([{"name": "berlin", **given}])


PROBES: tuple[tuple[str, dict[str, Any], list[Probe]], ...] = (
    (
        "pings are summed",
        {"reachable": False, "pings": [{"sent": 3, "received": 3}, {"sent": "3", "received": None}]},
        [Probe("a", "to-b", "net", reachable=False, sent=6, received=3)],
    ),
    ("no pings", {"reachable": True, "pings": None}, [Probe("a", "to-b", "net", reachable=True)]),
    ("it was skipped", {"skipped": True}, []),
    ("it failed", {"failed": True, "msg": "no ping"}, []),
)


@pytest.mark.parametrize(("result", "expected"), [row[1:] for row in PROBES], ids=[row[0] for row in PROBES])
def test_a_probe_is_what_its_pings_show(result: dict[str, Any], expected: list[Probe]) -> None:
    assert audit_arguments.parse_probes([{"gateway": "a", "connection": "to-b", "child": "net", **result}]) == expected


def test_findings_come_back_as_they_were() -> None:
    assert audit_arguments.parse_findings([to_plain(FOUND)]) == [FOUND]
    with pytest.raises(ParseError, match=r"unknown key 'spam' at before\[1\]"):
        audit_arguments.parse_findings([to_plain(FOUND), {"spam": 1}])


DONE: tuple[tuple[str, dict[str, Any], list[ExecutedStep]], ...] = (
    ("changed", {"step": to_plain(STEP), "changed": True}, [ExecutedStep(STEP, changed=True)]),
    ("nothing to do", {"step": to_plain(STEP), "changed": False}, [ExecutedStep(STEP, changed=False)]),
    ("failed", {"step": to_plain(STEP), "failed": True, "msg": "no"}, [ExecutedStep(STEP, changed=False, failed="no")]),
    (
        "unreachable",
        {"step": to_plain(STEP), "unreachable": True},
        [ExecutedStep(STEP, changed=False, failed="no reason given")],
    ),
    ("skipped", {"step": to_plain(STEP), "skipped": True}, []),
    ("no step", {"changed": True}, []),
)


@pytest.mark.parametrize(("result", "expected"), [row[1:] for row in DONE], ids=[row[0] for row in DONE])
def test_a_step_that_was_run_is_told_with_what_came_of_it(result: dict[str, Any], expected: list[ExecutedStep]) -> None:
    assert audit_arguments.parse_done([result]) == expected


def test_keys_and_waivers_of_tunnels_that_are_not_declared_are_told() -> None:
    tunnels = audit_arguments.parse_declared([{"name": "x", "ends": ENDS}])
    waivers = [Waiver("dpd-off", name, "r", "o", "2027-01-01", "policy.yml:7") for name in ("x", "y")]
    told = audit_arguments.list_undeclared(tunnels, {"x": "a key", "a-long-secret": "x", "z": 12345678}, waivers)
    assert told == [
        {"where": "ipsec_psks", "what": "ipsec_psks has 2 keys for no tunnel that is known here"},
        {"where": "policy.yml:7", "what": "a waiver is for y, and no such tunnel is declared"},
    ]
    (said,) = audit_arguments.find_unused({"hq-brnch1": "k"}, ["hq-branch1"])
    assert said == "ipsec_psks has a key for hq-brnch1, and no tunnel is called so: do you mean hq-branch1?"


@pytest.mark.parametrize("psk", ["", None, ["a"], {"a": "b"}])
def test_a_key_that_is_none_is_an_error_that_shows_no_name_that_may_be_a_key(psk: Any) -> None:
    (tunnel,) = audit_arguments.parse_declared([{"name": "x", "ends": ENDS}])
    for name, where in (("x", r"ipsec_psks\.x: "), ("secret-of-x", "ipsec_psks: ")):
        with pytest.raises(ParseError, match=rf"a pre-shared key is (empty|not a string) at {where}") as caught:
            audit_arguments.list_undeclared([tunnel], {name: psk})
        assert "secret" not in str(caught.value)
