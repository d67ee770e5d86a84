# SPDX-License-Identifier: GPL-3.0-or-later
"""pfSense's own periodic check of a child: a flag of its phase 2 entries, which ipsec_keepalive.php looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network

from ...errors import RefusedError
from ...model import EndName, Gateway, Reply
from ..desired import DesiredConnection
from ..gather_options import GatherOptions
from . import checks, write
from .answer import PATH
from .candidate import ConfigXmlCandidate, diff_settings, refuse_state
from .edits import XmlEdit, list_edits
from .element import Element
from .generate import GeneratedConnection
from .phase2 import splits_children
from .snapshot import PfsenseSnapshot, take_snapshot
from .translate import find_entries

__all__ = ["INTERVALS", "PATH", "describe_limits", "prepare"]

INTERVALS = {"keepalive": int(checks.POLL), "pinghost": int(checks.PING)}
_ELEMENT, _ON, _OFF, _TARGET = "keepalive", "enabled", "disabled", "pinghost"


def prepare(  # noqa: PLR0913  what is wanted, then all that was read of the gateway
    wish: DesiredConnection,
    child: str,
    gateway: Gateway,
    reply: Reply,
    options: GatherOptions,
    *,
    present: bool,
    ping: str | None,
) -> ConfigXmlCandidate:
    """The edits after which a child is checked, or is not. One entry that is checked is enough for a child.

    They need not be applied: the check reads config.xml each time, and charon has nothing of it. Whom pfSense pings is
    noted when it applies. `ping`: an address, or an empty text to have none pinged; None for the check by the flag.

    Raises:
        RefusedError: there is no such child, or pfSense's check would not find it, or could not ping.
    """
    here, end = take_snapshot(reply, options), EndName(gateway.name, wish.name, child)
    one = next((each for each in here.configuration.made if each.name == wish.name), None)
    entries = find_entries(child, one) if one else ()
    connection = next((each for each in gateway.connections if each.name == wish.name), None)
    if one is None or connection is None or not entries or (not splits_children(one.phase1) and child != one.name):
        names = ", ".join(f"{c.name}/{k.name}" for c in gateway.connections for k in c.children if c.native) or "none"
        raise RefusedError(
            f"there is no child {child!r} of {wish.name!r}", where=gateway.name, hint=f"there are {names}"
        )
    if ping is not None:
        found = _set_pinghost(end, one, entries, ping, here) if present else _clear_pinghosts(entries)
        return _build_candidate(wish, one, found, gateway, reply, options, here)
    if present and one.phase1.text("iketype") == "auto" and not splits_children(one.phase1):
        raise RefusedError(
            "pfSense's check does not find the child of a connection whose version is auto",
            where=str(end),
            hint="set its version to 2 first",
        )
    on = [entry for entry in entries if entry.text(_ELEMENT) == _ON]
    asked = entries[:1] if present and not on else () if present else on
    found = [edit for entry in asked for edit in list_edits(entry, "phase2", {_ELEMENT: _ON if present else _OFF})]
    return _build_candidate(replace(wish, pending=True), one, found, gateway, reply, options, here)


def _build_candidate(  # noqa: PLR0913, PLR0917  what is to change, then all that was read of the gateway
    wish: DesiredConnection,
    one: GeneratedConnection,
    found: list[XmlEdit],
    gateway: Gateway,
    reply: Reply,
    options: GatherOptions,
    here: PfsenseSnapshot,
) -> ConfigXmlCandidate:
    if found:
        refuse_state(wish, gateway, reply)
    connection = next(each for each in gateway.connections if each.name == wish.name)
    applied = any(edit.element == _TARGET for edit in found)
    order = write.WriteRequest(tuple(found), here.found.fingerprint, here.configuration.enabled, applied=applied)
    return ConfigXmlCandidate(wish, options, order, {}, diff_settings(found, one), connection)


def _clear_pinghosts(entries: Iterable[Element]) -> list[XmlEdit]:
    return [edit for entry in entries if entry.text(_TARGET) for edit in list_edits(entry, "phase2", {_TARGET: ""})]


def _set_pinghost(
    end: EndName, one: GeneratedConnection, entries: tuple[Element, ...], ping: str, here: PfsenseSnapshot
) -> list[XmlEdit]:
    """The entry with that address behind it; pfSense pings from an address of its own in the entry's local network."""
    for entry in entries:
        local, remote = (here.network(entry, which) for which in ("localid", "remoteid"))
        if remote is None or ip_address(ping) not in ip_network(remote, strict=False):
            continue
        if why := checks.explain_unable(one, entry):
            raise RefusedError(
                f"to ping {ping} would do nothing, as {why}", where=str(end), hint="use means: keepalive"
            )
        if not here.inside(local):
            raise RefusedError(
                f"no address of this firewall is in {local or 'the local network'}, so it would ping from none",
                where=str(end),
                hint="use means: keepalive, or give the firewall an address there",
            )
        return list_edits(entry, "phase2", {_TARGET: ping})
    raise RefusedError(f"{ping} is in no remote network of it", where=str(end), hint="give an address behind the peer")


def describe_limits(gateway: Gateway, connection: str, child: str) -> tuple[str, ...]:
    """What the check does not see, in a sentence."""
    found = [k for c in gateway.connections if c.name == connection for k in c.children if k.name == child]
    networks = len(set(found[0].remote_ts)) if found else 0
    if networks <= 1:
        return ()
    what = f"{gateway.name} takes {connection}/{child} for up as soon as one of its {networks} networks is"
    return (f"{what}: split the connection on both ends to have each of them checked",)
