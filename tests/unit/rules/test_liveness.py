"""How an end notices that its peer is gone."""

from __future__ import annotations

import pytest

from tests.unit.build import Row, check

OFF = {"connection": {"dpd_delay": 0.0}}
ROWS = (
    Row(
        "dpd-off",
        "the end takes its peer's delay",
        OFF,
        {"connection": {"dpd_delay": 12.5}},
        ("a/to-b: dpd_delay = 12.5s",),
    ),
    Row("dpd-off", "off on both ends", OFF, OFF, ("a/to-b: dpd_delay = 30s", "b/to-a: dpd_delay = 30s")),
    Row("dpd-off", "different delays are no fault", b={"connection": {"dpd_delay": 120.0}}),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_end_that_never_looks_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
