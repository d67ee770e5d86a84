"""Which ends meet, which do not, and why: addresses, identities, selectors, and one of them disagreeing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Auth,
    Connection,
    DeclaredEnd,
    DeclaredTunnel,
    DesiredPsk,
    Gateway,
    Problem,
    Secret,
    System,
    Tunnel,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.build import A, B, child, connection, declared, edited, gateway, healthy, mirrored, probe
from tests.unit.examples import examples

ANYBODY = ("%any",)
NOBODY = {"local": (Auth("local", "pubkey"),), "remote": (Auth("remote", "pubkey"),)}
DYNAMIC = (child(local_ts=("dynamic",), remote_ts=("dynamic",)),)
OTHER_IDS = {"local": (Auth("local", "psk", "x.example"),), "remote": (Auth("remote", "psk", "y.example"),)}
OTHER_NETS = {"children": (child(local_ts=("10.8.0.0/24",), remote_ts=("10.9.0.0/24",)),)}
BY_ADDRESSES = connection(**NOBODY, children=DYNAMIC)
BY_IDS = connection(local_addrs=ANYBODY, remote_addrs=("b.example.net",), children=DYNAMIC)


def _two(one: Connection, other: Connection) -> tuple[Gateway, Gateway]:
    """Two gateways without SAs."""
    return gateway("a", one), gateway("b", other)


PAIRED = (
    ("addresses alone", _two(BY_ADDRESSES, mirrored(BY_ADDRESSES)), "addresses"),
    ("identities alone", _two(BY_IDS, mirrored(BY_IDS, local_addrs=ANYBODY, remote_addrs=ANYBODY)), "identities"),
    (
        "selectors and an address",
        _two(connection(**NOBODY), mirrored(connection(**NOBODY), remote_addrs=ANYBODY)),
        "addresses, selectors",
    ),
    (
        "an address of an interface",
        (
            gateway("a", replace(BY_ADDRESSES, local_addrs=ANYBODY), system=System(addresses=(f"eth0 {A}/24",))),
            gateway("b", mirrored(BY_ADDRESSES)),
        ),
        "addresses",
    ),
    (
        "through NAT: the responder is given, the initiator's address is another",
        _two(connection(local_addrs=("10.0.0.5",)), mirrored(connection(), remote_addrs=("198.51.100.9",))),
        "addresses, identities, selectors",
    ),
    (
        "a responder that answers any address",
        _two(connection(), mirrored(connection(), remote_addrs=ANYBODY)),
        "addresses, identities, selectors",
    ),
    (
        "a responder that answers anybody",
        _two(connection(**NOBODY), mirrored(connection(**NOBODY), remote_addrs=ANYBODY, local_addrs=ANYBODY)),
        None,
    ),
    ("a live IKE_SA alone", healthy(BY_ADDRESSES, connection("x", **OTHER_IDS, **OTHER_NETS)), "a live IKE_SA"),
    (
        "IPv6 in another spelling",
        _two(
            replace(BY_ADDRESSES, local_addrs=("2001:DB8:0::1",), remote_addrs=("2001:db8::2",)),
            replace(BY_ADDRESSES, local_addrs=("2001:db8::2",), remote_addrs=("2001:db8::1",)),
        ),
        "addresses",
    ),
    ("nothing in common", _two(connection(), connection("x", **OTHER_IDS, **OTHER_NETS, remote_addrs=("b2",))), None),
)


@pytest.mark.parametrize(("gateways", "why"), [row[1:] for row in PAIRED], ids=[row[0] for row in PAIRED])
def test_ends_meet_by_what_they_say_of_each_other(gateways: tuple[Gateway, ...], why: str | None) -> None:
    tunnels, unpaired = pair_ends(gateways)
    assert [tunnel.paired_by for tunnel in tunnels] == ([why] if why else [])
    assert len(unpaired) == (0 if why else 2)


DISAGREEING = {
    "the address of a": {"remote_addrs": ("192.0.2.77",)},
    "the own address of b": {"local_addrs": ("192.0.2.77",)},
    "who b is": {"local": (Auth("local", "psk", "x.example"),)},
    "who a is to be": {"remote": (Auth("remote", "psk", "x.example"),)},
    "both identities": OTHER_IDS,
    "the networks": OTHER_NETS,
    "the method": NOBODY,
    "the version": {"version": 1},
    "proposals": {"proposals": ("aes128-sha1-modp1024",)},
}


@pytest.mark.parametrize("change", DISAGREEING.values(), ids=DISAGREEING)
def test_ends_that_disagree_in_one_thing_still_meet(change: dict[str, Any]) -> None:
    tunnels, unpaired = pair_ends(_two(connection(), mirrored(connection(), **change)))
    assert (len(tunnels), unpaired) == (1, ())


def _second(**values: Any) -> Connection:
    """Another connection between the same gateways."""
    nets = (child("net2", local_ts=("10.1.8.0/24",), remote_ts=("10.2.8.0/24",)),)
    ids = {"local": (Auth("local", "psk", "a2.example"),), "remote": (Auth("remote", "psk", "b2.example"),)}
    return connection("second", **({"children": nets} | ids | values))


def _named(tunnels: Iterable[Tunnel]) -> list[tuple[str, ...]]:
    return [(t.name, *(str(end.name()) for end in t.ends)) for t in tunnels]


def test_two_tunnels_between_the_same_gateways_are_told_apart_and_named_by_their_connections() -> None:
    one, two = connection(), _second()
    tunnels, unpaired = pair_ends((gateway("a", one, two), gateway("b", mirrored(two, "z"), mirrored(one))))
    assert _named(tunnels) == [("a-b-second", "a/second", "b/z"), ("a-b-to-b", "a/to-b", "b/to-a")]
    assert unpaired == ()


def test_two_ends_that_fit_equally_well_are_left_unpaired_with_their_names() -> None:
    twin = replace(mirrored(connection()), name="to-a2")
    tunnels, unpaired = pair_ends((gateway("a", connection()), gateway("b", mirrored(connection()), twin)))
    assert tunnels == ()
    reasons = {str(u.end): u.reason for u in unpaired}
    assert reasons["a/to-b"] == "fits equally well with b/to-a and b/to-a2; declare the tunnel in ipsec_tunnels"
    assert reasons["b/to-a"] == reasons["b/to-a2"] == "fits a/to-b, which fits others as well"
    assert [str(u.end) for u in unpaired if u.torn] == ["a/to-b"]


def test_an_end_between_two_good_ones_takes_no_worse_one_instead() -> None:
    twin = replace(mirrored(connection()), name="to-a2")
    worse = mirrored(connection(), "worse", **OTHER_IDS, **OTHER_NETS)
    gateways = (gateway("a", connection()), gateway("b", mirrored(connection()), twin), gateway("c", worse))
    tunnels, unpaired = pair_ends(gateways)
    assert (tunnels, len(unpaired)) == ((), 4)


def test_a_declaration_decides_between_ends_that_fit_equally_well() -> None:
    twin = replace(mirrored(connection()), name="to-a2")
    ends = (DeclaredEnd("b", "to-a2"), DeclaredEnd("a", "to-b"))
    gateways = (gateway("a", connection()), gateway("b", mirrored(connection()), twin))
    tunnels, unpaired = pair_ends(
        gateways, [declared("berlin", ends=ends, initiator="b")], psks={"berlin": DesiredPsk()}
    )
    assert _named(tunnels) == [("berlin", "b/to-a2", "a/to-b")]
    (berlin,) = tunnels
    assert (berlin.paired_by, berlin.initiator, berlin.psk) == ("declared", "b", DesiredPsk())
    assert [str(u.end) for u in unpaired] == ["b/to-a"]


def test_a_declared_connection_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    ends = (DeclaredEnd("a", "to-b"), DeclaredEnd("b", "to-c"))
    with pytest.raises(
        IpsecError, match=r"declared tunnel a-b ends at connection 'to-c'.* at b: connections there: to-a"
    ):
        pair_ends(healthy(), [declared(ends=ends)])


def test_a_declared_end_on_a_gateway_that_was_not_read_leaves_the_other_unpaired() -> None:
    tunnels, unpaired = pair_ends(healthy()[:1], [declared()])
    assert (tunnels, [str(u.end) for u in unpaired]) == ((), ["a/to-b"])


def test_a_declared_end_whose_other_end_was_not_read_meets_nobody_else() -> None:
    a, b = healthy()
    ends = (DeclaredEnd("a", "to-b"), DeclaredEnd("c", "to-a"))
    tunnels, unpaired = pair_ends((a, b), [declared("a-c", ends=ends)])
    assert tunnels == ()
    assert {str(u.end): u.reason for u in unpaired}["a/to-b"] == (
        "its other end in declared tunnel a-c, c/to-a, was not read"
    )


def test_a_configuration_that_cannot_be_read_ends_no_audit() -> None:
    a, b = healthy()
    broken = replace(a, connections=(), problems=(Problem("config-broken", "unterminated string"),))
    tunnels, unpaired = pair_ends((broken, b), [declared()])
    assert (tunnels, [str(u.end) for u in unpaired]) == ((), ["b/to-a"])


ONE, OTHER, THIRD = DeclaredEnd("a", "to-b"), DeclaredEnd("b", "to-a"), DeclaredEnd("c", "to-a")
CONTRADICTIONS = (
    ([("x", (ONE, OTHER)), ("y", (ONE, THIRD))], "'to-b' is an end of two declared tunnels, x and y at a"),
    ([("x", (ONE, DeclaredEnd("a", "to-c")))], "declared tunnel x has both its ends on one gateway at a"),
    ([("x", (ONE, OTHER)), ("x", (THIRD, DeclaredEnd("d", "to-c")))], "two declared tunnels are called x"),
)


@pytest.mark.parametrize(("tunnels", "message"), CONTRADICTIONS)
def test_declarations_that_contradict_each_other_are_refused(tunnels: list[tuple[str, Any]], message: str) -> None:
    with pytest.raises(IpsecError, match=message):
        pair_ends(healthy(), [declared(name, ends=ends) for name, ends in tunnels])


def test_no_two_tunnels_have_one_name() -> None:
    one, other = (connection(), mirrored(connection()))
    far = connection(**{**OTHER_IDS, **OTHER_NETS, "local_addrs": ("198.51.100.1",), "remote_addrs": ("198.51.100.2",)})
    gateways = [gateway("a", one), gateway("b-c", other), gateway("a-b", far), gateway("c", mirrored(far))]
    tunnels, dummy = pair_ends(gateways)
    assert [t.name for t in tunnels] == ["a-b-c", "a-b-c-2"]
    assert [t.name for t in pair_ends(reversed(gateways))[0]] == ["a-b-c", "a-b-c-2"]


def test_an_end_that_answers_anybody_is_a_road_warriors() -> None:
    anybody = connection(local_addrs=(A,), remote_addrs=ANYBODY, remote=(Auth("remote", "eap-mschapv2", "%any"),))
    dummy, (unpaired,) = pair_ends((gateway("a", anybody),))
    assert unpaired.reason == "accepts any peer (a road warrior's end, or a peer that cannot be identified)"


def test_an_end_whose_peer_was_not_read_says_who_that_is() -> None:
    dummy, (unpaired,) = pair_ends(healthy()[:1])
    assert (unpaired.remote, "no gateway among those read is b.example" in unpaired.reason) == ("b.example", True)


def test_a_gateway_never_meets_itself() -> None:
    tunnels, unpaired = pair_ends((gateway("a", connection(), mirrored(connection())),))
    assert (tunnels, len(unpaired)) == ((), 2)


def test_a_connection_of_pass_and_drop_policies_is_no_end() -> None:
    shunts = connection(children=(child(mode="pass"), child("d", mode="drop")))
    assert pair_ends((gateway("a", shunts),)) == ((), ())


INITIATORS = (
    ("its peer does not know its address", healthy(), {}, {"remote_addrs": ANYBODY}, "a"),
    ("the same the other way round", healthy(), {"remote_addrs": ANYBODY}, {}, "b"),
    ("its actions are an initiator's", healthy(), {}, {}, "a"),
    ("an end that tries for ever", healthy(connection(children=DYNAMIC)), {"children": ()},
     {"children": (), "keyingtries": 0}, "b"),
    ("the first by name", healthy(), {"children": ()}, {"children": ()}, "a"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("both", "a", "b", "name"), [row[1:] for row in INITIATORS], ids=[row[0] for row in INITIATORS]
)
def test_who_can_initiate_does_and_else_who_acts_like_it(
    both: tuple[Gateway, Gateway], a: dict[str, Any], b: dict[str, Any], name: str
) -> None:
    (tunnel,), dummy = pair_ends((edited(both[0], connection=a), edited(both[1], connection=b)))
    assert tunnel.initiator == name
    assert tunnel.initiating.gateway.name == name != tunnel.answering.gateway.name


def test_who_is_declared_to_start_the_tunnel_initiates_whatever_its_actions_are_now() -> None:
    ends = (DeclaredEnd("a", "to-b"), DeclaredEnd("b", "to-a", {}, {"start_action": "trap|start"}))
    (tunnel,), dummy = pair_ends(healthy(), [DeclaredTunnel("a-b", ends)])
    assert (tunnel.initiator, tunnel.initiator_because) == ("b", "it is declared to start the tunnel")
    (tunnel,), dummy = pair_ends(healthy(), [DeclaredTunnel("a-b", ends, child_settings={"start_action": "start"})])
    assert (tunnel.initiator, tunnel.initiator_because) == ("a", "its actions are an initiator's")


def test_who_is_behind_nat_initiates() -> None:
    a, b = healthy()
    a, b = (edited(g, child={"start_action": "none"}) for g in (a, b))
    (tunnel,), dummy = pair_ends((a, replace(b, sas=tuple(replace(sa, nat_local=True) for sa in b.sas or ()))))
    assert (tunnel.initiator, tunnel.initiator_because) == ("b", "it is behind NAT")


def test_the_gateway_with_fewer_tunnels_initiates_where_nothing_else_tells() -> None:
    gateways = _star(3, start_action="none")
    tunnels, dummy = pair_ends(gateways)
    assert {t.initiator for t in tunnels} == {"spoke0", "spoke1", "spoke2"}


SECRETS = (
    ("the one for both", (("b.example",), ("a.example", "b.example")), 1),
    ("the one for the peer", (("a.example",), ("b.example",)), 1),
    ("the one for ourselves", (("c.example",), ("a.example",)), 1),
    ("the one for anybody", ((), ("c.example",)), 0),
    ("in another spelling", (("c.example",), ("@B.example",)), 1),
    ("none for others", (("c.example",), ("d.example",)), None),
)


@pytest.mark.parametrize(("ids", "which"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS])
def test_an_end_has_the_secret_that_the_daemon_would_take(ids: tuple[tuple[str, ...], ...], which: int | None) -> None:
    secrets = tuple(Secret(f"ike-{i}", each, "d", "k", "") for i, each in enumerate(ids))
    a, b = healthy()
    (tunnel,), dummy = pair_ends((replace(a, secrets=secrets), b))
    assert tunnel.ends[0].secret == (None if which is None else secrets[which])


CHILDREN = (
    (
        "mirrored networks, whatever the names",
        ("10.1.0.0/24", "10.1.1.0/24"),
        ("y", "x"),
        [("net", "x"), ("net2", "y")],
    ),
    ("overlapping networks", ("10.1.0.0/16", "10.7.0.0/16"), ("y", "x"), [("net", "x"), ("net2", "y")]),
    ("the same name", ("10.50.0.0/24", "10.51.0.0/24"), ("net2", "net"), [("net", "net"), ("net2", "net2")]),
    ("nothing", ("10.50.0.0/24", "10.51.0.0/24"), ("y", "x"), []),
)


@pytest.mark.parametrize(("nets", "names", "expected"), [row[1:] for row in CHILDREN], ids=[row[0] for row in CHILDREN])
def test_children_meet_by_networks_then_by_name(
    nets: tuple[str, str], names: tuple[str, str], expected: list[tuple[str, str]]
) -> None:
    second = "10.1.1.0/24" if nets[1] == "10.1.1.0/24" else "10.7.1.0/24"
    ours = connection(children=(child(), child("net2", local_ts=(second,))))
    theirs = (
        child(names[0], local_ts=("10.2.0.0/24",), remote_ts=(nets[1],)),
        child(names[1], local_ts=("10.2.0.0/24",), remote_ts=(nets[0],)),
    )
    (tunnel,), dummy = pair_ends(_two(ours, mirrored(ours, children=theirs)))
    assert [(x.name, y.name) for x, y in tunnel.pairs(tunnel.ends[0])] == expected
    assert len(tunnel.children) == 4 - len(expected)


def test_probes_go_to_the_tunnel_whose_ends_sent_them() -> None:
    stray = replace(probe(), connection="elsewhere")
    (tunnel,), dummy = pair_ends(healthy(), probes=(probe(), probe("b"), stray))
    assert tunnel.probes == (probe(), probe("b"))


def _star(spokes: int, **values: Any) -> list[Gateway]:
    """A hub and its spokes."""
    hub, gateways = [], []
    for i in range(spokes):
        net = (child(local_ts=(f"10.{i}.0.0/24",), remote_ts=("10.200.0.0/16",), **values),)
        ids = {"local": (Auth("local", "psk", f"spoke{i}"),), "remote": (Auth("remote", "psk", "hub"),)}
        one = connection("hub", local_addrs=(f"192.0.2.{10 + i}",), remote_addrs=(B,), children=net, **ids)
        gateways.append(gateway(f"spoke{i}", one))
        hub.append(mirrored(one, f"spoke{i}"))
    return [gateway("hub", *hub), *gateways]


STAR = _star(6)
STAR_TUNNELS = pair_ends(STAR)[0]


def test_every_spoke_of_a_hub_meets_its_own_connection() -> None:
    assert [(t.name, t.ends[0].connection.name) for t in STAR_TUNNELS] == [
        (f"hub-spoke{i}", f"spoke{i}") for i in range(6)
    ]


@examples(0.6)
@given(st.permutations(STAR), st.randoms(use_true_random=False))
def test_the_order_of_what_is_read_changes_nothing(gateways: list[Gateway], random: Any) -> None:
    shuffled = [replace(g, connections=tuple(random.sample(g.connections, len(g.connections)))) for g in gateways]
    tunnels, unpaired = pair_ends(shuffled)
    assert _named(tunnels) == _named(STAR_TUNNELS)
    assert [(t.paired_by, t.initiator) for t in tunnels] == [(t.paired_by, t.initiator) for t in STAR_TUNNELS]
    assert unpaired == ()


@examples(0.6)
@given(st.permutations(["to-a", "to-a2", "third"]), st.booleans())
def test_ambiguity_is_told_alike_whatever_the_order(names: list[str], first: bool) -> None:
    b = gateway("b", *(replace(mirrored(connection()), name=name) for name in names))
    gateways = (gateway("a", connection()), b) if first else (b, gateway("a", connection()))
    tunnels, unpaired = pair_ends(gateways)
    assert (tunnels, {str(u.end) for u in unpaired}) == ((), {"a/to-b", "b/to-a", "b/to-a2", "b/third"})
    told = next(u.reason for u in unpaired if u.end.gateway == "a")
    assert told.startswith("fits equally well with b/third and b/to-a and b/to-a2")
