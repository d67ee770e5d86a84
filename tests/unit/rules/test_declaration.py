"""What a user has declared, as against what is there."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import DeclaredEnd

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
        "the same in another notation",
        {"connection": {"settings": settings(rekey_time="14400", proposals="a, b")}},
        {"connection": {"settings": settings(rekey_time="240m", proposals="a,b")}},
        declared=declared(settings={"rekey_time": "4h", "proposals": "a,b"}),
    ),
    Row(
        "setting-deviates",
        "a child of both ends",
        {"child": {"settings": settings(rekey_time="1h")}},
        remedies=("b/to-a/net: rekey_time = 1h",),
        declared=declared(child_settings={"rekey_time": "1h"}),
    ),
    Row(
        "setting-deviates",
        "an end of its own, over what both are to have",
        SET,
        remedies=("b/to-a: rekey_time = 5h", "b/to-a/net: close_action = trap"),
        declared=declared(
            settings={"rekey_time": "4h"},
            ends=(
                DeclaredEnd("a", "to-b"),
                DeclaredEnd("b", "to-a", {"rekey_time": "5h"}, {"close_action": "trap"}),
            ),
        ),
    ),
    Row(
        "setting-deviates",
        "one that is to go",
        SET,
        remedies=("a/to-b: rekey_time = ",),
        declared=declared(settings={"rekey_time": ""}),
    ),
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
