"""A change of config.xml that has been worked out, and when there must be none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import RefusedError
from ...model import Gateway, IkeSa, Reply, Script
from ..options import GatherOptions
from ..prepared import Changes
from ..wanted import Wish
from . import write
from .answer import PATH
from .appliance import release
from .edits import PSK, Edit, held, shown
from .generate import Made
from .read import read

_OLDEST = (2, 6)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Edits of config.xml; fits :class:`Prepared`."""

    wish: Wish
    options: GatherOptions
    order: write.Order
    changes: Changes
    diff: tuple[dict[str, str], ...]

    @property
    def needed(self) -> bool:
        """Whether there are edits."""
        return bool(self.order.edits)

    @property
    def psk_changed(self) -> bool:
        """Whether the pre-shared key changes."""
        return any(edit.element == PSK for edit in self.order.edits)

    @property
    def names(self) -> tuple[str, ...]:
        """The connection."""
        return (self.wish.name,)

    @property
    def bridged(self) -> bool:
        """No: pfSense writes its files anew, and they have no place for a second connection meanwhile."""
        return False

    def bridge(self, sas: tuple[IkeSa, ...]) -> Rewritten:
        """Nothing up needs no bridge.

        Raises:
            RefusedError: something is up.
        """
        if any(ike.connection in self.names for ike in sas):
            raise RefusedError(
                "make_before_break is not there for pfSense",
                where=self.wish.name,
                hint="leave it out: there is a break",
            )
        return self

    def script(self, *, timeout: float, terminate: bool) -> Script:
        """The program that has pfSense write and apply them."""
        return write.script(self.wish, self.order, self.options, timeout=timeout, terminate=terminate)

    def applied(self, reply: Reply) -> tuple[str, ...]:
        """What charon said; it has what was asked for."""
        log = write.written(self.wish, reply)
        if self.order.enabled and self.order.applied:
            write.refuse_other(self.wish, read("", reply, self.options))
        return log

    def warnings(self, reply: Reply) -> tuple[str, ...]:  # noqa: ARG002  fits Prepared
        """None."""
        return ()


def diff(found: Iterable[Edit], one: Made) -> tuple[dict[str, str], ...]:
    """The elements of a connection's entries before and after edits, without secrets; none where there are none."""
    entries = {entry.path: entry for entry in (one.phase1, *one.entries)}
    both = [(shown(e, held(entries[e.path.rpartition("/")[0]], e.element)), shown(e, e.value)) for e in found]
    before, after = ("".join(lines) for lines in zip(*both, strict=True)) if both else ("", "")
    return ({"before_header": PATH, "after_header": PATH, "before": before, "after": after},) if both else ()


def refuse_state(wish: Wish, gateway: Gateway, reply: Reply) -> None:
    """Whether this is the firewall, and the time, to change anything.

    Raises:
        RefusedError: it is not.
    """
    about = gateway.appliance
    if about is None or release(reply) < _OLDEST:
        version = about.version if about else "?"
        raise RefusedError(
            f"pfSense {version} is not one that this can change", where=gateway.name, hint="update it to 2.6 or later"
        )
    if about.role == "secondary":
        raise RefusedError(
            "this is the secondary of a cluster, where the primary replaces what is changed",
            where=gateway.name,
            hint="change the primary",
        )
    if about.booting:
        raise RefusedError("pfSense is booting", where=gateway.name, hint="run it again later")
    waiting = [each.name for each in gateway.connections if each.unapplied]
    if not wish.pending and (about.unapplied or waiting):
        named = f" (to {', '.join(waiting)})" if waiting else ""
        raise RefusedError(
            f"changes that somebody made in the web interface wait to be applied{named}",
            where=gateway.name,
            hint="apply them, or take them back, or allow that with apply_pending",
        )
