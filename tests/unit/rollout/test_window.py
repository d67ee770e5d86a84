"""When a change may begin: windows of dates and of every day, over midnight, and where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.rollout.change_window import (
    check_window,
    parse_window,
)
from hypothesis import given
from hypothesis import strategies as st

BERLIN = "Europe/Berlin"
NIGHT = {"start": "22:00", "end": "04:00", "timezone": BERLIN}
ONCE = {"start": "2026-11-21T22:00", "end": "2026-11-22T04:00", "timezone": BERLIN}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("given_", "now", "is_open", "closes_in", "why"),
    [
        (None, "2026-11-21T12:00", True, None, "no change window is set"),
        (NIGHT, "2026-11-21T20:59", False, None, "it opens 2026-11-21 22:00 CET, in 1 min"),
        (NIGHT, "2026-11-21T21:00", True, 6 * 3600, "closes 2026-11-22 04:00 CET, in 6 h"),
        (NIGHT, "2026-11-22T02:59:30", True, 30, "closes 2026-11-22 04:00 CET, in 30 s"),
        (NIGHT, "2026-11-22T03:00", False, None, "it opens 2026-11-22 22:00 CET, in 18 h"),
        (ONCE, "2026-11-20T03:00", False, None, "it opens 2026-11-21 22:00 CET, in 1 d 18 h"),
        (ONCE, "2026-11-21T22:00", True, 5 * 3600, "closes"),
        (ONCE, "2026-11-22T03:00", False, None, "the change window has passed: it ended 2026-11-22 04:00 CET"),
        # The night in which clocks go back has an hour more, and the one in which they go forward an hour less.
        (NIGHT, "2026-10-24T20:00", True, 7 * 3600, "closes 2026-10-25 04:00 CET"),
        (NIGHT, "2026-03-28T21:00", True, 5 * 3600, "closes 2026-03-29 04:00 CEST"),
        ({"start": "9:00", "end": "17:00", "timezone": "Asia/Tokyo"}, "2026-11-21T23:30", False, None, "in 30 min"),
        (
            {"start": "2026-11-21T22:00+01:00", "end": "2026-11-21T23:00+01:00"},
            "2026-11-21T21:30",
            True,
            1800,
            "closes 2026-11-21 23:00 UTC+01:00",
        ),
    ],
)
def test_a_window_is_open_or_says_when(given_: Any, now: str, is_open: bool, closes_in: float | None, why: str) -> None:
    found = check_window(parse_window(given_), at(now))
    assert (found.open, found.closes_in) == (is_open, closes_in)
    assert why in found.why


def test_a_window_that_closes_too_soon_does_not_count_as_open() -> None:
    found = check_window(parse_window(NIGHT), at("2026-11-22T02:55"), needs=360)
    assert (found.open, found.closes_in) == (False, 300)
    assert "closes 2026-11-22 04:00 CET, in 5 min, and 6 min are needed so that what fails can be rolled" in found.why
    assert check_window(parse_window(NIGHT), at("2026-11-22T02:55"), needs=300).open


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"start": "22:00", "end": "04:00"}, "it has no time zone at window.start: give timezone"),
        ({"start": "22:00", "end": "2026-11-22T04:00", "timezone": BERLIN}, "start and end are of two kinds"),
        ({"start": "22:00", "timezone": BERLIN}, "it is missing at window.end"),
        ({"start": "25:00", "end": "04:00", "timezone": BERLIN}, "'25:00' is not a time at window.start"),
        ({"start": "22:00", "end": "22:00", "timezone": BERLIN}, "it ends when it starts"),
        ({**ONCE, "end": "2026-11-21T21:00"}, "it ends before it starts"),
        ({**NIGHT, "timezone": "Mars/Olympus"}, "unknown time zone 'Mars/Olympus' at window"),
        ({**NIGHT, "timezone": "../../etc/passwd"}, "unknown time zone"),
        ({**NIGHT, "zone": BERLIN}, "unknown key 'zone' at window: known are start, end, timezone"),
    ],
)
def test_what_is_no_window_is_refused_in_one_sentence(given_: dict[str, str], says: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_window(given_)
    assert says in str(refused.value)


@given(
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.integers(0, 366 * 86400),
    st.sampled_from([BERLIN, "UTC", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_a_daily_window_is_open_exactly_between_its_times(start: int, end: int, seconds: int, zone: str) -> None:
    if start == end:
        return
    shown = [f"{minute // 60:02}:{minute % 60:02}" for minute in (start, end)]
    wanted = parse_window({"start": shown[0], "end": shown[1], "timezone": zone})
    now = at("2026-01-01T00:00") + timedelta(seconds=seconds)
    found = check_window(wanted, now)
    if found.open:
        assert found.closes_in is not None
        assert found.closes_in <= 25 * 3600 + 1
        assert not check_window(wanted, now + timedelta(seconds=found.closes_in)).open
    assert found.why
