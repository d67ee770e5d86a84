"""What pfSense's own code generates of a config.xml, for every case of the corpus: the reading says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.answer import parse_reply
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.generate import (
    generate_all,
    join_connections,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.interfaces import Interfaces
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.phase2 import (
    GenerationContext,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.psk_digest import compute_digest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.section_tree import Tree, flatten
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import Settings, parse

from ..corpus import CORPUS, needs_corpus
from .pfsense_box import OPTIONS, read, reply, told

CASES = sorted((CORPUS / "pfsense").glob("*/*"))
LEFT_OUT = {"interface__vip_unknown": "no-address", "interface_opt9_nonexistent": "no-address"}


def name(case: Path) -> str:
    return f"{case.parent.name}-{case.name}"


def release(case: Path) -> str:
    return f"{case.parent.name.removesuffix('-dev')}.0-RELEASE\n"


def generated(case: Path) -> bytes | None:
    """What pfSense generated; nothing where no phase 1 is enabled."""
    file = case / "swanctl.conf"
    return file.read_bytes() if file.is_file() else None


def effective(settings: Settings | Tree) -> dict[str, str]:
    """All of its connections but the bypass of local networks."""
    found = flatten(settings, ("connections",))
    return {path: setting.value for path, setting in found if not path.startswith("bypass.")}


@needs_corpus
@pytest.mark.parametrize("case", CASES, ids=name)
def test_what_is_read_of_config_xml_is_what_pfsense_generates_of_it(case: Path) -> None:
    found = parse_reply(reply(told(case / "config.xml")), [])
    assert found is not None
    numbers = tuple(int(part) for part in release(case).partition("-")[0].split("."))
    each = tuple(generate_all(found.config, GenerationContext(Interfaces(found.config), Tree(), numbers)))
    ours = effective(join_connections(tuple(one for one in each if not one.omitted)))
    file = generated(case)
    assert ours == (effective(parse(file)) if file else {})


@needs_corpus
@pytest.mark.parametrize("case", CASES, ids=name)
def test_nothing_waits_to_be_applied_where_the_file_is_what_was_generated(case: Path) -> None:
    gateway = read(case / "config.xml", _with_digests(generated(case)), version=release(case))
    assert {each.name: each.unapplied for each in gateway.connections if each.unapplied} == {}
    ours = [each for each in gateway.connections if each.native]
    lacks_proposal = case.name == "no_encryption_items" and case.parent.name != "2.6.0"
    omitted = LEFT_OUT.get(case.name, "disabled" if "p1_disabled" in case.name else "")
    assert {each.omitted for each in ours} == {"no-proposal" if lacks_proposal else omitted}
    kinds = {"unknown-setting"} if case.name == "tfc" else set()
    assert {problem.kind for problem in gateway.problems} - {"no-swanctl"} == kinds


def _with_digests(file: bytes | None) -> bytes | None:
    """The file as a gateway shows it: with the digests of its pre-shared keys in their place."""
    if file is None:
        return None
    keys = {setting.value for path, setting in flatten(parse(file), ("secrets",)) if path.endswith(".secret")}
    for key in keys:
        file = file.replace(key.encode(), f'"@psk:{compute_digest(OPTIONS.digest_key, key)}"'.encode())
    return file
