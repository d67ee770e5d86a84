"""Log lines of every logger, and whom they concern."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log import (
    extract_message,
    find_connection,
    find_peer,
    find_time,
    parse_events,
    select_lines,
)

LINES = (
    ("Nov 20 23:37:30 15[NET] received packet", "received packet", (None, None)),
    ("Nov 20 23:37:30 15[IKE] <hq|7> sending DPD request", "sending DPD request", ("hq", 7)),
    ("Nov 20 23:37:30 15[IKE] <7> 192.0.2.1 is initiating an IKE_SA", "192.0.2.1 is initiating an IKE_SA", (None, 7)),
    ("2026-11-20T23:37:30 gw charon-systemd[812]: 15[CFG] <a|b|3> x", "x", ("a|b", 3)),
    ("Nov 20 23:37:30 gw charon: 05[KNL] creating acquire job", "creating acquire job", (None, None)),
    ("2026-11-20T23:37:30+0000 gw charon-systemd[812]: sending DPD request", "sending DPD request", (None, None)),
    ("Feb  3 12:00:00 fw charon[4711]: 09[IKE] <con1|5> sending DPD request", "sending DPD request", ("con1", 5)),
    ("<30>1 2026-02-03T12:00:00.1+01:00 fw.lab charon 4711 - - 09[IKE] <con1|5> x", "x", ("con1", 5)),
    ("received packet: from 192.0.2.1[500]", "received packet: from 192.0.2.1[500]", (None, None)),
)


@pytest.mark.parametrize(("line", "said", "about"), LINES)
def test_what_a_line_says_and_about_whom(line: str, said: str, about: tuple[str | None, int | None]) -> None:
    assert extract_message(line) == said
    assert find_connection(line) == about


def test_lines_of_a_connection_are_those_of_its_name_of_its_sas_and_those_that_quote_it() -> None:
    lines = (
        "01[IKE] <5> 192.0.2.1 is initiating",
        "01[IKE] <hq|5> established",
        "01[IKE] <hq2|6> established",
        "01[CFG] selected peer config 'hq'",
        "01[CFG] selected peer config 'hq2'",
        "01[IKE] <6> other",
    )
    assert select_lines(lines, "hq") == (lines[0], lines[1], lines[3])


CLOCK = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("line", "clock", "time"),
    [
        ("2026-11-20T23:37:30+0000 gw charon-systemd[812]: x", None, datetime(2026, 11, 20, 23, 37, 30, tzinfo=UTC)),
        ("2026-11-20T23:37:30.5Z gw charon: 15[CFG] x", CLOCK, datetime(2026, 11, 20, 23, 37, 30, 500000, tzinfo=UTC)),
        (
            "<30>1 2026-02-03T12:00:00.5+01:00 fw.lab charon 4711 - - 09[IKE] x",
            None,
            datetime(2026, 2, 3, 11, 0, 0, 500000, tzinfo=UTC),
        ),
        ("2026-02-28 23:37:30 15[CFG] x", CLOCK, datetime(2026, 2, 28, 22, 37, 30, tzinfo=UTC)),
        ("Feb 28 23:37:30 15[CFG] x", CLOCK, datetime(2026, 2, 28, 22, 37, 30, tzinfo=UTC)),
        ("Mar  1 11:59:59 gw charon: 15[CFG] x", CLOCK, datetime(2026, 3, 1, 10, 59, 59, tzinfo=UTC)),
        ("Dec 31 23:59:59 15[CFG] x", CLOCK, datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("Feb 29 23:59:59 15[CFG] x", CLOCK, None),
        ("2026-02-31T23:37:30+0000 gw charon: 15[CFG] x", CLOCK, None),
        ("2026-02-28 24:61:30 15[CFG] x", CLOCK, None),
        ("2026-02-28T23:37:30+9900 gw charon: 15[CFG] x", CLOCK, None),
        ("Feb 28 23:37:30 15[CFG] x", None, None),
        ("15[CFG] x", CLOCK, None),
    ],
)
def test_when_a_line_was_logged(line: str, clock: datetime | None, time: datetime | None) -> None:
    assert find_time(line, clock) == time


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("received packet: from 192.0.2.1[500] to 192.0.2.2[500] (240 bytes)", "192.0.2.1"),
        ("sending packet: from 192.0.2.1[500] to 2001:db8::2[500] (240 bytes)", "2001:db8::2"),
        ("no IKE config found for 192.0.2.2...192.0.2.1, sending NO_PROPOSAL_CHOSEN", "192.0.2.1"),
        ("looking for peer configs matching 192.0.2.2[%any]...192.0.2.1[a.example]", "192.0.2.1"),
        ("initiating IKE_SA hq[1] to 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1 is initiating an IKE_SA", "192.0.2.1"),
        ("giving up after 5 retransmits", None),
    ],
)
def test_the_peer_that_a_message_tells(text: str, peer: str | None) -> None:
    assert find_peer(text) == peer


def test_an_event_has_time_connection_sa_peer_role_and_meaning() -> None:
    line = "Feb 28 23:37:30 15[IKE] <hq|7> no IKE config found for 192.0.2.2...192.0.2.1, sending NO_PROPOSAL_CHOSEN"
    (event,) = parse_events((line,), CLOCK)
    assert (event.connection, event.sa, event.peer, event.time) == ("hq", 7, "192.0.2.1", find_time(line, CLOCK))
    assert (event.means.name, event.means.side) == ("no-ike-config", "responder")
