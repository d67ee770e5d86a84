"""An edit planned on what a gateway shows is carried out on its own bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import hypothesis.strategies as st
import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Connection, Secret
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.candidate import diff_lines
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.redacted_files import (
    GatewayFile,
    Span,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan.edit_script import (
    EditSet,
    build_edit_set,
    build_script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.connections import parse_connections
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.editor import quote
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import compute_digest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import load, parse
from hypothesis import given

PATH = "/etc/swanctl/swanctl.conf"
KEY = "a digest key of this test"
HEAD = """connections {
  hq {
    version = 2
    local {
      auth = psk
      id = a.lab
    }
    remote {
      auth = psk
      id = b.lab
    }
    children {
      net {
        start_action = none
      }
    }
  }
}
secrets {
  ike-1 {
    id-1 = a.lab
    id-2 = b.lab
    secret = """
TAIL = """
  }
}
# the end
"""


def shown(psk: str) -> tuple[bytes, GatewayFile]:
    """A gateway's own bytes, and the file as gather.sh shows it."""
    own, token = quote(psk).encode("utf-8", "surrogateescape"), f'"@psk:{compute_digest(KEY, psk)}"'.encode()
    start = len(HEAD)
    span = Span(start, start + len(own), start, start + len(token))
    return HEAD.encode() + own + TAIL.encode(), GatewayFile(
        PATH, HEAD.encode() + token + TAIL.encode(), "print", "600", "root:root", (span,)
    )


def planned(
    wish: DesiredConnection, file: GatewayFile, version: tuple[int, ...] = (6, 0, 1)
) -> tuple[EditSet, Connection]:
    settings = load(PATH, {PATH: file.text})
    (connection,), dummy = parse_connections(settings, version)
    found = settings.get(("secrets", "ike-1", "secret"))
    assert found is not None
    secret = Secret("ike-1", ("a.lab", "b.lab"), found.value.removeprefix("@psk:"), "id", found.origin)
    return build_edit_set(wish, settings, {PATH: file}, version, KEY, (secret,), connection), connection


def carried_out(own: bytes, variables: Mapping[str, str], psk: str) -> bytes:
    """What apply.sh makes of the pieces."""
    made = b""
    for line in variables["TW_OPS_0"].splitlines():
        word, *rest = line.split(" ")
        if word == "copy":
            made += own[int(rest[0]) : int(rest[1])]
        else:
            made += (
                psk.encode("utf-8", "surrogateescape")
                if word == "psk"
                else bytes(int(o, 8) for o in re.findall(r"\\0(\d{3})", rest[0]))
            )
    assert len(made) - len(own) == int(variables["TW_SIZE_0"])
    return made


PSKS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(PSKS, PSKS, st.booleans())
def test_settings_and_key_change_in_the_gateways_own_bytes_and_nothing_else_does(
    old: str, new: str, also: bool
) -> None:
    own, file = shown(old)
    settings = {"dpd_delay": "9s"} if also else {}
    plan, dummy = planned(DesiredConnection("hq", settings, {}, new), file)
    if not plan.edits:
        assert (old, also) == (new, False)
        return
    program = build_script(
        DesiredConnection("hq", settings, {}, new),
        plan,
        {PATH: file},
        options=GatherOptions(KEY),
        timeout=1,
        terminate=False,
    )
    after = parse(carried_out(own, program.variables, program.secrets["TW_PSK"]))
    changed = after.get(("secrets", "ike-1", "secret"))
    assert changed is not None
    assert changed.value == new
    expected = parse(own).tree()
    expected["secrets"]["ike-1"]["secret"] = new  # type: ignore[index]
    if also:
        expected["connections"]["hq"]["dpd_delay"] = "9s"  # type: ignore[index]
    assert after.tree() == expected


def test_a_key_travels_among_the_scripts_secrets_alone() -> None:
    file = shown("old-secret-key")[1]
    wish = DesiredConnection("hq", psk="new-secret-key")
    program = build_script(
        wish, planned(wish, file)[0], {PATH: file}, options=GatherOptions(KEY), timeout=1, terminate=False
    )
    assert program.secrets["TW_PSK"] == "new-secret-key"
    written = "".join(f"\\0{byte:03o}" for byte in b"new-secret-key")
    assert not [
        value for value in (program.source, *program.variables.values()) if "secret-key" in value or written in value
    ]
    assert "secret-key" not in repr(wish)


def test_the_diff_and_the_edits_show_no_key_but_that_it_changes() -> None:
    file = shown("old-secret-key")[1]
    plan, dummy = planned(DesiredConnection("hq", psk="new-secret-key"), file)
    text = str(plan.diff) + str(diff_lines(plan.diff))
    assert "secret-key" not in text
    assert compute_digest(KEY, "new-secret-key") not in text
    assert plan.psk_changed
    assert [line for line in diff_lines(plan.diff) if line[0] in "+-"][2:] == [
        '-    secret = "hidden key 1"',
        '+    secret = "hidden key 2"',
    ]


@pytest.mark.parametrize(
    ("settings", "children", "version", "said"),
    [
        ({"childless": "prefer"}, {}, (5, 7, 2), "strongSwan 5.7.2 does not know childless, which came with 5.8"),
        ({}, {"net": {"start_action": "trap|start"}}, (5, 9, 1), "'trap|start' needs strongSwan 5.9.6"),
        ({"version": "two"}, {}, (6, 0, 1), "'two' is not a value for version"),
        ({"dscp": "101010"}, {}, (6, 0, 1), "ignores a change of dscp alone"),
        ({"local.id": "a\nb"}, {}, (6, 0, 1), "a character that cannot be printed"),
    ],
)
def test_what_this_strongswan_would_not_take_is_refused(
    settings: dict[str, str], children: dict[str, dict[str, str]], version: tuple[int, ...], said: str
) -> None:
    with pytest.raises(RefusedError, match=re.escape(said)):
        planned(DesiredConnection("hq", settings, children), shown("x")[1], version)


def test_an_empty_value_removes_a_setting_and_what_is_there_already_changes_nothing() -> None:
    file = shown("x")[1]
    plan, dummy = planned(DesiredConnection("hq", {"version": ""}), file)
    assert dict(plan.changes) == {("connections", "hq", "version"): ("2", None)}
    assert (
        planned(DesiredConnection("hq", {"version": "2"}, {"net": {"start_action": "none"}}, "x"), file)[0].edits == ()
    )


def test_a_key_for_identities_that_have_none_is_added_beside_the_others() -> None:
    own, file = shown("x")
    settings = load(PATH, {PATH: file.text})
    (connection,), dummy = parse_connections(settings, (6, 0, 1))
    other = Secret("ike-1", ("somebody", "else"), "0" * 64, "id", "")
    wish = DesiredConnection("hq", psk="the new one")
    plan = build_edit_set(wish, settings, {PATH: file}, (6, 0, 1), KEY, (other,), connection)
    program = build_script(wish, plan, {PATH: file}, options=GatherOptions(KEY), timeout=1, terminate=False)
    after = parse(carried_out(own, program.variables, program.secrets["TW_PSK"])).tree()
    assert after["secrets"]["ike-hq"] == {"id-1": "a.lab", "id-2": "b.lab", "secret": "the new one"}  # type: ignore[index]
