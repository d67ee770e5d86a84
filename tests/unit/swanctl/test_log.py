"""Log lines of every logger, and whom they concern."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.swanctl.log import concerning, connection_of, message

LINES = (
    ("Nov 20 23:37:30 15[NET] received packet", "received packet", (None, None)),
    ("Nov 20 23:37:30 15[IKE] <hq|7> sending DPD request", "sending DPD request", ("hq", 7)),
    ("Nov 20 23:37:30 15[IKE] <7> 192.0.2.1 is initiating an IKE_SA", "192.0.2.1 is initiating an IKE_SA", (None, 7)),
    ("2026-11-20T23:37:30 gw charon-systemd[812]: 15[CFG] <a|b|3> x", "x", ("a|b", 3)),
    ("Nov 20 23:37:30 gw charon: 05[KNL] creating acquire job", "creating acquire job", (None, None)),
    ("2026-11-20T23:37:30+0000 gw charon-systemd[812]: sending DPD request", "sending DPD request", (None, None)),
    ("received packet: from 192.0.2.1[500]", "received packet: from 192.0.2.1[500]", (None, None)),
)


@pytest.mark.parametrize(("line", "said", "about"), LINES)
def test_what_a_line_says_and_about_whom(line: str, said: str, about: tuple[str | None, int | None]) -> None:
    assert message(line) == said
    assert connection_of(line) == about


def test_lines_of_a_connection_are_those_of_its_name_of_its_sas_and_those_that_quote_it() -> None:
    lines = (
        "01[IKE] <5> 192.0.2.1 is initiating",
        "01[IKE] <hq|5> established",
        "01[IKE] <hq2|6> established",
        "01[CFG] selected peer config 'hq'",
        "01[CFG] selected peer config 'hq2'",
        "01[IKE] <6> other",
    )
    assert concerning(lines, "hq") == (lines[0], lines[1], lines[3])
