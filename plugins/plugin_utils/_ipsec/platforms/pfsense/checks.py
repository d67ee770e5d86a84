# SPDX-License-Identifier: GPL-3.0-or-later
"""pfSense's own periodic checks of phase 2 entries, and which of them do nothing.

`ipsec_keepalive.php` runs every 300 s and has swanctl initiate the child that it takes for the entry's, if that is
down; `ping_hosts.sh` runs every 240 s over /var/db/ipsecpinghosts, where ipsec_setup_gwifs() puts an entry only if an
interface has an address in the local network. Sources: etc/pfSense-rc, ipsec_keepalive.php, ipsec.inc.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Keepalive, Reply
from .element import Element
from .generate import GeneratedConnection
from .phase2 import splits_children

POLL, PING = 300.0, 240.0  # seconds


def list_keepalives(made: GeneratedConnection, pinged: frozenset[str]) -> Iterator[Keepalive]:
    """The checks of a connection's entries; `pinged` are the targets that pfSense has taken up."""
    for entry in made.entries:
        child = f"{made.name}_{entry.text('reqid')}" if splits_children(made.phase1) else made.name
        if entry.text("keepalive") == "enabled":
            yield Keepalive(
                made.name, child, "keepalive", POLL, entry.origin("keepalive"), idle=_explain_unknown_child(made, entry)
            )
        if target := entry.text("pinghost"):
            idle = _explain_no_ping(made, entry, taken=target in pinged)
            yield Keepalive(made.name, child, "pinghost", PING, entry.origin("pinghost"), target, idle)


def list_pinghosts(reply: Reply) -> frozenset[str]:
    """The targets in /var/db/ipsecpinghosts: `source|target|3|||||6|` each."""
    section = reply.sections.get("pinghosts")
    lines = section.text.splitlines() if section else []
    return frozenset(words[1] for line in lines if len(words := line.split("|")) > 1)


def _explain_unknown_child(made: GeneratedConnection, entry: Element) -> str:
    """ipsec_conid() of pfSense asks for a child of its own unless the version is 2, and charon has one for all."""
    if made.phase1.text("iketype") == "auto" and not made.phase1.has("splitconn"):
        asked = f"{made.name}_{entry.text('reqid')}"
        return f"pfSense asks charon for {asked}, which there is not where the version is auto and not split"
    return ""


def explain_unable(made: GeneratedConnection, entry: Element) -> str:
    """Why a ping would not bring a tunnel up, in half a sentence; empty where it would."""
    if entry.text("mode") == "vti":
        return "traffic does not start a routed (VTI) tunnel"
    return (
        "traffic starts nothing, because the start action is none" if made.phase1.text("startaction") == "none" else ""
    )


def _explain_no_ping(made: GeneratedConnection, entry: Element, *, taken: bool) -> str:
    if why := explain_unable(made, entry):
        return why
    return "" if taken else "no address of this firewall is in the local network, so pfSense pings from none"
