"""What a finding asks for, done, leaves no finding: a repair that needs a second run is no repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Change,
    Connection,
    Gateway,
    Setting,
    Tunnel,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.plan import plan
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import keys

from tests.unit.build import ASKED, Row, ike_sa, tunnel

FIELDS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(
        ("proposals", "esp_proposals", "ah_proposals", "local_ts", "remote_ts", "local_addrs", "remote_addrs"),
        keys.split_list,
    ),
    **dict.fromkeys(("start_action", "close_action", "dpd_action"), keys.parse_action),
    **dict.fromkeys(("version", "keyingtries"), keys.parse_whole),
    **dict.fromkeys(("dpd_delay", "rekey_time", "reauth_time", "rand_time"), keys.parse_duration),
    **dict.fromkeys(("encap", "mobike"), keys.parse_boolean),
}


def _rows() -> Iterator[Row]:
    for path in sorted((Path(__file__).parent / "rules").glob("test_*.py")):
        yield from getattr(import_module(f"{__package__}.rules.{path.stem}"), "ROWS", ())


def _repairable(row: Row) -> bool:
    fixes = [fix for finding in diagnose([tunnel(row)], ASKED) for fix in finding.fix or (None,)]
    return row.fires and bool(fixes) and all(isinstance(fix, Change) for fix in fixes)


def _set(connection: Connection, child: str | None, key: str, value: str) -> Connection:
    """The connection with one of swanctl's settings, as reading the file would give it."""
    given = {key: Setting(value, "swanctl.conf:1")}
    if child is not None:
        children = tuple(
            replace(c, **{key: FIELDS[key](value)}, settings={**c.settings, **given}) if c.name == child else c
            for c in connection.children
        )
        return replace(connection, children=children)
    section, dot, part = key.partition(".")
    fields: dict[str, Any] = {} if dot else {key: FIELDS[key](value)}
    if dot:
        auths = getattr(connection, section)
        assert part == "id"
        fields[section] = (replace(auths[0], id=value), *auths[1:])
    return replace(connection, **fields, settings={**connection.settings, **given})


def _repaired(given: Tunnel) -> tuple[Gateway, ...]:
    """Both gateways after the plan was carried out: the settings are set, the daemons make the tunnel anew."""
    steps = plan([given], diagnose([given], ASKED)).steps
    gateways = []
    for end in given.ends:
        connection = end.connection
        for step in steps:
            if step.do == "connection" and step.gateway == end.gateway.name:
                wanted = [(None, key, value) for key, value in step.settings.items()]
                wanted += [(c, key, value) for c, values in step.children.items() for key, value in values.items()]
                for child, key, value in wanted:
                    connection = _set(connection, child, key, value)
        live = (ike_sa(connection, 7, swapped=end is given.answering),)
        gateways.append(replace(end.gateway, connections=(connection,), sas=live))
    return tuple(gateways)


@pytest.mark.parametrize("row", list(filter(_repairable, _rows())), ids=str)
def test_what_is_repaired_by_settings_has_no_finding_afterwards(row: Row) -> None:
    before = tunnel(row)
    tunnels, unpaired = pair_ends(_repaired(before), [row.declared] if row.declared else (), psks=row.psks)
    assert unpaired == ()
    assert [finding.summary for finding in diagnose(tunnels)] == []
    assert (tunnels[0].initiator, tunnels[0].name) == (before.initiator, before.name)
