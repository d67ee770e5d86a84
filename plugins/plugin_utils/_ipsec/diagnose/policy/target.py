# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tunnel should have so that a profile has nothing against it, as if its user had declared it.

Only what a finding asks for is declared, and only with what the profile's `target` says; what the user has declared
for the tunnel stays. From there on it is a declaration like any other, so it is planned as those are: what both ends
must agree on is added, the tunnel is established again next to the old one, and what was there before is taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...errors import IpsecError
from ...model import DeclaredEnd, DeclaredTunnel, Finding, Tunnel
from .profile import Profile

_MENDS = {  # which setting mends a finding, of the connection or of its children by the finding's end
    "ike-version-old": "version",
    "ike-encryption-weak": "proposals",
    "ike-integrity-weak": "proposals",
    "ike-prf-weak": "proposals",
    "ike-key-exchange-weak": "proposals",
    "post-quantum-absent": "proposals",
    "esp-encryption-weak": "esp_proposals",
    "esp-integrity-weak": "esp_proposals",
    "esp-key-exchange-weak": "esp_proposals",
    "pfs-absent": "esp_proposals",
    "ike-lifetime-long": "rekey_time",
    "esp-lifetime-long": "rekey_time",
}


def apply_target(tunnels: Iterable[Tunnel], profile: Profile, counted: Iterable[Finding]) -> tuple[Tunnel, ...]:
    """The tunnels, those with findings that count and that a setting mends with what they should have declared.

    Raises:
        IpsecError: the profile has no target for tunnels.
    """
    if not (profile.settings or profile.child_settings):
        what = f"the policy {profile.name} has no target for tunnels"
        raise IpsecError(what, where="ipsec_policy_target", hint="give it a target, or extend a profile that has one")
    by_tunnel: dict[str, list[Finding]] = {}
    for finding in counted:
        if finding.confidence == "certain":  # else the configuration is right, and the live SA is what is old
            by_tunnel.setdefault(finding.tunnel, []).append(finding)
    return tuple(_apply_to_tunnel(tunnel, profile, by_tunnel.get(tunnel.name, [])) for tunnel in tunnels)


def _apply_to_tunnel(tunnel: Tunnel, profile: Profile, found: Iterable[Finding]) -> Tunnel:
    settings, child_settings = {}, {}
    for finding in found:
        key = _MENDS.get(finding.id, "")
        if finding.end.child and key in profile.child_settings:
            child_settings[key] = profile.child_settings[key]
        elif not finding.end.child and key in profile.settings:
            settings[key] = profile.settings[key]
    if not settings and not child_settings:
        return tunnel
    return replace(tunnel, declared=_merge_declared(tunnel, settings, child_settings))


def _merge_declared(tunnel: Tunnel, settings: Mapping[str, str], child_settings: Mapping[str, str]) -> DeclaredTunnel:
    """The tunnel's own declaration, if it has one, over these."""
    if tunnel.declared is None:
        one, other = (DeclaredEnd(end.gateway.name, end.connection.name) for end in tunnel.ends)
        return DeclaredTunnel(tunnel.name, (one, other), settings=settings, child_settings=child_settings)
    own = tunnel.declared
    return replace(own, settings={**settings, **own.settings}, child_settings={**child_settings, **own.child_settings})
