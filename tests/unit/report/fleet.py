"""An audit with something of everything, and the same with the worst of names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Audit, Certificate, Gateway, Waiver
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.build import build_report
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.content import Report

from tests.unit.build import connection, edited, gateway, healthy, probe
from tests.unit.policy.rows import no_file, offers

TIME = "2026-11-21T16:00:00Z"
TODAY = date(2026, 11, 21)
HOSTILE = (
    "<script>alert(1)</script>",
    "\"' onload=alert(1) x='",
    "=cmd|' /C calc'!A0",
    "\u202etxt.exe\u202c\u2066",
    "line one\nHIGH  dpd-off  on a/to-b\r\ntwo",
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x00\x7f",
    "]]> --> {{ 7*7 }} ${x} `id` $(id) %s \\ \\n",
    "[x](javascript:alert(1)) ![y](http://evil/) | a | b | # h",
    "L" * 4096,
    "\udc80\ufffe\U000e0001 caf\u00e9 \u65e5\u672c",
)


def gateways() -> list[Gateway]:
    """A pair with a weak proposal that is waived, another fault and a certificate; and an end without a counterpart."""
    a, b = healthy()
    weak = edited(a, **offers("aes256-sha256-x25519,3des-sha256-x25519"))
    weak = replace(
        weak, certificates=(Certificate("CN=a", serial="01", not_after="2027-01-01T00:00:00+00:00", private_key=True),)
    )
    lonely = connection("lonely", local_addrs=("192.0.2.3",), remote_addrs=("192.0.2.4",), children=())
    return [weak, edited(b, connection={"dpd_delay": 0.0}), gateway("c", lonely)]


def found() -> Audit:
    """The audit of those gateways, and of one that cannot be read."""
    waiver = Waiver("ike-encryption-weak", "a-b", "until the peer is replaced", "net-team", "2026-12-31", "ours.yml:8")
    old = Waiver("psk-reused", "a-b", "a test", "me", "2026-01-31", "ours.yml:14")
    profile = replace(load("baseline", no_file), name="ours", waivers=(waiver, old))
    probes = (probe(), probe("b"))
    return audit(gateways(), unreadable={"d": "timed out"}, probes=probes, policy=(profile, TODAY), limit=["a"])


def report() -> Report:
    return build_report(found(), gateways(), TIME)


def hostile(text: str) -> Report:
    """The report with this in place of every text that comes from people, gateways or peers."""
    kept = {
        *("id", "severity", "confidence", "phase", "do", "state", "psk_use", "time", "rule", "expires", "not_after")
    }
    made: Report = _with(report(), lambda name, value: value if name in kept or not value else f"{text}{value}")
    states = {tunnel.name: tunnel.state for tunnel in report().tunnels}
    return replace(made, tunnels=tuple(replace(t, state=states[t.name.removeprefix(text)]) for t in made.tunnels))


def _with(value: Any, make: Callable[[str, str], str], name: str = "") -> Any:
    if isinstance(value, str):
        return make(name, value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _with(getattr(value, f.name), make, f.name) for f in fields(value)})
    if isinstance(value, tuple):
        return tuple(_with(each, make, name) for each in value)
    if isinstance(value, dict):
        return {make("", key): _with(each, make, name) for key, each in value.items()}
    return value
