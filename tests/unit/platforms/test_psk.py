"""Two gateways exchange a pre-shared key: which of two keys signs, and that nothing of the exchange is left."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, Connection, PskUse, Secret
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.redacted_files import TOKEN
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan.psk import (
    BESIDE,
    build_new_ids,
    list_edits,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.editor import apply_edits
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import compute_digest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import parse

KEY = "a digest key of this test"
FILE = "<text>"
HQ = Connection("hq", local=(Auth("local", "psk", "a.lab"),), remote=(Auth("remote", "psk", "b.lab"),))


def shown(psk: str) -> str:
    """A secret as a gateway shows it."""
    return f'"{TOKEN}{compute_digest(KEY, psk)}"'


LAYOUTS = {
    "among others": "secrets {{\n  ike-0 {{\n    id = x\n    secret = {x}\n  }}\n  ike-1 {{\n    id-1 = a.lab\n"
    "    id-2 = b.lab\n    secret = {old}\n  }}\n  # a comment\n  ike-2 {{\n    id = y\n    secret = {x}\n  }}\n}}\n",
    "Windows": "secrets {{\r\n\tike-1 {{\r\n\t\tid-1 = a.lab\r\n\t\tid-2 = b.lab\r\n\t\tsecret = {old}\r\n\t}}\r\n"
    "}}\r\n",
    "opened on one line": "secrets {{ ike-1 {{ id-1 = a.lab\n id-2 = b.lab\n secret = {old}\n}} }} # the end",
    "a comment behind": "secrets {{\n  ike-1 {{\n    id-1=a.lab\n    id-2=b.lab\n    secret={old}\n  }} # ours\n}}",
    "for anybody": "secrets {{\n    ike-1 {{\n        secret = {old}\n    }}\n}}\n",
}  # fmt: skip


def text_of(layout: str, psk: str = "old") -> str:
    return LAYOUTS[layout].format(old=shown(psk), x=shown("x"))


def keys(text: str) -> list[Secret]:
    """The secrets of a text in the order of the file, as reading a gateway gives them."""
    settings = parse(text.encode(), name=FILE)
    found = []
    for name in settings.sections(("secrets",)):
        tree = {key: settings.get(("secrets", name, key)) for key in settings.keys(("secrets", name))}
        ids = tuple(value.value for key, value in tree.items() if value and key.startswith("id"))
        secret = tree["secret"]
        assert secret is not None
        found.append(Secret(name, ids, secret.value.removeprefix(TOKEN), "k", ""))
    return found


def used(text: str, psk: str, use: PskUse) -> str:
    settings = parse(text.encode(), name=FILE)
    made = list_edits(psk, use, settings, KEY, keys(text), HQ)
    return apply_edits({FILE: text.encode()}, made)[FILE].decode()


def ours(text: str) -> list[str]:
    """The keys for the two identities, in the order of the file: the last signs."""
    names = {compute_digest(KEY, psk): psk for psk in ("old", "new", "newer", "x")}
    return [names[s.digest or ""] for s in keys(text) if s.name in ("ike-1", f"ike-1{BESIDE}")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_ends_have_both_keys_meanwhile_and_no_byte_is_left_of_it(layout: str) -> None:
    before, wanted = text_of(layout), text_of(layout, "new")
    responder, initiator = used(before, "new", "accept"), used(before, "new", "sign")
    assert (ours(responder), ours(initiator)) == (["new", "old"], ["old", "new"])
    for text in (responder, initiator):
        assert len({frozenset(s.ids) for s in keys(text) if s.name.startswith("ike-1")}) == 1
        assert used(text, "new", "only") == wanted
        assert used(text, "old", "only") == before  # and the way back
    assert used(responder, "new", "accept") == responder
    assert used(initiator, "new", "sign") == initiator
    assert used(initiator, "new", "accept") == initiator
    assert used(wanted, "new", "only") == wanted


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_exchange_that_was_cut_off_may_change_its_direction_or_its_key(layout: str) -> None:
    responder = used(text_of(layout), "new", "accept")
    assert ours(used(responder, "new", "sign")) == ["old", "new"]
    assert ours(used(responder, "newer", "accept")) == ["newer", "old"]
    assert ours(used(responder, "newer", "sign")) == ["new", "newer"]
    assert used(responder, "newer", "only") == text_of(layout, "newer")


def test_other_keys_are_not_touched() -> None:
    others = [secret for secret in keys(text_of("among others")) if secret.ids != ("a.lab", "b.lab")]
    for use in get_args(PskUse):
        assert [s for s in keys(used(text_of("among others"), "new", use)) if s.ids != ("a.lab", "b.lab")] == others


def test_a_gateway_without_any_secret_is_not_given_the_first() -> None:
    with pytest.raises(RefusedError, match="no secret next to which the pre-shared key could be written"):
        list_edits("new", "only", parse(b"connections {\n}\n"), KEY, (), HQ)


def test_a_key_that_comes_with_an_identity_is_for_that_one() -> None:
    wrong = replace(HQ, remote=(Auth("remote", "psk", "somebody-else.lab"),))
    assert build_new_ids(wrong, {"remote.id": "b.lab", "dpd_delay": "9s"}) == HQ
    assert build_new_ids(HQ, {"dpd_delay": "9s"}) == HQ
    assert build_new_ids(HQ, {"local.id": ""}).local[0].id is None
