# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word decides: on what grounds a fix is made automatically. Every rule's fix passes through here (ADR 0016).

An end's own facts are corrected on its own evidence. Its view of its peer, and what it accepts from it, follow the
peer only as far as that one has proven itself to it, and never beyond what was there: no wider selector, no weaker
algorithm. Live proof outranks files. What is not conclusive is told with what would be done, and not done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from ...analysis.evidence import find_installed, has_common_ike_sa, has_different_keys, has_live_state
from ...model import REPAIRS, Change, Child, ChildSa, End, Fault, Gateway, Repair, Step, Tunnel
from ...swanctl import proposals
from ...swanctl.keys import split_list
from ...swanctl.normalize import (
    is_numeric,
    is_public,
    list_explicit,
    may_be_several,
    normalize_identities,
    normalize_identity,
)
from ...swanctl.selectors import Network, lies_inside, list_all_networks
from .claims import Claims
from .words import decide_word

DEFAULT: frozenset[Repair] = frozenset(REPAIRS) - {"persistence", "practice", "peer_word"}
DECLARED = "setting-deviates"  # the operator has asked for these values


def describe_proof(tunnel: Tunnel) -> str:
    """What has proven each end of a tunnel to the other, as a sentence; empty where nothing has."""
    if _is_declared(tunnel):
        return "the tunnel is declared in ipsec_tunnels"
    if tunnel.psk is not None:
        return f"ipsec_psks.{tunnel.name} gives both ends one key"
    if has_common_ike_sa(tunnel):
        return "both ends hold an IKE_SA that they have authenticated with each other"
    if tunnel.own_key:
        return "both ends keep one pre-shared key, which no other connection uses"
    return ""


def _is_declared(tunnel: Tunnel) -> bool:
    """Whether the operator has said that these two ends belong together; a policy's target says nothing of that."""
    return tunnel.paired_by == "declared"


class Grounds:
    """What a diagnosis may have done by itself; keeps what it has looked up of each gateway."""

    def __init__(
        self,
        allowed: Collection[Repair] = DEFAULT,
        tunnels: Iterable[Tunnel] = (),
        *,
        chosen: Collection[str] | None = None,
        apart: Callable[[Tunnel], bool] = lambda _tunnel: True,
    ) -> None:
        """`tunnels`: all that there are, since to load a gateway's configuration touches each of its own.

        `chosen`: the names of those that may be changed; None: all. `apart`: whether the files of a tunnel's ends
        disagree.
        """
        self.allowed = frozenset(allowed)
        every = tuple(tunnels)
        self._rekeyed = {
            end.gateway.name: tunnel.name
            for tunnel in every
            if has_different_keys(tunnel) and has_common_ike_sa(tunnel)
            for end in tunnel.ends
        }
        self._edited = _find_edited(every)
        self._chosen = {tunnel.name for tunnel in every} if chosen is None else chosen
        self._apart = apart
        self._disagrees: dict[str, bool] = {}  # by tunnel, as far as it was asked
        self._claims: dict[str, Claims] = {}

    def judge(self, tunnel: Tunnel, fault: Fault, rule: str, repair: Repair) -> Fault:
        """The fault as it is where its fix may be made; else without it, and with why and with what would be done."""
        if not fault.fix:
            return fault
        why = self._against(tunnel, fault, rule, repair)
        if why:
            would = "; ".join(_describe_fix(fix) for fix in fault.fix)
            return replace(fault, fix=(), no_fix=f"not repaired automatically: {why}. The repair would be: {would}")
        grounds = _describe_grounds(tunnel, fault.fix) if rule != DECLARED else ""
        return replace(fault, evidence=(*fault.evidence, grounds)) if grounds else fault

    def _against(self, tunnel: Tunnel, fault: Fault, rule: str, repair: Repair) -> str:
        """Why a fix is not made; empty where it may be."""
        changes = [fix for fix in fault.fix if isinstance(fix, Change)]
        touched = dict.fromkeys(map(_get_gateway, fault.fix))
        reasons: Iterator[str] = (
            reason
            for some in (
                (_explain_unread(tunnel, gateway) for gateway in touched),
                (_explain_unknown_state(end) for end in tunnel.ends if not all(map(_starts, fault.fix))),
                (_explain_stranger(end) for end in tunnel.ends if changes or _ends_sas(fault.fix)),
                (_explain_merged(tunnel.end(gateway)) for gateway in touched),
                (self._breaks(tunnel, fix) for fix in fault.fix),
                () if rule == DECLARED else (self._refused(tunnel, change) for change in changes),
                (self._unasked(rule, repair),),
            )
            for reason in some
        )
        return next((reason for reason in reasons if reason), "")

    def _breaks(self, tunnel: Tunnel, fix: Change | Step) -> str:
        """Why nothing is loaded on a gateway: it would put into force what others that are up do not stand."""
        gateway = _get_gateway(fix)
        rekeyed = self._rekeyed.get(gateway) if _loads_keys(fix) else None
        if rekeyed and (loads_configuration(fix) or rekeyed != tunnel.name):
            return f"the key of {rekeyed} in its file or in its peer's was changed, and the tunnel is up"
        if not (isinstance(fix, Change) or _loads_keys(fix)):
            return ""
        for connection, other in self._edited.get(gateway, {}).items():
            own = other is not None and other.name == tunnel.name
            if not own and (other is None or other.name not in self._chosen or self._disagree(other)):
                return (
                    f"it would also load what was changed in the file of {gateway}/{connection} and never loaded, and "
                    f"{gateway}/{connection} is up"
                )
        return ""

    def _disagree(self, tunnel: Tunnel) -> bool:
        if tunnel.name not in self._disagrees:
            self._disagrees[tunnel.name] = self._apart(tunnel)
        return self._disagrees[tunnel.name]

    def _unasked(self, rule: str, repair: Repair) -> str:
        if rule == DECLARED or repair in self.allowed:
            return ""
        return f"ipsec_repair does not include {repair}"

    def _refused(self, tunnel: Tunnel, change: Change) -> str:
        word = decide_word(change)
        if word == "conduct":
            return ""
        end = tunnel.end(change.end.gateway)
        if word == "own":
            return _explain_unproven_fact(tunnel, end, change)
        if drift := _explain_drift(tunnel):
            return drift
        if not (describe_proof(tunnel) or "peer_word" in self.allowed):
            return (
                f"nothing has proven {tunnel.other(end).gateway.name} to {end.gateway.name}: declare the tunnel in "
                "ipsec_tunnels, or give ipsec_repair the class peer_word"
            )
        bounds: dict[str, Callable[[Tunnel, End, Change], str]] = {
            "remote_ts": self._moves,
            "remote_addrs": self._points,
            **dict.fromkeys(("proposals", "esp_proposals", "ah_proposals"), _explain_weaker),
        }
        if change.setting.endswith(".id"):
            return self._names(end, change)
        return bounds[change.setting](tunnel, end, change) if change.setting in bounds else ""

    def _of(self, gateway: Gateway) -> Claims:
        if gateway.name not in self._claims:
            self._claims[gateway.name] = Claims(gateway)
        return self._claims[gateway.name]

    def _names(self, end: End, change: Change) -> str:
        """Why a peer's identity is not taken over: it is more than one, or another peer's."""
        identity = normalize_identity(change.value)
        if may_be_several(identity):
            return f"{change.value} would accept more than one identity"
        others = self._of(end.gateway).peers.get(identity, set()) - {end.connection.name}
        return f"{end.gateway.name}/{min(others)} expects {change.value} too" if others else ""

    def _points(self, tunnel: Tunnel, end: End, change: Change) -> str:
        """Why a peer's address is not taken over: it has no such address, or another connection has it."""
        peer = tunnel.other(end)
        for address in list_explicit(split_list(change.value)):
            if peer.site.whole and address not in peer.site.addresses:
                return f"no interface of {peer.gateway.name} has {address}"
            others = self._of(end.gateway).addresses.get(address, set()) - {end.connection.name}
            if others and "peer_word" not in self.allowed:
                return f"{end.gateway.name}/{min(others)} looks for its peer at {address} too"
        return ""

    def _moves(self, tunnel: Tunnel, end: End, change: Change) -> str:
        """Why a peer's networks are not taken over: more than was there, or what somebody else has."""
        child = _find_child(end, change)
        old, new = list_all_networks(child.remote_ts), list_all_networks(split_list(change.value))
        if old is None or new is None:
            return "the selectors are not just networks"
        added = [each for each in new if not any(lies_inside(each, whole) for whole in old)]
        for network in added:
            if holder := self._of(end.gateway).of_another(network, end.connection.name, child.name, old):
                return f"{network} meets {holder}"
        wider = any(_count_addresses(new, version) > _count_addresses(old, version) for version in (4, 6))
        public = [each for each in added if is_public(str(each.network_address))]
        if added and (wider or public) and "peer_word" not in self.allowed:
            what = f"{public[0]} is a public network" if public else f"it is wider than what {end.gateway.name} has"
            return (
                f"{what}, on the word of {tunnel.other(end).gateway.name} alone: declare it for this end, or give "
                "ipsec_repair the class peer_word"
            )
        return _explain_carried(end, child, "remote_ts", new)


def _describe_fix(fix: Change | Step) -> str:
    if isinstance(fix, Change):
        return f"{fix.setting} = {fix.value} on {fix.end}" if fix.value else f"no {fix.setting} on {fix.end}"
    return " ".join(filter(None, (fix.do, fix.target, fix.state or "pre-shared key", f"on {fix.gateway}")))


def _describe_grounds(tunnel: Tunnel, fixes: Iterable[Change | Step]) -> str:
    """What lets an end follow its peer, where one does."""
    follows = [fix for fix in fixes if isinstance(fix, Change) and decide_word(fix) in ("view", "agreed")]
    if not follows:
        return ""
    end = tunnel.end(follows[0].end.gateway)
    why = describe_proof(tunnel) or "ipsec_repair names peer_word"
    return f"{end.gateway.name} may follow {tunnel.other(end).gateway.name}: {why}"


def _ends_sas(fixes: Iterable[Change | Step]) -> bool:
    return any(isinstance(fix, Step) and fix.do in ("sa", "connection") for fix in fixes)


def _find_edited(tunnels: Iterable[Tunnel]) -> Mapping[str, Mapping[str, Tunnel | None]]:
    """By gateway, the connections that are up and whose file was changed and not loaded, with their tunnels."""
    gateways: dict[str, Gateway] = {}
    ends: dict[tuple[str, str], Tunnel] = {}
    for tunnel in tunnels:
        for end in tunnel.ends:
            gateways[end.gateway.name] = end.gateway
            ends[end.gateway.name, end.connection.name] = tunnel
    found: dict[str, dict[str, Tunnel | None]] = {}
    for name, gateway in gateways.items():
        up = {ike.connection for ike in gateway.sas or ()}
        for connection in gateway.connections:
            if connection.differs and connection.name in up:
                found.setdefault(name, {})[connection.name] = ends.get((name, connection.name))
    return found


def _loads_keys(fix: Change | Step) -> bool:
    """Whether a fix has a daemon load its keys: with all that is in the files, or with the one that is given."""
    return loads_configuration(fix) or (isinstance(fix, Step) and fix.do == "connection")


def _starts(fix: Change | Step) -> bool:
    return isinstance(fix, Step) and fix.state == "started"


def _explain_unknown_state(end: End) -> str:
    """Why nothing is done to a tunnel: whether it is up is not known."""
    if end.gateway.daemon.running is False or has_live_state(end):
        return ""
    return f"the SAs of {end.gateway.name} could not be read, so the tunnel may be up"


def loads_configuration(fix: Change | Step) -> bool:
    """Whether a fix puts what is in a gateway's files into force."""
    return isinstance(fix, Step) and fix.state == "loaded"


def _get_gateway(fix: Change | Step) -> str:
    return fix.end.gateway if isinstance(fix, Change) else fix.gateway


def _explain_unread(tunnel: Tunnel, gateway: str) -> str:
    return f"the configuration of {gateway} could not be read whole" if tunnel.end(gateway).site.unread else ""


def _explain_stranger(end: End) -> str:
    """Why nothing is done to a connection: it is up with somebody who is not the paired peer."""
    return f"{end.name()} is up with another peer" if end.strange else ""


def _explain_merged(end: End) -> str:
    """Why nothing is changed in a connection: two definitions of it are merged."""
    for settings in (end.connection.settings, *(child.settings for child in end.connection.children)):
        for key, setting in settings.items():
            if setting.also:
                return f"{key} of {end.name()} is set at {setting.origin} and at {', '.join(setting.also)}"
    return ""


def _explain_drift(tunnel: Tunnel) -> str:
    """Why no end follows a file: the tunnel is up with what is loaded, and the file says otherwise."""
    if not has_common_ike_sa(tunnel):
        return ""
    drifted = next((end for end in tunnel.ends if end.connection.differs), None)
    if drifted is None:
        return ""
    return f"the tunnel is up with what is loaded, and the file of {drifted.gateway.name} was changed since"


def _explain_unproven_fact(tunnel: Tunnel, end: End, change: Change) -> str:
    """Why an end's own fact is not changed: nothing on its own gateway says so."""
    if change.end.child is None and change.setting == "local_addrs":
        known = end.site.addresses.issuperset(list_explicit(split_list(change.value)))
        return "" if known else f"{end.gateway.name} has no such address"
    if change.setting == "local_ts":
        child, new = _find_child(end, change), list_all_networks(split_list(change.value))
        if new is None or not all(network in end.site.networks for network in new):
            return f"no interface of {end.gateway.name} is in just {change.value}"
        return _explain_carried(end, child, "local_ts", new)
    if change.setting.endswith(".id"):
        identity = normalize_identity(change.value)
        pair = frozenset((identity, *filter(None, normalize_identities(end.connection)[1:])))
        kept = (len(pair) > 1 and pair in end.site.keys) or (is_numeric(identity) and identity in end.site.addresses)
        said = _is_declared(tunnel) or tunnel.psk is not None
        return "" if kept or said else f"nothing on {end.gateway.name} says that it is {change.value}"
    return ""


def _explain_weaker(tunnel: Tunnel, end: End, change: Change) -> str:
    """Why proposals are not taken over: one is weaker than what was there, or the live SA contradicts the list."""
    child = _find_child(end, change) if change.end.child is not None else None
    offered = split_list(change.value)
    held = getattr(end.connection if child is None else child, change.setting)
    if weak := [text for text in offered if proposals.is_weaker(text, held)]:
        return f"{weak[0]} is weaker than what {end.gateway.name} accepts now"
    if has_common_ike_sa(tunnel) and any(
        proposals.includes_proposal(offered, used) is False for used in _list_negotiated(end, child)
    ):
        return f"the tunnel is up with what the file of {tunnel.other(end).gateway.name} does not have any more"
    return ""


def _list_negotiated(end: End, child: Child | None) -> Iterator[proposals.NegotiatedAlgorithms]:
    """The algorithms of what is up: of the IKE_SAs, or of a child."""
    if child is not None:
        yield from (
            proposals.NegotiatedAlgorithms(sa.encr, sa.integ, None, sa.dh_group) for sa in find_installed(end, child)
        )
        return
    for ike in end.sas:
        if ike.state == "ESTABLISHED":
            yield proposals.NegotiatedAlgorithms(ike.encr, ike.integ, ike.prf, ike.dh_group)


def _explain_carried(end: End, child: Child, side: Literal["local_ts", "remote_ts"], new: Collection[Network]) -> str:
    """Why a selector is not narrowed: a CHILD_SA carries traffic for what would go."""
    live_now: tuple[ChildSa, ...] = find_installed(end, child)
    for sa in live_now:
        carried = list_all_networks(getattr(sa, side))
        if carried is None:
            return f"{end.name(child)} is up for {', '.join(getattr(sa, side))}"
        if lost := [each for each in carried if not any(lies_inside(each, whole) for whole in new)]:
            return f"{end.name(child)} is up for {lost[0]}, which it would have no more"
    return ""


def _find_child(end: End, change: Change) -> Child:
    return next(child for child in end.connection.children if child.name == change.end.child)


def _count_addresses(networks: Iterable[Network], version: int) -> int:
    return sum(each.num_addresses for each in networks if each.version == version)
