# SPDX-License-Identifier: GPL-3.0-or-later
"""When a change may be made: an absolute window, or one that comes again every day, in a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import ParseError

_DAILY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_SHOWN = "%Y-%m-%d %H:%M %Z"
_WHERE = "window"


@dataclass(frozen=True, slots=True)
class ChangeWindow:
    """From when to when; both are aware times, or times of the day in `zone`, where the end may be of the next day."""

    start: datetime | time
    end: datetime | time
    zone: tzinfo

    def times(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Those windows, in their order, of which one is open now or is the next."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            yield self.start, self.end
        elif isinstance(self.start, time) and isinstance(self.end, time):
            today = now.astimezone(self.zone).date()
            for days in (-1, 0, 1):
                day = today + timedelta(days=days)
                until = day + timedelta(days=int(self.end <= self.start))
                yield datetime.combine(day, self.start, self.zone), datetime.combine(until, self.end, self.zone)


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """Whether something may be begun now; seconds until the window closes, None where it is shut or there is none."""

    open: bool
    closes_in: float | None
    why: str


def parse_window(given: Mapping[str, Any] | None) -> ChangeWindow | None:
    """The window that a user gives as `start`, `end` and `timezone`; None where any time is fine.

    Raises:
        ParseError: it is none; says what to write.
    """
    if not given:
        return None
    if unknown := sorted(set(given) - {"start", "end", "timezone"}):
        raise ParseError(f"unknown key {unknown[0]!r}", where=_WHERE, hint="known are start, end, timezone")
    name = str(given.get("timezone") or "")
    zone = _load_zone(name) if name else None
    start, end = (_parse_moment(str(given.get(key) or ""), zone, key) for key in ("start", "end"))
    if isinstance(start, time) is not isinstance(end, time):
        raise ParseError("start and end are of two kinds", where=_WHERE, hint="give HH:MM for both, or a date for both")
    if isinstance(start, time) and start == end:
        raise ParseError("it ends when it starts", where=_WHERE, hint="leave the window out where any time is fine")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise ParseError("it ends before it starts", where=_WHERE)
    return ChangeWindow(start, end, zone or getattr(start, "tzinfo", None) or UTC)


def check_window(wanted: ChangeWindow | None, now: datetime, *, needs: float = 0.0) -> WindowStatus:
    """Whether a window is open and leaves so many seconds; the reason is one sentence."""
    if wanted is None:
        return WindowStatus(open=True, closes_in=None, why="no change window is set")
    for start, end in wanted.times(now):
        if now >= end:
            continue
        if now < start:
            wait = _format_span(_measure_time_until(now, start))
            return WindowStatus(
                open=False,
                closes_in=None,
                why=f"the change window is closed: it opens {_format_moment(start, wanted)}, in {wait}",
            )
        left = _measure_time_until(now, end)
        closes = f"the change window closes {_format_moment(end, wanted)}, in {_format_span(left)}"
        if left < needs:
            return WindowStatus(
                open=False,
                closes_in=left,
                why=f"{closes}, and {_format_span(needs)} are needed so that what fails can be rolled back",
            )
        return WindowStatus(open=True, closes_in=left, why=closes)
    dummy, end = list(wanted.times(now))[-1]
    return WindowStatus(
        open=False, closes_in=None, why=f"the change window has passed: it ended {_format_moment(end, wanted)}"
    )


def _measure_time_until(now: datetime, then: datetime) -> float:
    """Seconds that pass: by UTC, because two times of one zone are subtracted by what their clocks show."""
    return (then.astimezone(UTC) - now.astimezone(UTC)).total_seconds()


def _load_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ParseError(
            f"unknown time zone {name!r}", where=_WHERE, hint="give an IANA name such as Europe/Berlin"
        ) from error


def _parse_moment(text: str, zone: tzinfo | None, key: str) -> datetime | time:
    where = f"{_WHERE}.{key}"
    if not text:
        raise ParseError("it is missing", where=where, hint="give HH:MM, or a date and time such as 2026-11-21T22:00")
    if (daily := _DAILY.fullmatch(text)) is None:
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            hint = "give HH:MM, or a date and time such as 2026-11-21T22:00"
            raise ParseError(f"{text!r} is not a time", where=where, hint=hint) from error
        if found.tzinfo is not None:
            return found
    if zone is None:
        raise ParseError("it has no time zone", where=where, hint="give timezone, such as Europe/Berlin")
    return time(int(daily[1]), int(daily[2])) if daily else found.replace(tzinfo=zone)


def _format_moment(moment: datetime, wanted: ChangeWindow) -> str:
    return moment.astimezone(wanted.zone).strftime(_SHOWN)


def _format_span(seconds: float) -> str:
    """A length of time for people: two units at most, none of them zero."""
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for unit, length in units:
        count, whole = divmod(whole, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
