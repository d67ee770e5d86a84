"""What several places define, and the last of them hides."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Setting

from tests.unit.build import Edit, Row, check, settings

TWICE: Edit = {"settings": {"remote_addrs": Setting("192.0.2.2", "west.conf:4", also=("site-b.conf:3",))}}
ROWS = (
    Row("setting-defined-twice", "two files give a connection an address", {"connection": TWICE}, remedies=()),
    Row(
        "setting-defined-twice",
        "a child's",
        b={"child": {"settings": {"mode": Setting("tunnel", "x.conf:9", also=("x.conf:2",))}}},
        remedies=(),
    ),
    Row("setting-defined-twice", "once", {"connection": {"settings": settings(remote_addrs="192.0.2.2")}}),
    Row(
        "dpd-off",
        "of a connection that is defined twice nothing is changed",
        {"connection": {"dpd_delay": 0.0, **TWICE}},
        remedies=(),
        also=("setting-defined-twice",),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_defined_twice_is_seen_and_not_changed(row: Row) -> None:
    check(row)
