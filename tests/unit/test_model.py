"""Model values survive the way through Ansible: plain() and restore()."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Child,
    Connection,
    DeclaredTunnel,
    EndName,
    Finding,
    Gateway,
    IkeSa,
    Keepalive,
    Problem,
    Step,
    build_from_plain,
    to_plain,
)
from hypothesis import given
from hypothesis import strategies as st

from .examples import examples

KINDS = (Gateway, Finding, Step, DeclaredTunnel, Problem, IkeSa)


@pytest.mark.parametrize("kind", KINDS)
@examples(0.4)
@given(data=st.data())
def test_every_value_is_what_it_was_after_the_way_through_json(kind: type[Any], data: st.DataObject) -> None:
    with_finite_numbers = {float: st.floats(allow_nan=False, allow_infinity=False)}
    for number_type, strategy in with_finite_numbers.items():
        st.register_type_strategy(number_type, strategy)
    value = data.draw(st.from_type(kind))
    assert build_from_plain(kind, json.loads(json.dumps(to_plain(value))), "value") == value


TEXTUAL = (
    ({"connection": "a", "child": "b", "means": "cron", "interval": "30", "origin": ""}, "interval", 30.0),
    ({"connection": "a", "child": "b", "means": "cron", "interval": 30, "origin": ""}, "interval", 30.0),
)


@pytest.mark.parametrize(("given_", "name", "expected"), TEXTUAL)
def test_numbers_that_templating_made_text_are_numbers(given_: dict[str, Any], name: str, expected: object) -> None:
    assert getattr(build_from_plain(Keepalive, given_, "k"), name) == expected


REFUSED = (
    (EndName, {"gateway": "a"}, r"'connection' is missing at x"),
    (
        EndName,
        {"gateway": "a", "connection": "b", "chidl": "c"},
        r"unknown key 'chidl' at x: known are gateway, connection",
    ),
    (EndName, [], r"expected a mapping, not list at x"),
    (Child, {"name": "a", "local_ts": "10.0.0.0/8"}, r"expected a list, not str at x\.local_ts"),
    (Child, {"name": "a", "start_action": "hold"}, r"'hold' is not one of .* at x\.start_action"),
    (Child, {"name": "a", "rekey_time": "1h"}, r"'1h' is not a number at x\.rekey_time"),
    (Child, {"name": "a", "policies": "maybe"}, r"expected bool, not str at x\.policies"),
    (Child, {"name": "a", "rekey_time": True}, r"expected float, not bool at x\.rekey_time"),
    (
        Connection,
        {"name": "a", "children": [{"name": "b", "mode": 1}]},
        r"expected str, not int at x\.children\[0\]\.mode",
    ),
    (DeclaredTunnel, {"name": "a", "ends": []}, r"expected 2 items, not 0 at x\.ends"),
    (Gateway, None, r"expected a mapping, not NoneType at x"),
)


@pytest.mark.parametrize(("kind", "value", "said"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(kind: type[Any], value: object, said: str) -> None:
    with pytest.raises(ParseError, match=said):
        build_from_plain(kind, value, "x")


def test_what_ansible_has_tagged_is_called_by_its_plain_name() -> None:
    class AnsibleTagged(int):
        __module__ = "ansible.somewhere"

    with pytest.raises(ParseError, match="expected str, not int at x"):
        build_from_plain(str, AnsibleTagged(1), "x")


@pytest.mark.parametrize("kind", KINDS)
def test_plain_values_are_only_what_json_knows(kind: type[Any]) -> None:
    fields = to_plain(build_from_plain(kind, MINIMAL[kind], "x"))
    assert json.loads(json.dumps(fields)) == fields


MINIMAL: dict[type[Any], dict[str, Any]] = {
    Gateway: {"name": "g", "platform": "strongswan", "daemon": {"installed": True, "running": None}},
    Finding: {
        "id": "dpd-off",
        "severity": "high",
        "tunnel": "t",
        "end": {"gateway": "g", "connection": "c"},
        "summary": "s",
        "reference": "r",
    },
    Step: {"phase": "prepare", "gateway": "g", "do": "daemon"},
    DeclaredTunnel: {"name": "t", "ends": [{"gateway": "a", "connection": "b"}, {"gateway": "c", "connection": "d"}]},
    Problem: {"kind": "k", "what": "w"},
    IkeSa: {"connection": "c", "id": 1, "state": "ESTABLISHED"},
}
