"""What a user has declared, as against what is there."""

from __future__ import annotations

import pytest

from tests.unit.build import Row, check, declared, settings

TIMES = declared(settings={"rekey_time": "4h"})
SET = {"connection": {"settings": settings(rekey_time="4h")}}
OTHER = {"connection": {"settings": settings(rekey_time="1h")}}
ROWS = (
    Row(
        "setting-deviates",
        "another value and none",
        OTHER,
        remedies=("a/to-b: rekey_time = 4h", "b/to-a: rekey_time = 4h"),
        declared=TIMES,
    ),
    Row("setting-deviates", "one end", SET, OTHER, ("b/to-a: rekey_time = 4h",), declared=TIMES),
    Row("setting-deviates", "both have it", SET, SET, declared=TIMES),
    Row("setting-deviates", "nothing is declared", OTHER),
    Row(
        "setting-deviates",
        "there is no file to change",
        SET,
        {"connection": {"configured": False}},
        declared=TIMES,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_deviates_from_the_declaration_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
