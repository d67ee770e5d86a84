"""Settings in swanctl's words as edits of config.xml: which, and what is refused because pfSense cannot have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import (
    NotRestoredError,
    RefusedError,
    RestoredError,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import ChildSa, IkeSa, Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.candidate import diff_lines
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense import keepalive
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.snapshot import take_snapshot
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.solve import (
    ConfigXmlCandidate,
)

from ..corpus import CORPUS, needs_corpus
from .pfsense_box import OPTIONS, reply, told
from .test_pfsense_read import BACKUP, WHOLE, phase1, phase2

Edits = dict[str, Any]
P1, P2 = "phase1[ikeid=1]", "phase2[uniqid=u1]"
STARTS = "<startaction>start</startaction><closeaction>start</closeaction>"
SPLIT = "<splitconn></splitconn>"
BOTH = phase2() + phase2(reqid=2)
DONE = '{"done":true}'
AES_GCM = {"name": "aes256gcm", "keylen": "128"}


def config(path: Path, first: str, second: str, skew: str = "0") -> None:
    about = {"wan": "192.0.2.10", "skew": skew, "hasync": "", "globals": ""}
    path.write_text(WHOLE.format(**about, phase1=first, phase2=second), encoding="utf-8")


def prepared(
    path: Path, wish: DesiredConnection, first: str = "", second: str = "", **values: str
) -> ConfigXmlCandidate:
    """The change of a config.xml with these entries."""
    config(path, first or phase1(), second or phase2(), skew=values.pop("skew", "0"))
    made = reply(told(path), **values)
    gateway = pfsense.read("fw", made, OPTIONS)
    connection = next(each for each in gateway.connections if each.name == wish.name)
    return pfsense.prepare(wish, gateway, connection, made, OPTIONS)


def asked(settings: Mapping[str, str], pending: bool = True, **more: Any) -> DesiredConnection:
    """A wish for con1; `con1/close_action` is a setting of a child of that name."""
    children: dict[str, dict[str, str]] = {}
    for name, value in settings.items():
        child, slash, key = name.partition("/")
        if slash:
            children.setdefault(child, {})[key] = value
    own = {name: value for name, value in settings.items() if "/" not in name}
    return DesiredConnection("con1", own, children, pending=pending, **more)


def edits_of(change: ConfigXmlCandidate) -> Edits:
    return {edit.path.removeprefix("ipsec/"): edit.value for edit in change.order.edits}


TABLE: list[tuple[Mapping[str, str], Edits]] = [
    ({"encap": "yes"}, {f"{P1}/nat_traversal": "force"}),
    ({"encap": "no"}, {}),
    ({"mobike": "yes"}, {f"{P1}/mobike": "on"}),
    ({"dpd_delay": "30s"}, {f"{P1}/dpd_delay": "30"}),
    ({"dpd_delay": "0.5m"}, {}),
    ({"dpd_delay": "0s"}, {f"{P1}/dpd_delay": None, f"{P1}/dpd_maxfail": None}),
    ({"rekey_time": "4h"}, {f"{P1}/rekey_time": "14400"}),
    ({"rand_time": "0s"}, {f"{P1}/rand_time": "0"}),
    ({"version": "0"}, {f"{P1}/iketype": "auto"}),
    ({"local.id": "fw.example"}, {f"{P1}/myid_type": "fqdn", f"{P1}/myid_data": "fw.example"}),
    ({"remote.id": "keyid:b"}, {f"{P1}/peerid_type": "keyid tag", f"{P1}/peerid_data": "b"}),
    ({"remote.id": "%any"}, {f"{P1}/peerid_type": "any", f"{P1}/peerid_data": ""}),
    ({"remote_addrs": "198.51.100.9"}, {f"{P1}/remote-gateway": "198.51.100.9"}),
    ({"local_addrs": "192.0.2.5"}, {f"{P1}/interface": "_vipabc"}),
    ({"proposals": "aes256-sha256-modp2048"}, {}),
    (
        {"proposals": "aes256gcm16-prfsha384-ecp384"},
        {
            f"{P1}/encryption": {
                "item": [
                    {
                        "encryption-algorithm": AES_GCM,
                        "hash-algorithm": "sha384",
                        "prf-algorithm": "sha384",
                        "dhgroup": "20",
                    }
                ]
            }
        },
    ),
    ({"con1/esp_proposals": "aes256gcm16-modp2048"}, {f"{P2}/encryption-algorithm-option": [AES_GCM]}),
    ({"con1/esp_proposals": "aes256-sha256"}, {f"{P2}/pfsgroup": "0"}),
    (
        {"con1/esp_proposals": "aes256-sha256-x25519,aes256-sha512-x25519"},
        {f"{P2}/hash-algorithm-option": ["hmac_sha256", "hmac_sha512"], f"{P2}/pfsgroup": "31"},
    ),
    ({"con1/life_time": "2h"}, {f"{P2}/lifetime": "7200"}),
    ({"con1/rekey_time": "50m", "con1/rand_time": "5m"}, {f"{P2}/rekey_time": "3000", f"{P2}/rand_time": "300"}),
    (
        {"con1/remote_ts": "10.9.0.0/16"},
        {f"{P2}/remoteid": {"type": "network", "address": "10.9.0.0", "netbits": "16"}},
    ),
    ({"con1/local_ts": "192.168.1.7/32"}, {f"{P2}/localid": {"type": "address", "address": "192.168.1.7"}}),
    ({"con1/start_action": "none"}, {f"{P1}/startaction": "none"}),
    ({"con1/start_action": "trap"}, {}),
    (
        {"con1/dpd_action": "none", "con1/start_action": "none"},
        {f"{P1}/startaction": "none", f"{P1}/closeaction": "none"},
    ),
    ({"con1/dpd_action": "clear"}, {f"{P1}/closeaction": "none"}),
    (
        {"con1/start_action": "start", "con1/close_action": "start", "con1/dpd_action": "start"},
        {f"{P1}/startaction": "start", f"{P1}/closeaction": "start"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "wanted"), TABLE, ids=str)
def test_a_setting_is_the_fewest_edits_that_give_it(tmp_path: Path, settings: Mapping[str, str], wanted: Edits) -> None:
    change = prepared(tmp_path / "config.xml", asked({k: v.replace("0.5m", "10s") for k, v in settings.items()}))
    assert edits_of(change) == wanted
    assert change.needed is bool(wanted)


@pytest.mark.parametrize(
    ("first", "second", "settings", "wanted"),
    [
        (phase1(), BOTH, {"con1/life_time": "2h"}, {"phase2[uniqid=u2]/lifetime": "7200"}),
        (
            phase1(),
            BOTH,
            {"con1/esp_proposals": "aes256-sha256"},
            {f"{P2}/pfsgroup": "0", "phase2[uniqid=u2]/pfsgroup": "0"},
        ),
        (
            phase1(),
            BOTH,
            {"con1/remote_ts": "10.1.0.0/24,10.7.0.0/24"},
            {"phase2[uniqid=u2]/remoteid": {"type": "network", "address": "10.7.0.0", "netbits": "24"}},
        ),
        (phase1(more=SPLIT), BOTH, {"con1_2/life_time": "2h"}, {"phase2[uniqid=u2]/lifetime": "7200"}),
        (
            phase1(more=SPLIT),
            BOTH,
            {"con1_1/start_action": "none", "con1_2/start_action": "none"},
            {f"{P1}/startaction": "none"},
        ),
        (phase1(more=STARTS), phase2(), {"con1/start_action": "none"}, {f"{P1}/startaction": "none"}),
    ],
)
def test_entries_that_share_a_child_and_children_that_share_an_entry(
    tmp_path: Path, first: str, second: str, settings: Mapping[str, str], wanted: Edits
) -> None:
    assert edits_of(prepared(tmp_path / "config.xml", asked(settings), first, second)) == wanted


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"keyingtries": "0"}, "has no place for this setting at con1.keyingtries"),
        ({"con1/policies": "no"}, "has no place for this setting"),
        ({"con1/start_action": "trap|start"}, "cannot have con1.start_action = trap|start"),
        ({"con1/close_action": "start"}, "without con1.dpd_action = restart"),
        ({"con1/remote_ts": "10.1.0.0/24,10.2.0.0/24"}, "has 1 phase 2 entries here, and remote_ts names 2"),
        ({"con1/remote_ts": "10.1.0.0/24[tcp/80]"}, "as a traffic selector"),
        ({"proposals": "aes128-aes256-sha256-modp2048"}, "no place for the proposal"),
        ({"con1/esp_proposals": "aes256-sha256-modp2048,aes256-sha512-x25519"}, "no place for the proposal"),
        ({"con1/esp_proposals": "aes256-sha256-modp2048,aes128-sha512-modp2048"}, "would make"),
        ({"rekey_time": ""}, "always writes this setting"),
        ({"local.auth": "pubkey"}, "cannot be set as the method"),
        ({"local_addrs": "192.0.2.77"}, "no interface of this pfSense has the address"),
        ({"version": "1"}, "would also change"),
        ({"remote_addrs": "a.example,b.example"}, "cannot have remote_addrs"),
    ],
)  # fmt: skip
def test_what_pfsense_cannot_have_is_refused_in_a_sentence(
    tmp_path: Path, settings: Mapping[str, str], why: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        prepared(tmp_path / "config.xml", asked(settings))
    assert why in str(refused.value)


def test_one_of_several_children_cannot_start_alone(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"without con1_2.start_action = none"):
        prepared(tmp_path / "config.xml", asked({"con1_1/start_action": "none"}), phase1(more=SPLIT), BOTH)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"marks": "dirty\n"}, "wait to be applied"),
        ({}, r"wait to be applied \(to con1\)"),
        ({"marks": "booting\n"}, "is booting"),
        ({"skew": "100", "carp": BACKUP}, "secondary of a cluster"),
        ({"version": "2.5.2-RELEASE\n"}, "not one that this can change"),
    ],
)
def test_no_time_to_change_anything(tmp_path: Path, values: dict[str, str], why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        prepared(tmp_path / "config.xml", asked({"encap": "yes"}, pending=not why.startswith("wait")), **values)
    assert not prepared(tmp_path / "config.xml", asked({"encap": "no"}, pending=False), **values).needed


def test_the_key_travels_as_a_secret_and_is_shown_nowhere(tmp_path: Path) -> None:
    change = prepared(tmp_path / "config.xml", asked({}, psk="0sbmV3LXNlY3JldA==", by="alice: rotation"))
    assert change.psk_changed
    assert edits_of(prepared(tmp_path / "config.xml", asked({}, psk="k"))) == {}
    script = change.script(timeout=30, terminate=False)
    told_ = json.loads(script.secrets["TW_EDIT"])
    assert told_["edits"][0]["value"] == "new-secret"
    assert told_["text"] == "tunnelwright.ipsec for alice: rotation: con1 pre-shared-key"
    seen = "".join((script.source, *script.variables.values(), *diff_lines(change.diff), str(change.diff)))
    assert not [text for text in ("new-secret", "bmV3LXNl") if text in seen]
    for psk in ("with blank ", "umlaut\u00e4", ""):
        with pytest.raises(RefusedError, match="printable ASCII"):
            prepared(tmp_path / "config.xml", asked({}, psk=psk))
    with pytest.raises(RefusedError, match="one pre-shared key for a peer"):
        prepared(tmp_path / "config.xml", asked({}, psk="other", psk_use="accept"))


def test_the_lines_say_which_element_has_what(tmp_path: Path) -> None:
    change = prepared(tmp_path / "config.xml", asked({"dpd_delay": "30s", "mobike": "yes"}))
    assert diff_lines(change.diff)[3:] == [
        "-ipsec/phase1[ikeid=1]/dpd_delay = 10",
        "+ipsec/phase1[ikeid=1]/dpd_delay = 30",
        "+ipsec/phase1[ikeid=1]/mobike = on",
    ]
    assert change.changes == {
        ("connections", "con1", "mobike"): ("no", "yes"),
        ("connections", "con1", "dpd_delay"): ("10s", "30s"),
    }


def test_a_twin_carries_what_is_up_and_is_not_for_all(tmp_path: Path) -> None:
    up = (IkeSa("con1", 1, "ESTABLISHED", children=(ChildSa("con1", 2, "INSTALLED"),)),)
    change = prepared(tmp_path / "config.xml", asked({"rekey_time": "4h"}))
    assert not change.bridge(()).bridged
    bridged = change.bridge(up)
    script = bridged.script(timeout=5, terminate=False)
    assert bridged.bridged
    assert script.variables["TW_TWIN"].startswith("include swanctl.conf\nconnections {")
    assert "con1-tunnelwright-next : connections.con1 {" in script.variables["TW_TWIN"]
    assert "rekey_time = 14400s" in script.variables["TW_TWIN"]
    assert script.variables["TW_CONFIG"] == "/var/etc/ipsec/swanctl.conf"
    with pytest.raises(RefusedError, match="a new pre-shared key"):
        prepared(tmp_path / "config.xml", asked({}, psk="other")).bridge(up)
    routed = phase2(mode="vti")
    with pytest.raises(RefusedError, match="routed"):
        prepared(tmp_path / "config.xml", asked({"rekey_time": "4h"}), phase1(), routed).bridge(up)


@pytest.mark.parametrize(
    ("sections", "error", "why"),
    [
        ({"written": '{"refused":"moved","more":""}'}, RefusedError, "changed by someone else meanwhile"),
        ({"written": '{"refused":"gone","more":"phase2 u1"}'}, RefusedError, "phase2 u1 exactly once"),
        ({"written": ""}, NotRestoredError, "did not end well"),
        ({}, NotRestoredError, "did not end well"),
        (
            {"written": DONE, "loading": "loading connection 'con1' failed", "undone": DONE, "restored": "x"},
            RestoredError,
            "loading connection 'con1' failed; its configuration is what it was before",
        ),
        (
            {"written": DONE, "loading": "", "undone": ReplySection(1, b""), "restored": "x"},
            NotRestoredError,
            "could not be taken back",
        ),
    ],
)  # fmt: skip
def test_what_came_of_it_is_told_in_a_sentence(
    tmp_path: Path, sections: dict[str, str | ReplySection], error: type[Exception], why: str
) -> None:
    change = prepared(tmp_path / "config.xml", asked({"encap": "yes"}))
    parts = {name: ReplySection(0, part.encode()) if isinstance(part, str) else part for name, part in sections.items()}
    with pytest.raises(error) as raised:
        change.applied(Reply(parts))
    assert why in str(raised.value)


ON, OFF = "<keepalive>enabled</keepalive>", "<keepalive>disabled</keepalive>"
TWO_ON = phase2(more=ON) + phase2(reqid=2, more=ON)


@pytest.mark.parametrize(
    ("first", "second", "child", "present", "wanted"),
    [
        (phase1(), phase2(), "con1", True, {f"{P2}/keepalive": "enabled"}),
        (phase1(), phase2(more=OFF), "con1", True, {f"{P2}/keepalive": "enabled"}),
        (phase1(), phase2() + phase2(reqid=2, more=ON), "con1", True, {}),
        (phase1(), TWO_ON, "con1", False, {f"{P2}/keepalive": "disabled", "phase2[uniqid=u2]/keepalive": "disabled"}),
        (phase1(), phase2(), "con1", False, {}),
        (phase1(more=SPLIT), TWO_ON, "con1_2", False, {"phase2[uniqid=u2]/keepalive": "disabled"}),
        (phase1(more=SPLIT), BOTH, "con1_2", True, {"phase2[uniqid=u2]/keepalive": "enabled"}),
    ],
)
def test_one_entry_of_a_child_is_checked_or_none(  # noqa: PLR0913, PLR0917  a row of a table
    tmp_path: Path, first: str, second: str, child: str, present: bool, wanted: Edits
) -> None:
    change = kept(tmp_path, first, second, child, present=present)
    assert edits_of(change) == wanted
    assert not json.loads(change.script(timeout=5, terminate=False).secrets["TW_EDIT"])["apply"]


@pytest.mark.parametrize(
    ("first", "child", "why"),
    [
        (phase1().replace("ikev2", "auto"), "con1", "does not find the child"),
        (phase1(), "con1_1", "there is no child 'con1_1'"),
        (phase1(more=SPLIT), "con1", "there is no child 'con1'"),
    ],
)
def test_a_check_that_would_find_nothing_is_refused(tmp_path: Path, first: str, child: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        kept(tmp_path, first, phase2(), child, present=True)


def test_what_the_check_does_not_see_is_a_warning(tmp_path: Path) -> None:
    config(tmp_path / "config.xml", phase1(), BOTH)
    gateway = pfsense.read("fw", reply(told(tmp_path / "config.xml")), OPTIONS)
    assert "one of its 2 networks" in keepalive.describe_limits(gateway, "con1", "con1")[0]
    config(tmp_path / "config.xml", phase1(), phase2())
    assert not keepalive.describe_limits(
        pfsense.read("fw", reply(told(tmp_path / "config.xml")), OPTIONS), "con1", "con1"
    )


def kept(folder: Path, first: str, second: str, child: str, *, present: bool) -> ConfigXmlCandidate:
    config(folder / "config.xml", first, second)
    made = reply(told(folder / "config.xml"), marks="dirty\n")
    gateway = pfsense.read("fw", made, OPTIONS)
    return keepalive.prepare(DesiredConnection("con1"), child, gateway, made, OPTIONS, present=present, ping=None)


@needs_corpus
@pytest.mark.parametrize(
    ("case", "settings"),
    [
        ("nat_traversal_force", {"encap": "yes"}),
        ("closeaction_none", {"con1/close_action": "none", "con1/dpd_action": "clear"}),
        ("closeaction_trap", {"con1/close_action": "trap"}),
        ("dpd_delay_0", {"dpd_delay": "0"}),
        ("iketype_auto", {"version": "0"}),
        ("myid_dyn_dns", {"local.id": "dns:a.example.net"}),
        ("myid_user_fqdn", {"local.id": "userfqdn:a@example.net"}),
        ("peerid_keyid", {"remote.id": "keyid:siteB"}),
        ("p1_rand_time_0", {"rand_time": "0"}),
        ("p1_rekey_time_0", {"rekey_time": "0"}),
        ("p1_rekey_time_20000", {"rekey_time": "20000"}),
        ("p2_rekey_time_3000", {"con1/rekey_time": "3000"}),
        ("startaction_none", {"con1/start_action": "none"}),
        ("keylen_auto", {"con1/esp_proposals": "aes256-sha256-modp2048,aes192-sha256-modp2048,aes128-sha256-modp2048"}),
        (
            "start_start_dpd_off",
            {"dpd_delay": "0", "con1/start_action": "start", "con1/close_action": "start", "con1/dpd_action": "clear"},
        ),
    ],
)  # fmt: skip
def test_from_pfsenses_base_case_each_other_case_is_reached(case: str, settings: Mapping[str, str]) -> None:
    folder = CORPUS / "pfsense" / "2.7.2"
    here, there = (reply(told(folder / name / "config.xml")) for name in ("base", case))
    gateway = pfsense.read("fw", here, OPTIONS)
    change = pfsense.prepare(asked(settings), gateway, gateway.connections[0], here, OPTIONS)
    assert take_snapshot(here, OPTIONS).after(change.order.edits) == take_snapshot(there, OPTIONS).after(())
