"""One change of one connection from what was read to what is reported: draft, effect on live SAs, result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import IpsecError, RefusedError
from .model import Connection, Gateway, Reply, Script
from .platforms.options import GatherOptions
from .platforms.strongswan import sa
from .platforms.strongswan.files import GatewayFile, read_files
from .platforms.strongswan.write import LIVE, Draft, Wish, draft
from .swanctl.settings import load


@dataclass(frozen=True, slots=True)
class Changing:
    """A draft with what it means for the SAs that are up."""

    wish: Wish
    gateway: Gateway
    connection: Connection
    files: Mapping[str, GatewayFile]
    draft: Draft
    reinitiate: bool

    @classmethod
    def of(cls, wish: Wish, gateway: Gateway, reply: Reply, options: GatherOptions, *, reinitiate: bool) -> Changing:
        """The change that makes a wish true on a gateway that was just read.

        Raises:
            RefusedError: the configuration cannot be edited safely, or strongSwan would not take the change.
        """
        _refuse_unreadable(gateway)
        shown = read_files(reply, options.digest_key)
        settings = load(options.config, {path: file.text for path, file in shown.items()})
        connection = next((c for c in gateway.connections if c.name == wish.name and c.configured), None)
        if connection is None:
            there = ", ".join(c.name for c in gateway.connections if c.configured) or "none"
            raise RefusedError(
                f"there is no connection {wish.name!r}", where=options.config, hint=f"connections there: {there}"
            )
        version = tuple(int(part) for part in (gateway.version or "").split(".") if part.isdigit())
        plan = draft(wish, settings, shown, version, options.digest_key, gateway.secrets, connection)
        return cls(wish, gateway, connection, shown, plan, reinitiate)

    @property
    def up(self) -> bool:
        """Whether the connection has an IKE_SA now."""
        return any(ike.connection == self.wish.name for ike in self.gateway.sas or ())

    @property
    def follows(self) -> bool:
        """Whether live SAs need to be made anew to follow the change."""
        return self.draft.psk_changed or any(path[-1] not in LIVE for path in self.draft.changes)

    @property
    def terminate_first(self) -> bool:
        """A start action that gains start on an up tunnel would make a duplicate when it is loaded (child_create.c)."""
        gains = any(
            path[-1] == "start_action" and "start" in (new or "") and "start" not in (old or "")
            for path, (old, new) in self.draft.changes.items()
        )
        return self.reinitiate and self.up and gains

    def follow(self, run: Callable[[Script], Reply], *, timeout: float) -> tuple[str, ...]:
        """Make live SAs follow, if that is asked and the daemon runs: the log of it.

        Raises:
            IpsecError: the changed connection could not be established.
        """
        if not (self.reinitiate and self.gateway.daemon.running):
            return ()
        wish = sa.Wish(
            self.wish.name, "established" if self.terminate_first else "reinitiated", timeout=timeout, force=False
        )
        now = sa.seen(wish, run(sa.script(wish)))
        operation = sa.needed(wish, now)
        return sa.outcome(wish, operation, run(sa.script(wish, operation)))[1] if operation.do else ()

    def result(self, log: tuple[str, ...]) -> dict[str, Any]:
        """What the task reports."""
        changed = bool(self.draft.edits)
        names = {".".join(path[2:]): values for path, values in self.draft.changes.items()}
        return {
            "changed": changed,
            "connection": {
                side: {name: values[index] for name, values in names.items()}
                for index, side in enumerate(("before", "after"))
            },
            "psk_changed": self.draft.psk_changed,
            "edits": self.draft.lines,
            "takes_effect": self._takes_effect() if changed else "none",
            "log": log,
        }

    def _takes_effect(self) -> str:
        if not self.gateway.daemon.running:
            return "on_start"
        return "now" if self.reinitiate or not self.up or not self.follows else "on_reinitiate"


def _refuse_unreadable(gateway: Gateway) -> None:
    for problem in gateway.problems:
        if problem.kind.startswith("config-") or problem.kind in (
            "no-swanctl",
            "no-permission",
            "no-vici",
            "daemon-hangs",
        ):
            raise (RefusedError if problem.kind.startswith("config-") else IpsecError)(
                problem.what, where=problem.where or gateway.name, hint=problem.hint
            )
