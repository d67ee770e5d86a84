"""The kinds of changes: what a tunnel has before, what it is to have after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lab.topology import End, Tunnel

Values = Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """One change of both ends, by swanctl's names; `ends` is what differs between them, by connection."""

    name: str
    settings: Values = field(default_factory=dict)
    child: Values = field(default_factory=dict)
    ends: Mapping[str, Values] = field(default_factory=dict)
    before: Values = field(default_factory=dict)
    psk: str | None = None
    breaks: bool = False  # whether the protocol leaves no way without a break

    def child_of(self, end: End) -> dict[str, str]:
        """All that the child of an end is to have."""
        return {**self.child, **self.ends.get(end.connection, {})}

    def declared(self, tunnel: Tunnel) -> dict[str, Any]:
        """The change as an operator declares it."""
        ends = (tunnel.initiator, tunnel.responder)
        return {
            "name": tunnel.name,
            "initiator": tunnel.initiator.gateway,
            "ends": [
                {
                    "gateway": end.gateway,
                    "connection": end.connection,
                    "child_settings": dict(self.ends.get(end.connection, {})),
                }
                for end in ends
            ],
            "settings": dict(self.settings),
            "child_settings": dict(self.child),
        }


HALVES = {"east": ("10.1.2.0/25", "10.1.1.0/25"), "west": ("10.1.1.0/25", "10.1.2.0/25")}
KINDS = (
    Kind("IKE proposals", {"proposals": "aes128-sha384-modp2048"}),
    Kind("ESP proposals", child={"esp_proposals": "aes128-sha384-x25519"}),
    Kind("PFS", child={"esp_proposals": "aes256-sha256-modp2048"}),
    Kind("lifetimes", {"rekey_time": "3h"}, {"rekey_time": "40m"}),
    Kind("DPD", {"dpd_delay": "17s"}),
    Kind(
        "start and close actions",
        ends={"east": {"start_action": "start", "dpd_action": "trap"}, "west": {"dpd_action": "trap"}},
    ),
    Kind("pre-shared key", psk="the-new-key-of-this-tunnel"),
    Kind("IKEv1 to IKEv2", {"version": "2"}, before={"version": "1"}),
    Kind("NAT-T forced", {"encap": "yes"}, breaks=True),
    Kind(
        "selectors",
        ends={name: {"local_ts": own, "remote_ts": peer} for name, (own, peer) in HALVES.items()},
        breaks=True,
    ),
)
