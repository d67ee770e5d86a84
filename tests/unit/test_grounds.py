"""Whose word decides: every setting has one, every repair a class, and a peer is followed as far as it is proven."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from ansible_collections.tunnelwright.ipsec.plugins.modules import tunnel_audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import (
    Rule,
    diagnose,
    iterate_findings,
    list_rules,
    run,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules.grounds import (
    DEFAULT,
    Grounds,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules.words import WORDS, decide_word
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    REPAIRS,
    Auth,
    Change,
    Connection,
    Daemon,
    EndName,
    Fault,
    Finding,
    Gateway,
    Problem,
    Repair,
    System,
    Tunnel,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.keys import KEYS
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task.audit_arguments import parse_repairs

from tests.unit.build import (
    AES,
    ASKED,
    NET_A,
    NET_B,
    child,
    child_sa,
    connection,
    declared,
    edited,
    gateway,
    healthy,
    ike_sa,
    mirrored,
    remedies,
    secret,
    tunnel,
)
from tests.unit.rules.rows import rows

ROOT = Path(__file__).parents[2]
HOST, WIDE, OTHER = "10.1.0.7/32", "10.0.0.0/8", "other.example"
WEAK = "aes128-sha1-modp1024"
CERTIFICATES: dict[str, Any] = {
    "local": (Auth("local", "pubkey", "a.example"),),
    "remote": (Auth("remote", "pubkey", "b.example"),),
}


@pytest.mark.parametrize("level", tuple(KEYS))
def test_every_setting_has_somebody_whose_word_decides_it(level: Any) -> None:
    assert set(WORDS[level]) == set(KEYS[level])


def test_the_identity_of_an_end_is_its_own_and_that_of_its_peer_a_view() -> None:
    end = EndName("a", "to-b")
    words = {
        key: decide_word(Change(end, key, "x")) for key in ("local.id", "remote.id", "remote-2.id", "dpd_delay", "new")
    }
    assert words == {
        "local.id": "own",
        "remote.id": "view",
        "remote-2.id": "view",
        "dpd_delay": "conduct",
        "new": "agreed",
    }


def test_every_class_is_known_wherever_it_can_be_given() -> None:
    names = {"default", *REPAIRS}
    assert set(get_args(Repair)) == set(REPAIRS)
    assert set(tunnel_audit.ARGUMENT_SPEC["repair"]["choices"]) == names
    for role in ("audit", "remediate", "guarded_change", "diagnose"):
        text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
        assert set(yaml.safe_load(text)["argument_specs"]["main"]["options"]["ipsec_repair"]["choices"]) == names
    guide = (ROOT / "docs" / "docsite" / "rst" / "guide_audit_and_repair.rst").read_text(encoding="utf-8")
    for name, does in REPAIRS.items():
        assert f"   * - ``{name}``\n     - {does}\n     - {'yes' if name in DEFAULT else 'no'}\n" in guide
    assert parse_repairs(["default", "practice"]) == DEFAULT | {"practice"}
    assert parse_repairs(["dpd"]) == {"dpd"}


@pytest.mark.parametrize("row", [row for row in rows() if row.remedies], ids=str)
def test_a_repair_is_made_where_its_class_is_allowed_and_no_other(row: Any) -> None:
    one = tunnel(row)
    (repair,) = (each.repair for each in list_rules() if each.id == row.rule)
    allowed, refused = (
        [finding for finding in diagnose([one], classes) if finding.id == row.rule]
        for classes in (ASKED, ASKED - {repair})
    )
    assert any(finding.fix for finding in allowed)
    if row.rule != "setting-deviates":  # what is declared is asked for by that
        assert [finding.fix for finding in refused] == [()] * len(allowed)
        assert all(f"ipsec_repair does not include {repair}" in finding.no_fix for finding in refused if finding.no_fix)


def _found(
    one: Connection, other: Connection, *more: Gateway, allowed: Collection[Repair] = DEFAULT, **values: Any
) -> dict[str, Finding]:
    """The findings between two ends that are down, by id."""
    a, b = (replace(gateway, sas=()) for gateway in healthy(one, other))
    tunnels, dummy = pair_ends((replace(a, **values), b, *more))
    return {finding.id: finding for finding in diagnose(tunnels, allowed)}


def _fixes(found: dict[str, Finding], name: str) -> tuple[str, ...]:
    return remedies(found[name])


def test_a_peer_with_the_one_key_that_nobody_else_has_is_followed() -> None:
    found = _found(connection(), mirrored(connection(), proposals=(WEAK,)))["ike-proposals-disjoint"]
    assert remedies(found) == (f"b/to-a: proposals = {AES}",)
    assert "b may follow a: both ends keep one pre-shared key, which no other connection uses" in found.evidence


def test_a_peer_with_a_key_that_a_third_has_too_is_not_followed() -> None:
    third = gateway("c", connection("to-d", remote=(Auth("remote", "psk", "d.example"),), remote_addrs=("192.0.2.9",)))
    found = _found(connection(), mirrored(connection(), proposals=(WEAK,)), third)["ike-proposals-disjoint"]
    assert (found.fix, "nothing has proven a to b" in found.no_fix) == ((), True)
    assert f"proposals = {AES} on b/to-a" in found.no_fix


def test_a_peer_with_a_certificate_is_followed_where_the_tunnel_is_declared_or_the_operator_says_so() -> None:
    one = connection(**CERTIFICATES)
    other = mirrored(one, proposals=(WEAK,))
    assert _fixes(_found(one, other), "ike-proposals-disjoint") == ()
    trusting = _found(one, other, allowed=DEFAULT | {"peer_word"})
    assert _fixes(trusting, "ike-proposals-disjoint") == (f"b/to-a: proposals = {AES}",)
    tunnels, dummy = pair_ends(tuple(replace(g, sas=()) for g in healthy(one, other)), [declared()])
    (found,) = (each for each in diagnose(tunnels) if each.id == "ike-proposals-disjoint")
    assert remedies(found) == (f"b/to-a: proposals = {AES}",)


@pytest.mark.parametrize("network", [WIDE, "0.0.0.0/0", "10.1.0.0/23"])
def test_no_selector_is_widened_on_the_word_of_the_other_end(network: str) -> None:
    """Not even where that one says that it has an interface in just this network."""
    hostile = connection(children=(child(local_ts=(network,)),))
    other = mirrored(connection())
    has = System(addresses=(f"lan0 {network}",))
    found = _found(hostile, other, system=has)
    assert _fixes(found, "selectors-not-mirrored") == ()
    asked = _found(hostile, other, system=has, allowed=DEFAULT | {"peer_word"})
    meets_own_network = network in (WIDE, "0.0.0.0/0")  # which nobody takes by itself
    wanted = () if meets_own_network else (f"b/to-a/net: remote_ts = {network}",)
    assert _fixes(asked, "selectors-not-mirrored") == wanted


def test_no_selector_takes_what_another_connection_has() -> None:
    third = connection("to-c", remote_addrs=("192.0.2.9",), remote=(Auth("remote", "psk", "c.example"),),
                       children=(child("far", local_ts=(NET_B,), remote_ts=("10.9.0.0/24",)),))  # fmt: skip
    claims = connection(children=(child(local_ts=("10.9.0.0/25",)),))
    a, b = (replace(gateway, sas=()) for gateway in healthy(claims, mirrored(connection())))
    b = replace(b, connections=(*b.connections, third))
    a = replace(a, system=System(addresses=("lan0 10.9.0.1/25",)))
    tunnels, dummy = pair_ends((a, b))
    (found,) = (each for each in diagnose(tunnels, ASKED | {"peer_word"}) if each.id == "selectors-not-mirrored")
    assert (found.fix, "10.9.0.0/25 meets b/to-c/far" in found.no_fix) == ((), True)


def test_no_selector_takes_a_network_of_the_gateway_itself() -> None:
    claims = connection(children=(child(local_ts=("10.2.0.0/25",)),))
    has = System(addresses=("lan0 10.2.0.1/25",))
    found = _found(claims, mirrored(connection()), system=has, allowed=ASKED | {"peer_word"})["selectors-not-mirrored"]
    assert (found.fix, "10.2.0.0/25 meets an interface of b" in found.no_fix) == ((), True)


@pytest.mark.parametrize("identity", ["^.*$", "*.example", "C=*, CN=*"])
def test_no_identity_that_stands_for_several_is_taken_over(identity: str) -> None:
    one = connection(**CERTIFICATES)
    other = mirrored(one, local=(Auth("local", "pubkey", identity),))
    tunnels, dummy = pair_ends(tuple(replace(g, sas=()) for g in healthy(one, other)), [declared()])
    (found,) = (each for each in diagnose(tunnels, set(REPAIRS)) if each.id == "identity-mismatch")
    assert (found.fix, "more than one identity" in found.no_fix) == ((), True)


def test_a_declaration_of_the_two_ends_alone_widens_nothing() -> None:
    one = connection(children=(child(local_ts=("128.0.0.0/1",)),))
    a, b = (replace(gateway, sas=()) for gateway in healthy(one, mirrored(connection())))
    tunnels, dummy = pair_ends((replace(a, system=System()), b), [declared()])
    (found,) = (each for each in diagnose(tunnels) if each.id == "selectors-not-mirrored")
    assert (found.fix, "128.0.0.0/1" in found.no_fix) == ((), True)


@pytest.mark.parametrize("network", ["198.51.100.0/24", "8.8.8.0/24"])
def test_no_public_network_and_not_that_of_the_controller_is_given_to_a_peer(network: str) -> None:
    one = connection(children=(child(local_ts=(network,)),))
    found = _found(one, mirrored(connection()), system=System())["selectors-not-mirrored"]
    assert (found.fix, f"{network} is a public network" in found.no_fix) == ((), True)


@pytest.mark.parametrize(("address", "fixed"), [("203.0.113.9", False), ("192.0.2.1", True)])
def test_an_address_is_taken_over_only_if_the_peer_has_it(address: str, fixed: bool) -> None:
    a, b = (replace(gateway, sas=()) for gateway in healthy())
    a = replace(a, system=System(addresses=("lo 127.0.0.1/8", "eth0 192.0.2.1/24")))
    (one,), dummy = pair_ends((a, b))
    fault = Fault(EndName("b", "to-a"), "", fix=(Change(EndName("b", "to-a"), "remote_addrs", address),))
    assert bool(Grounds().judge(one, fault, "address-mismatch", "agreement").fix) is fixed


def test_a_judgement_that_breaks_is_a_finding_and_hides_no_other() -> None:
    """As a rule that breaks: the change is of a child that there is not."""

    def broken(dummy: Tunnel) -> Iterator[Fault]:
        yield Fault(EndName("a", "to-b"), "", fix=(Change(EndName("a", "to-b", "gone"), "local_ts", NET_A),))

    (one,), dummy = pair_ends(healthy())
    (found,) = run(Rule("selectors-not-mirrored", "high", "", broken), one, Grounds())
    assert (found.id, found.fix) == ("rule-failed", ())


def test_nothing_is_loaded_on_a_gateway_with_a_key_that_would_end_what_is_up() -> None:
    a, b = healthy()
    b = edited(b, connection={"differs": ("net.rekey_time: 1h in the file, …",)})
    b = replace(b, secrets=(secret(mirrored(connection()), "d2"),))
    tunnels, dummy = pair_ends((a, b))
    found = {each.id: each for each in diagnose(tunnels, set(REPAIRS))}
    assert found["psk-changed"].fix == ()
    assert (found["config-drift"].fix, "a-b" in found["config-drift"].no_fix) == ((), True)


def _hub(**edit: Any) -> tuple[Gateway, ...]:
    """A hub with two tunnels that are up, the second of which was edited and not loaded."""
    own = {"local": (Auth("local", "pubkey", "a.example"),)}
    ours = connection(**CERTIFICATES, dpd_delay=0.0)
    other = connection(
        "to-c",
        **own,
        remote_addrs=("192.0.2.3",),
        remote=(Auth("remote", "pubkey", "c.example"),),
        children=(child("far", local_ts=(NET_A,), remote_ts=("10.3.0.0/24",)),),
    )
    peer = mirrored(other)
    a, b = healthy(ours, mirrored(ours))
    c = gateway("c", peer, sas=(ike_sa(peer, 2, swapped=True, children=(child_sa("far", 2, swapped=True),)),))
    theirs = ike_sa(other, 2, children=(child_sa("far", 2),))
    edited_one = replace(other, differs=("dpd_delay: 10s in the file, 30s in the daemon",), **edit)
    return replace(a, connections=(ours, edited_one), sas=(*(a.sas or ()), theirs)), b, c


@pytest.mark.parametrize(
    ("edit", "chosen", "fixed"),
    [
        ({}, None, True),  # what was edited agrees with its peer, and is loaded for itself too
        ({}, "a-b", False),  # only the other tunnel may be changed
        ({"version": 1}, None, False),  # it would end what is up
    ],
)
def test_a_repair_does_not_put_into_force_what_was_edited_of_another_tunnel(
    edit: dict[str, Any], chosen: str | None, *, fixed: bool
) -> None:
    tunnels, dummy = pair_ends(_hub(**edit))
    assert [one.name for one in tunnels] == ["a-b", "a-c"]
    some = [one for one in tunnels if chosen in (None, one.name)]
    found = [each for each in iterate_findings(some, among=tunnels) if (each.id, each.end.gateway) == ("dpd-off", "a")]
    assert [bool(each.fix) for each in found if each.tunnel == "a-b"] == [fixed]
    assert all("of a/to-c and never loaded" in each.no_fix for each in found if each.tunnel == "a-b" and not each.fix)


def test_nothing_is_done_to_a_tunnel_of_which_nobody_knows_whether_it_is_up() -> None:
    a, b = healthy(connection(dpd_delay=0.0))
    for dark in (edited(b, sas=None), edited(b, daemon=Daemon(installed=True, running=None), sas=None)):
        tunnels, dummy = pair_ends((a, dark))
        found = diagnose(tunnels, set(REPAIRS))
        assert found
        assert [each.fix for each in found] == [()] * len(found)
        assert any("the SAs of b could not be read, so the tunnel may be up" in each.no_fix for each in found)


def test_a_key_is_nobody_elses_only_where_all_could_be_read() -> None:
    for unread in (False, True):
        (one,), dummy = pair_ends(tuple(replace(g, secrets=(secret(connection()),)) for g in healthy()), unread=unread)
        assert one.own_key is not unread
    broken = replace(gateway("z"), problems=(Problem("config-unreadable", "denied"),))
    (one,), dummy = pair_ends((*(replace(g, secrets=(secret(connection()),)) for g in healthy()), broken))
    assert one.own_key is False


def test_a_file_that_disagrees_with_the_peer_is_not_loaded_while_the_tunnel_is_up() -> None:
    a, b = healthy(connection(**CERTIFICATES))
    differs = ("local.id: wrong.example in the file, …",)
    b = edited(b, connection={"local": (Auth("local", "pubkey", "wrong.example"),), "differs": differs})
    tunnels, dummy = pair_ends((a, b))
    found = {each.id: each for each in diagnose(tunnels)}
    assert {name: each.fix for name, each in found.items()} == {"identity-mismatch": (), "config-drift": ()}


def test_a_list_that_what_is_up_contradicts_is_not_taken_over() -> None:
    a, b = healthy(connection(), mirrored(connection()))
    used = {"encr": "AES_CBC-256", "integ": "HMAC_SHA2_256_128", "prf": "PRF_HMAC_SHA2_256", "dh_group": "CURVE_25519"}
    a, b = (replace(g, sas=tuple(replace(sa, **used) for sa in g.sas or ())) for g in (a, b))
    a = edited(a, connection={"proposals": ("aes256gcm16-prfsha384-ecp384",)})
    tunnels, dummy = pair_ends((a, b))
    (found,) = (each for each in diagnose(tunnels) if each.id == "ike-proposals-disjoint")
    assert (found.fix, "the file of a does not have any more" in found.no_fix) == ((), True)


def test_an_identity_that_is_kept_for_another_peer_is_not_taken() -> None:
    """Both keep a key for it, but not for the two of them."""
    one = connection(local=(Auth("local", "psk", OTHER),))
    a, b = (replace(gateway, sas=()) for gateway in healthy(one, mirrored(connection())))
    third = secret(connection(), "d3", ids=("a.example", "c.example"))
    a, b = (replace(g, secrets=(secret(connection(), digest=None, ids=("b.example",)), third)) for g in (a, b))
    tunnels, dummy = pair_ends((a, b))
    (found,) = (each for each in diagnose(tunnels) if each.id == "identity-mismatch")
    assert (found.fix, "nothing on a says that it is a.example" in found.no_fix) == ((), True)


def test_no_selector_that_carries_traffic_is_narrowed() -> None:
    a, b = healthy(connection(children=(child(local_ts=(HOST,)),)), mirrored(connection()))
    a = edited(a, system=System(addresses=("lan0 10.1.0.7/32",)), sas=healthy()[0].sas)
    b = edited(b, sas=healthy()[1].sas)
    tunnels, dummy = pair_ends((a, b))
    (found,) = (each for each in diagnose(tunnels, ASKED) if each.id == "selectors-not-mirrored")
    assert (found.fix, f"is up for {NET_A}" in found.no_fix) == ((), True)


def test_a_tunnel_that_is_claimed_by_somebody_who_has_not_its_key_is_changed_nowhere() -> None:
    """The peer of b cannot be read, and a says that it is that one."""
    mine = connection(remote_addrs=("192.0.2.2",), local=(Auth("local", "psk", OTHER),))
    theirs = mirrored(connection(), remote_addrs=("192.0.2.7",))
    a, b = (replace(gateway, sas=()) for gateway in healthy(mine, theirs))
    a = replace(a, secrets=(secret(mine, "guessed"),))
    tunnels, dummy = pair_ends((a, b))
    believed, judged = (
        {fix.setting for each in diagnose(tunnels, allowed) for fix in each.fix if isinstance(fix, Change)}
        for allowed in (set(REPAIRS), DEFAULT)
    )
    assert (believed, judged) == ({"remote.id", "remote_addrs"}, set())


def test_a_tunnel_that_is_up_is_not_changed_to_what_a_file_says_that_was_not_loaded() -> None:
    a, b = healthy()
    a = edited(a, connection={"proposals": ("aes256-sha256-x448",), "differs": ("proposals: …",)})
    tunnels, dummy = pair_ends((a, b))
    (found,) = (each for each in diagnose(tunnels) if each.id == "ike-proposals-disjoint")
    assert (found.fix, "the file of a was changed since" in found.no_fix) == ((), True)
