"""What swanctl prints is read by its indentation alone, whatever is in it."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Action
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.listings import (
    parse_action,
    parse_ike_sas,
    parse_loaded,
    parse_policies,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.pretty_output import (
    Message,
    decode_value,
    get_number,
    get_text,
    get_texts,
    parse_messages,
    parse_outcome,
    select_events,
)
from hypothesis import given
from hypothesis import strategies as st

SAS_5_9 = """\
list-sa event {
  con1 {
    uniqueid = 3
    version = 1
    state = ESTABLISHED
    local-host = 2001:db8::1
    local-port = 4500
    local-id = moon
    remote-host = 2001:db8::2
    remote-port = 4500
    remote-id = } foo {b=[c d]
    initiator = yes
    initiator-spi = 0d1a9bd5cf52ea84
    responder-spi = 1e1b55ec3eb1c5a6
    nat-remote = yes
    nat-any = yes
    encr-alg = AES_GCM_16
    encr-keysize = 128
    prf-alg = PRF_HMAC_SHA2_256
    dh-group = ECP_256
    established = 61
    reauth-time = 7035
    tasks-active = [
      QUICK_MODE
    ]
    child-sas {
      con1-7 {
        name = con1
        uniqueid = 7
        reqid = 2
        state = REKEYED
        mode = TUNNEL
        protocol = ESP
        encap = yes
        spi-in = c0c1c2c3
        spi-out = d0d1d2d3
        encr-alg = AES_GCM_16
        encr-keysize = 128
        dh-group = ECP_256
        bytes-in = 840
        packets-in = 10
        use-in = 2
        bytes-out = 0
        packets-out = 0
        rekey-time = 3000
        life-time = 3900
        install-time = 60
        local-ts = [
          10.1.0.0/16
        ]
        remote-ts = [
          10.2.0.0/16
          10.3.0.0/16[6/80]
        ]
      }
    }
  }
}
list-sa event {
  con|2 {
    uniqueid = 4
    version = 2
    state = CONNECTING
    child-sas {
    }
  }
}
list-sas reply {
}
"""


def test_sas_become_values() -> None:
    one, two = parse_ike_sas(SAS_5_9)
    assert (one.connection, one.id, one.version, one.state, one.initiator) == ("con1", 3, 1, "ESTABLISHED", True)
    assert (one.remote_host, one.remote_port, one.remote_id) == ("2001:db8::2", 4500, "} foo {b=[c d]")
    assert (one.nat_local, one.nat_remote, one.nat_fake) == (False, True, False)
    assert (one.encr, one.integ, one.prf, one.dh_group) == ("AES_GCM_16-128", None, "PRF_HMAC_SHA2_256", "ECP_256")
    assert (one.established, one.rekey_time, one.reauth_time, one.tasks) == (61.0, None, 7035.0, ("QUICK_MODE",))
    (child,) = one.children
    assert (child.name, child.id, child.reqid, child.state, child.encap) == ("con1", 7, 2, "REKEYED", True)
    assert (child.spi_in, child.spi_out, child.bytes_in, child.packets_out) == ("c0c1c2c3", "d0d1d2d3", 840, 0)
    assert child.remote_ts == ("10.2.0.0/16", "10.3.0.0/16[6/80]")
    assert (two.connection, two.state, two.initiator, two.children) == ("con|2", "CONNECTING", False, ())


HOSTILE = (
    "} foo {b=[c d]",
    "list-sa event {",
    "[",
    "]",
    "{",
    "}",
    "a = b",
    "a = [",
    "    state = ESTABLISHED",
    "x {",
    "",
    " ",
    "0x",
    "0xzz",
)


@pytest.mark.parametrize("identity", HOSTILE)
def test_no_identity_a_peer_chose_is_taken_for_structure(identity: str) -> None:
    printed = SAS_5_9.replace("} foo {b=[c d]", identity)
    one, two = parse_ike_sas(printed)
    assert one.remote_id == identity
    assert (one.state, one.children[0].name, two.state) == ("ESTABLISHED", "con1", "CONNECTING")


@pytest.mark.parametrize("item", [item for item in HOSTILE if item])
def test_no_list_item_is_taken_for_structure(item: str) -> None:
    printed = f"x reply {{\n  list = [\n    {item}\n    z\n  ]\n  after = 1\n}}\n"
    (message,) = parse_messages(printed)
    assert message.body == {"list": (item, "z"), "after": "1"}


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
names = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="={}[]"), min_size=1, max_size=8
)
trees = st.recursive(
    st.one_of(printable, st.lists(printable, max_size=3).map(tuple)),
    lambda children: st.dictionaries(names, children, max_size=4),
    max_leaves=12,
)


def dump(tree: dict[str, object], indent: int) -> str:
    """As dump() of vici_message.c prints it with --pretty."""
    pad, lines = " " * indent, []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"{pad}{name} {{\n{dump(value, indent + 2)}{pad}}}\n")
        elif isinstance(value, tuple):
            lines.append(f"{pad}{name} = [\n" + "".join(f"{pad}  {item}\n" for item in value) + f"{pad}]\n")
        else:
            lines.append(f"{pad}{name} = {value}\n")
    return "".join(lines)


@given(st.dictionaries(names, trees, max_size=4))
def test_whatever_vici_can_hold_is_read_back(tree: dict[str, object]) -> None:
    assert parse_messages(f"x event {{\n{dump(tree, 2)}}}\ny reply {{\n}}\n") == (
        Message("x event", tree),
        Message("y reply", {}),
    )


@pytest.mark.parametrize("cut", range(1, SAS_5_9.count("\n") - 2, 7))
def test_output_that_stops_in_a_message_is_an_error(cut: int) -> None:
    lines = SAS_5_9.splitlines()
    part = "\n".join(lines[:cut])
    if lines[cut - 1] == "}":
        part += "\nx event {"
    with pytest.raises(ParseError, match="line"):
        parse_messages(part)


def test_a_line_that_is_no_item_is_an_error_with_its_number() -> None:
    with pytest.raises(ParseError, match="line 2"):
        parse_messages("x reply {\nplugin 'x': failed\n}\n")


def test_what_is_printed_around_messages_is_left_out() -> None:
    assert parse_messages("loading\nx reply {\n  success = yes\n}\nbye\n") == (Message("x reply", {"success": "yes"}),)


OUTCOMES = (
    ("initiate reply {\n  success = yes\n}\n", (True, "")),
    ("log {\n  msg = a\n}\ninitiate reply {\n  success = no\n  errmsg = not {found}\n}\n", (False, "not {found}")),
    ("", (False, "no answer")),
    ("log {\n  success = yes\n}\n", (False, "no answer")),
)


@pytest.mark.parametrize(("printed", "expected"), OUTCOMES)
def test_success_is_what_the_reply_says(printed: str, expected: tuple[bool, str]) -> None:
    assert parse_outcome(printed) == expected


READABLE = (
    ("0xc3bc", "ü"),
    ("0x610a62", "a\nb"),
    ("0x6162", "0x6162"),
    ("0xff", "\\xff"),
    ("0x1", "0x1"),
    ("0X61", "0X61"),
    ("plain", "plain"),
)


@pytest.mark.parametrize(("printed", "expected"), READABLE)
def test_a_value_printed_in_hexadecimal_is_text_again(printed: str, expected: str) -> None:
    assert decode_value(printed) == expected


ACTIONS: tuple[tuple[str, Action], ...] = (
    ("none", "none"),
    ("clear", "none"),
    ("hold", "trap"),
    ("restart", "start"),
    ("trap", "trap"),
    ("start", "start"),
    ("trap | start", "trap|start"),
    ("", "none"),
)


@pytest.mark.parametrize(("printed", "expected"), ACTIONS)
def test_actions_of_all_versions_are_spelled_one_way(printed: str, expected: Action) -> None:
    assert parse_action(printed) == expected


def test_missing_values_are_told_from_empty_ones() -> None:
    (message,) = parse_messages("x reply {\n  a = \n  b = 7\n  c = [\n  ]\n}\n")
    assert get_text(message.body, "a", "default") == ""
    assert get_text(message.body, "z", "default") == "default"
    assert get_number(message.body, "b") == 7
    assert get_number(message.body, "a") is None
    assert get_texts(message.body, "c") == get_texts(message.body, "z") == ()


def test_events_of_one_label_come_in_order_also_of_one_name() -> None:
    printed = "e event {\n  a {\n    n = 1\n  }\n}\ne event {\n  a {\n    n = 2\n  }\n}\nf event {\n  b {\n  }\n}\n"
    assert [(name, body["n"]) for name, body in select_events(printed, "e event")] == [("a", "1"), ("a", "2")]


POLICY = """\
list-policy event {
  c/d/e {
    child = d/e
    ike = c
    mode = DROP
    local-ts = [
      10.0.0.0/8
    ]
  }
}
"""


def test_policies_name_connection_child_and_kind() -> None:
    (policy,) = parse_policies(POLICY)
    assert (policy.connection, policy.child, policy.kind, policy.local_ts) == ("c", "d/e", "drop", ("10.0.0.0/8",))


OLD_CONNECTION = """\
list-conn event {
  old {
    local_addrs = [
      %any
    ]
    version = IKEv1/2
    children {
      c {
        mode = TUNNEL
      }
    }
  }
}
"""


def test_loaded_connections_of_old_versions_lack_what_they_did_not_print() -> None:
    ((connection, body),) = parse_loaded(OLD_CONNECTION)
    assert (connection.version, connection.local, connection.loaded, connection.configured) == (0, (), True, False)
    assert (connection.children[0].name, connection.children[0].dpd_action) == ("c", "none")
    assert "dpd_delay" not in body
