"""Batches: sizes as a play's serial, everybody once, and nobody together with a stand-in."""

from __future__ import annotations

from itertools import islice

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import EndName
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout.batches import (
    find_redundant,
    parse_sizes,
    plan_batches,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.build import child, connection, gateway, mirrored


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        (1, [1, 1, 1]),
        ([1, 5], [1, 5, 5]),
        (["1", "20%", "100%"], [1, 4, 20]),
        ("1%", [1, 1, 1]),
        ("30 %", [6, 6, 6]),
    ],
)
def test_sizes_are_those_of_serial_and_the_last_goes_on(serial: object, expected: list[int]) -> None:
    assert list(islice(parse_sizes(serial, 20), 3)) == expected


@pytest.mark.parametrize("serial", [0, -1, "many", [], [1, None], "5.5", True])
def test_what_is_no_size_is_refused(serial: object) -> None:
    with pytest.raises(ParseError):
        next(iter(parse_sizes(serial, 20)))


def test_the_canary_is_alone_and_stand_ins_are_apart() -> None:
    apart = {"b": frozenset("c"), "c": frozenset("b")}
    assert plan_batches("abcde", [1, 3], apart) == (("a",), ("b", "d", "e"), ("c",))


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.integers(1, 4), min_size=1, max_size=3),
            st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20),
        )
    )
)
def test_everybody_is_in_one_batch_and_never_with_a_stand_in(
    case: tuple[int, list[int], set[tuple[int, int]]],
) -> None:
    count, serial, couples = case
    names = [f"t{number}" for number in range(count)]
    apart: dict[str, set[str]] = {name: set() for name in names}
    for one, other in couples:
        if one != other and max(one, other) < count:
            apart[f"t{one}"].add(f"t{other}")
            apart[f"t{other}"].add(f"t{one}")
    found = plan_batches(names, serial, {name: frozenset(others) for name, others in apart.items()})
    assert sorted(name for batch in found for name in batch) == sorted(names)
    for batch, size in zip(found, parse_sizes(serial, count), strict=False):
        assert 0 < len(batch) <= size
        assert not any(apart[name] & set(batch) for name in batch)


def ends(one: str, other: str, names: tuple[str, str] = ("to-b", "to-a")) -> tuple[EndName, EndName]:
    return EndName(one, names[0]), EndName(other, names[1])


def test_gateways_that_are_said_to_be_redundant_make_their_tunnels_stand_ins() -> None:
    tunnels = {"x1": ends("x", "hub1"), "x2": ends("x", "hub2"), "y1": ends("y", "hub1"), "both": ends("hub1", "hub2")}
    found = find_redundant(tunnels, {}, [["hub1", "hub2"]])
    assert found == {
        "x1": frozenset({"x2"}),
        "x2": frozenset({"x1", "y1"}),
        "y1": frozenset({"x2"}),
        "both": frozenset(),
    }


@pytest.mark.parametrize(
    ("selectors", "same"),
    [
        ((("10.1.0.0/24",), ("10.2.0.0/24",)), True),
        ((("10.1.0.0/24",), ("0.0.0.0/0",)), True),
        ((("0.0.0.0/0",), ("0.0.0.0/0",)), False),
        ((("dynamic",), ("10.2.0.0/24",)), False),
    ],
)
def test_tunnels_with_the_same_selectors_are_stand_ins(
    selectors: tuple[tuple[str, ...], tuple[str, ...]], *, same: bool
) -> None:
    one = connection(children=(child(local_ts=selectors[0], remote_ts=selectors[1]),))
    read = {"a": gateway("a", one), "b": gateway("b", mirrored(one))}
    found = find_redundant({"first": ends("a", "c"), "second": ends("b", "d", ("to-a", "to-b"))}, read, [])
    assert bool(found["first"]) is same
