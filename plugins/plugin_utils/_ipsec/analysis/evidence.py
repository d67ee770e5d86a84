# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules ask of a tunnel more than once: where a setting stands, what is installed, who is to change."""

from __future__ import annotations

from ..model import Change, Child, ChildSa, Connection, End, Setting, Step, Tunnel

SHOWN = 8  # of many lines


def locate(end: End, key: str, child: Child | None = None) -> str:
    """`gateway file:line` of a setting, or of the section it would stand in."""
    holder: Child | Connection = child if child is not None else end.connection
    setting: Setting | None = holder.settings.get(key)
    if setting is None:
        return f"{end.gateway.name} {holder.origin or end.connection.origin}: {key} is not set"
    through = f" (from template {setting.template})" if setting.template else ""
    return f"{end.gateway.name} {setting.origin}: {key} = {setting.value}{through}"


def list_some(lines: tuple[str, ...]) -> str:
    """The first of many lines: a hub has thousands of them, and a finding for each."""
    return "; ".join((*lines[:SHOWN], *("…" for dummy in lines[SHOWN : SHOWN + 1])))


def find_installed(end: End, child: Child | None = None) -> tuple[ChildSa, ...]:
    """CHILD_SAs that carry traffic, of one child or of all of the connection."""
    names = {child.name} if child else {c.name for c in end.connection.children}
    return tuple(sa for ike in end.sas for sa in ike.children if sa.name in names and sa.carries)


def has_common_sa(tunnel: Tunnel) -> bool:
    """Whether the ends hold at least one CHILD_SA in common."""
    return any(
        matches_spis(one, other) for one in find_installed(tunnel.ends[0]) for other in find_installed(tunnel.ends[1])
    )


def has_common_ike_sa(tunnel: Tunnel) -> bool:
    """Whether both ends hold an established IKE_SA, or a CHILD_SA, in common."""
    one, other = (
        {(ike.initiator_spi, ike.responder_spi) for ike in end.sas if ike.state == "ESTABLISHED" and ike.initiator_spi}
        for end in tunnel.ends
    )
    if one & other:
        return True
    return any(
        matches_spis(sa, their) for sa in find_installed(tunnel.ends[0]) for their in find_installed(tunnel.ends[1])
    )


def uses_psk(tunnel: Tunnel) -> bool:
    """Whether both ends prove themselves by a pre-shared key."""
    return all(end.connection.local and end.connection.local[0].method == "psk" for end in tunnel.ends)


def has_different_keys(tunnel: Tunnel) -> bool:
    """Whether an end signs with a key that the other does not accept."""
    one, other = tunnel.ends
    return uses_psk(tunnel) and (_was_refused(one, other) or _was_refused(other, one))


def _was_refused(signer: End, verifier: End) -> bool:
    """Whether an end signs with a key that its peer does not accept; not where digests do not tell."""
    key = signer.secret
    accepted = {secret.digest for secret in verifier.accepts if key and secret.key_id == key.key_id}
    return bool(key and key.digest and accepted and None not in accepted and key.digest not in accepted)


def matches_spis(one: ChildSa, other: ChildSa) -> bool:
    """Whether two CHILD_SAs are the two ends of one: each sends what the other receives."""
    return one.spi_in is not None and one.spi_in == other.spi_out and one.spi_out == other.spi_in


def has_live_state(end: End) -> bool:
    """Whether the live state of an end is known."""
    return end.gateway.daemon.running is True and end.gateway.sas is not None


def was_asked(end: End) -> bool:
    """Whether the daemon has told what it has loaded."""
    problems = (found[0] for found in end.site.problems.values())
    return end.gateway.daemon.running is True and not any(p.bars_daemon or p.bars_listing for p in problems)


def has_configuration(end: End) -> bool:
    """Whether the connection's configuration could be read."""
    return end.connection.configured and not end.site.unread


def measure_delay(end: End, peer: End) -> float:
    """Seconds by which an end was read after its peer: by the age of an IKE_SA both hold, else by their clocks."""
    ages = {(ike.initiator_spi, ike.responder_spi): ike.established for ike in peer.sas if ike.initiator_spi}
    for ike in end.sas:
        age = ages.get((ike.initiator_spi, ike.responder_spi))
        if age is not None and ike.established is not None:
            return ike.established - age
    clock, other = end.gateway.system.time, peer.gateway.system.time
    return 0.0 if clock is None or other is None else clock - other


def build_establish_step(tunnel: Tunnel, child: Child | None = None, *, state: str = "established") -> Step:
    """The step by which the initiator brings the tunnel, or one child of it, up."""
    end = tunnel.initiating
    return Step(
        "establish",
        end.gateway.name,
        "sa",
        end.connection.name,
        child.name if child else None,
        state,
        tunnel=tunnel.name,
    )


def build_change(end: End, key: str, value: str, child: Child | None = None) -> Change:
    """The change of one setting, with what it was."""
    setting = (child.settings if child is not None else end.connection.settings).get(key)
    return Change(end.name(child), key, value, setting.value if setting else None)


def build_start_action(end: End, child: Child) -> str:
    """The start action of an initiator that this gateway can keep: trap and start together exist since 5.9.6.

    A firewall that writes the daemon's configuration by itself has but one of them.
    """
    version = tuple(int(part) for part in (end.gateway.version or "0").split(".") if part.isdigit())
    both = version >= (5, 9, 6) and not end.gateway.generates
    return "trap|start" if both and not child.route_based else "start"
