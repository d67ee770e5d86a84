"""A tunnel is proven by SAs that both ends hold, crosswise, and by pings that came back."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Daemon, Probe, TunnelProof
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify.proof import prove

from tests.unit.build import Edit, child, child_sa, connection, edited, healthy, live, probe

NONE = ("no CHILD_SA of net that both ends hold",)
UNREAD = ("the SAs of b could not be read; a has CHILD_SA net{1} of it",)
STOPPED = Daemon(installed=True, running=False)
LOST = ("b got 0 of 3 pings back through net",)


def _other_end(**values: object) -> Edit:
    return {"sas": live(child_sa(swapped=True, **values), on="b")}


CASES: tuple[tuple[str, Edit, tuple[Probe, ...], TunnelProof], ...] = (
    ("the same SAs, not probed", {}, (), TunnelProof(crosswise=True, traffic=None)),
    ("pings both ways", {}, (probe(), probe("b")), TunnelProof(crosswise=True, traffic=True)),
    (
        "one way only",
        {},
        (probe(), probe("b", reachable=False)),
        TunnelProof(crosswise=True, traffic=False, missing=LOST),
    ),
    ("nothing there", {"sas": ()}, (), TunnelProof(crosswise=False, traffic=None, missing=NONE)),
    ("not read", {"sas": None}, (), TunnelProof(crosswise=False, traffic=None, missing=UNREAD, unread=("b",))),
    (
        "not read, as its daemon is stopped",
        {"sas": None, "daemon": STOPPED},
        (),
        TunnelProof(crosswise=False, traffic=None, missing=NONE),
    ),
    ("another SA", _other_end(number=9), (), TunnelProof(crosswise=False, traffic=None, missing=NONE)),
    (
        "one direction of another",
        _other_end(spi_in="c0ffee"),
        (),
        TunnelProof(crosswise=False, traffic=None, missing=NONE),
    ),
    ("being rekeyed", _other_end(state="REKEYING"), (), TunnelProof(crosswise=True, traffic=None)),
    ("on its way out", _other_end(state="DELETING"), (), TunnelProof(crosswise=False, traffic=None, missing=NONE)),
    ("replaced", _other_end(state="REKEYED"), (), TunnelProof(crosswise=False, traffic=None, missing=NONE)),
)


@pytest.mark.parametrize(("b", "probes", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_both_ends_hold_is_the_proof(b: Edit, probes: tuple[Probe, ...], expected: TunnelProof) -> None:
    one, other = healthy()
    (tunnel,), dummy = pair_ends((one, edited(other, **b)), probes=probes)
    assert prove(tunnel) == expected


def test_every_child_is_to_be_there() -> None:
    a, b = healthy(connection(children=(child(), child("voice", local_ts=("10.1.8.0/24",)))))
    (tunnel,), dummy = pair_ends((a, edited(b, sas=live(child_sa(swapped=True), on="b"))))
    assert prove(tunnel) == TunnelProof(
        crosswise=False, traffic=None, missing=("no CHILD_SA of voice that both ends hold",)
    )  # fmt: skip


def test_two_sas_without_spis_are_not_the_same_one() -> None:
    a, b = healthy()
    bare = {"spi_in": None, "spi_out": None}
    (tunnel,), dummy = pair_ends((edited(a, sas=live(child_sa(**bare))), edited(b, **_other_end(**bare))))
    assert not prove(tunnel).crosswise


def test_a_tunnel_without_children_proves_nothing() -> None:
    (tunnel,), dummy = pair_ends(healthy(connection(children=())))
    assert prove(tunnel) == TunnelProof(crosswise=False, traffic=None)
