"""A forecast of several changes of one connection: each on what those before it would leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.solve import (
    ConfigXmlCandidate,
)

from .pfsense_box import OPTIONS, reply, told
from .test_pfsense_prepare import asked, config
from .test_pfsense_read import phase1, phase2

OLD, NEW = "aes256-sha256-modp2048", "aes256gcm16-prfsha384-ecp384"
EXPAND, CONTRACT = asked({"proposals": f"{NEW},{OLD}"}), asked({"proposals": NEW})


def test_what_comes_last_begins_where_the_one_before_it_ends(tmp_path: Path) -> None:
    config(tmp_path / "config.xml", phase1(), phase2())
    read = reply(told(tmp_path / "config.xml"))
    gateway = pfsense.read("fw", read, OPTIONS)

    def foretold(wish: DesiredConnection, *preceding: DesiredConnection) -> ConfigXmlCandidate:
        asked_for = replace(wish, preceding=preceding)
        return pfsense.prepare(asked_for, gateway, gateway.connections[0], read, OPTIONS)

    first, last = foretold(EXPAND), foretold(CONTRACT, EXPAND)
    assert last.diff[0]["before"] == first.diff[0]["after"]
    assert last.diff[0]["after"] == foretold(CONTRACT).diff[0]["after"]
    assert [before.endswith(OLD) for before, dummy in last.changes.values() if before] == [True]
    assert not foretold(CONTRACT, EXPAND, CONTRACT).needed
