"""The running probe: what three kinds of ping print and what was missed; and the script, with a real ping."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import outage_probe
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.outage_probe import (
    OutageProbeRequest,
)
from hypothesis import given
from hypothesis import strategies as st

WISH = OutageProbeRequest("fw", "hq", "net", "10.2.0.1", "10.1.0.1")
HEADS = {
    "iputils": ("PING 10.1.0.1 (10.1.0.1) from 10.2.0.1 : 56(84) bytes of data.", 1, "icmp_seq"),
    "iputils 6": ("PING fd00::1(fd00::1) from fd00::2 : 56 data bytes", 1, "icmp_seq"),
    "iputils alone": ("PING 10.1.0.1 (10.1.0.1) 56(84) bytes of data.", 1, "icmp_seq"),
    "busybox": ("PING 10.1.0.1 (10.1.0.1) from 10.2.0.1: 56 data bytes", 0, "seq"),
    "freebsd": ("PING 10.1.0.1 (10.1.0.1) from 10.2.0.1: 56 data bytes", 0, "icmp_seq"),
    "freebsd 6": ("PING(56=40+8+8 bytes) fd00::2 --> fd00::1", 0, "icmp_seq"),
}


def printed(kind: str, answered: list[int], sent: int | None) -> str:
    """What ping prints where of `sent` pings those of these places, from 0, were answered."""
    head, first, word = HEADS[kind]
    lines = [head, *(f"64 bytes from 10.1.0.1: {word}={n + first} ttl=64 time=0.5 ms" for n in answered)]
    if sent is not None:
        lines += ["", "--- 10.1.0.1 ping statistics ---", f"{sent} packets transmitted, {len(answered)} received"]
    return "\n".join(lines) + "\n"


def heard(text: str) -> Reply:
    return Reply({"heard": ReplySection(0, text.encode())})


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize(
    ("answered", "sent", "expected"),
    [
        ([0, 1, 2, 3], 4, (4, 0, 0.0)),
        ([0, 1, 5, 6], 7, (7, 3, 0.6)),
        ([0, 1, 2], 8, (8, 5, 1.0)),
        ([3, 4], 5, (5, 3, 0.6)),
        ([0, 1, 2, 3], 5, (4, 0, 0.0)),  # the last was under way
        ([], 5, (5, 5, 1.0)),
        ([0, 1, 4], None, (5, 2, 0.4)),  # killed before it could say how many
    ],
)
def test_the_outage_is_the_longest_run_without_an_answer(
    kind: str, answered: list[int], sent: int | None, expected: tuple[int, int, float]
) -> None:
    found = outage_probe.parse_outage(WISH, heard(printed(kind, answered, sent)))
    assert (found.sent, found.lost, found.seconds) == expected
    assert (found.gateway, found.child, found.source, found.target) == ("fw", "net", "10.2.0.1", "10.1.0.1")


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from(sorted(HEADS)))
def test_any_pattern_of_losses_is_counted(pattern: list[bool], kind: str) -> None:
    answered = [number for number, came in enumerate(pattern) if came]
    found = outage_probe.parse_outage(WISH, heard(printed(kind, answered, len(pattern))))
    under_way = len(pattern) > 1 and not pattern[-1] and pattern[-2]
    counted = pattern[:-1] if under_way else pattern
    runs = "".join("." if came else "x" for came in counted).split(".")
    assert found.sent == len(counted)
    assert found.lost == counted.count(False)
    assert found.seconds == pytest.approx(max(map(len, runs)) * 0.2)


def test_answers_that_came_twice_or_late_and_errors_do_not_mislead() -> None:
    text = printed("iputils", [0, 1, 2], None) + (
        "64 bytes from 10.1.0.1: icmp_seq=3 ttl=64 time=0.6 ms (DUP!)\n"
        "From 192.0.2.9 icmp_seq=4 Destination Host Unreachable\n"
        "ping: sendmsg: Network is unreachable\n"
        "64 bytes from 10.1.0.1: icmp_seq=6 ttl=64 time=0.5 ms\n"
        "64 bytes from 10.1.0.1: icmp_seq=5 ttl=64 time=900 ms\n"
        "6 packets transmitted, 5 received, +1 duplicates, +1 errors, 16% packet loss\n"
    )
    found = outage_probe.parse_outage(WISH, heard(text))
    assert (found.sent, found.lost, found.seconds) == (6, 1, 0.2)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({}), "nothing of it was there any more"),
        (Reply({"heard": ReplySection(1, b"")}), "nothing of it was there any more"),
        (heard("ping: connect: Network is unreachable\n"), "ping: connect: Network is unreachable"),
        (heard(""), "it sent nothing"),
    ],
)
def test_what_is_not_known_is_not_called_no_outage(reply: Reply, error: str) -> None:
    found = outage_probe.parse_outage(WISH, reply)
    assert (found.seconds, found.error) == (None, error)


@pytest.mark.parametrize(
    "wrong", [{"source": "$(reboot)"}, {"target": "hq.example"}, {"interval": 0.01}, {"seconds": 0}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    wish = OutageProbeRequest(
        **{"gateway": "fw", "connection": "hq", "child": "net", "source": "::1", "target": "::1"} | wrong
    )  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        outage_probe.build_script(wish, "start")


def test_a_probe_that_does_not_run_says_why() -> None:
    reply = Reply(
        {"started": ReplySection(0, b""), "running": ReplySection(1, b""), "said": ReplySection(0, b"ping: no route\n")}
    )
    with pytest.raises(IpsecError, match="the running probe does not run at fw/hq/net: ping: no route"):
        outage_probe.parse_start(WISH, reply)


@pytest.mark.parametrize("zone", ["$(id>INJECTED)", "a b", "`id`", ";id", "a\nb"])
def test_a_zone_is_no_command(zone: str) -> None:
    with pytest.raises(RefusedError, match=r"zone|not an IP address"):
        outage_probe.build_script(replace(WISH, target=f"fe80::1%{zone}"), "start")
