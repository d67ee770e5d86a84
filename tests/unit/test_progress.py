"""How far a long task says it has come."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task import progress


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    monkeypatch.setattr(progress, "Display", lambda: type("D", (), {"display": staticmethod(note(found))}))
    return found


def note(found: list[tuple[str, bool]]) -> object:
    return lambda text, newline=True, **dummy: found.append((text, newline))


def at(monkeypatch: pytest.MonkeyPatch, seconds: list[float], *, terminal: bool = True) -> None:
    now = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    told = progress.Progress(200, terminal=terminal)
    for step, second in enumerate(seconds):
        now = 1000.0 + second
        told.at(step * 10, step)
    told.end()


def test_a_short_task_says_nothing(monkeypatch: pytest.MonkeyPatch, shown: list[tuple[str, bool]]) -> None:
    at(monkeypatch, [0, 1, 4])
    assert shown == []


def test_a_terminal_has_a_line_that_updates_and_goes(
    monkeypatch: pytest.MonkeyPatch, shown: list[tuple[str, bool]]
) -> None:
    at(monkeypatch, [1, 6, 7])
    assert shown == [
        ("\r10 of 200 gateways, 1 could not be read (6 s)\x1b[K", False),
        ("\r20 of 200 gateways, 2 could not be read (7 s)\x1b[K", False),
        ("\r\x1b[K", False),
    ]


def test_elsewhere_there_is_a_plain_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, shown: list[tuple[str, bool]]
) -> None:
    at(monkeypatch, [6, 10, 30, 37], terminal=False)
    assert shown == [("0 of 200 gateways (6 s)", True), ("30 of 200 gateways, 3 could not be read (37 s)", True)]
