"""pfSense's own periodic check of a child: a flag of its phase 2 entries, which ipsec_keepalive.php looks at."""

from __future__ import annotations

from dataclasses import replace

from ...errors import RefusedError
from ...model import EndName, Gateway, Reply
from ..options import GatherOptions
from ..wanted import Wish
from . import checks, write
from .answer import PATH
from .edits import edits
from .known import known
from .phase2 import separate
from .rewritten import Rewritten, diff, refuse_state
from .translate import behind

__all__ = ["INTERVAL", "PATH", "blind", "prepare"]

INTERVAL = int(checks.POLL)
_ELEMENT, _ON, _OFF = "keepalive", "enabled", "disabled"


def prepare(  # noqa: PLR0913  what is wanted, then all that was read of the gateway
    wish: Wish, child: str, gateway: Gateway, reply: Reply, options: GatherOptions, *, present: bool
) -> Rewritten:
    """The edits after which a child is checked, or is not. One entry that is checked is enough for a child.

    They need not be applied: the check reads config.xml each time, and charon has nothing of it.

    Raises:
        RefusedError: there is no such child, or pfSense's check would not find it.
    """
    here, end = known(reply, options), EndName(gateway.name, wish.name, child)
    one = next((each for each in here.configuration.made if each.name == wish.name), None)
    entries = behind(child, one) if one else ()
    connection = next((each for each in gateway.connections if each.name == wish.name), None)
    if one is None or connection is None or not entries or (not separate(one.phase1) and child != one.name):
        names = ", ".join(f"{c.name}/{k.name}" for c in gateway.connections for k in c.children if c.native) or "none"
        raise RefusedError(
            f"there is no child {child!r} of {wish.name!r}", where=gateway.name, hint=f"there are {names}"
        )
    if present and one.phase1.text("iketype") == "auto" and not separate(one.phase1):
        raise RefusedError(
            "pfSense's check does not find the child of a connection whose version is auto",
            where=str(end),
            hint="set its version to 2 first",
        )
    on = [entry for entry in entries if entry.text(_ELEMENT) == _ON]
    asked = entries[:1] if present and not on else () if present else on
    found = [edit for entry in asked for edit in edits(entry, "phase2", {_ELEMENT: _ON if present else _OFF})]
    if found:
        refuse_state(replace(wish, pending=True), gateway, reply)
    order = write.Order(tuple(found), here.found.fingerprint, here.configuration.enabled, applied=False)
    return Rewritten(wish, options, order, {}, diff(found, one), connection)


def blind(gateway: Gateway, connection: str, child: str) -> tuple[str, ...]:
    """What the check does not see, in a sentence."""
    found = [k for c in gateway.connections if c.name == connection for k in c.children if k.name == child]
    networks = len(set(found[0].remote_ts)) if found else 0
    if networks <= 1:
        return ()
    what = f"{gateway.name} takes {connection}/{child} for up as soon as one of its {networks} networks is"
    return (f"{what}: split the connection on both ends to have each of them checked",)
