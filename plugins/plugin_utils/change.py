"""One change of one connection from what was read to what is reported: draft, effect on live SAs, result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from .errors import IpsecError, RefusedError
from .model import Connection, Gateway, IkeSa, Reply, Script
from .platforms import platform, platform_of
from .platforms.options import GatherOptions
from .platforms.strongswan import sa
from .platforms.strongswan.files import GatewayFile, read_files
from .platforms.strongswan.twin import SUFFIX, Twin, carried, twin, was_broken
from .platforms.strongswan.write import LIVE, Draft, Wish, applied, draft, script
from .swanctl.settings import load

_BROKEN = (
    "the peer of {} starts again what is closed (its close_action), so there was a short break before the new SAs: "
    "set close_action of that end to none first"
)


@dataclass(frozen=True, slots=True)
class Followed:
    """What live SAs became: the log of it, and the SAs, None where they were left alone."""

    log: tuple[str, ...] = ()
    sas: tuple[IkeSa, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changing:
    """A draft with what it means for the SAs that are up."""

    wish: Wish
    options: GatherOptions  # it was read with
    gateway: Gateway
    connection: Connection
    files: Mapping[str, GatewayFile]
    draft: Draft
    reinitiate: bool
    twin: Twin | None = None  # carries the traffic while live SAs are made anew

    @classmethod
    def read(  # noqa: PLR0913  what is wanted and how, then where
        cls,
        wish: Wish,
        config: str,
        name: str,
        run: Callable[[Script], Reply],
        *,
        reinitiate: bool,
        make_before_break: bool = False,
    ) -> Changing:
        """The change that makes a wish true on the gateway of this inventory name, which is read for it.

        Raises:
            RefusedError: the configuration cannot be edited safely, or strongSwan would not take the change.
        """
        options = GatherOptions(digest_key=token_hex(32), config=config)
        reply = run(platform("auto").gather(options))
        gateway = platform_of(reply).read(name, reply, options)
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
        live = carried(connection, gateway.sas or ()) if reinitiate and make_before_break else ()
        bridge = twin(connection, plan.changes, live, options.config) if live else None
        return cls(wish, options, gateway, connection, shown, plan, reinitiate, bridge)

    @property
    def sas(self) -> tuple[IkeSa, ...]:
        """The IKE_SAs of the connection now, and those of a twin that somebody was cut off with."""
        names = (self.wish.name, self.wish.name + SUFFIX)
        return tuple(ike for ike in self.gateway.sas or () if ike.connection in names)

    @property
    def up(self) -> bool:
        """Whether the connection has an IKE_SA now."""
        return bool(self.sas)

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
        return self.reinitiate and self.up and gains and self.twin is None

    def apply(self, run: Callable[[Script], Reply], *, timeout: float) -> Followed:
        """Carry it out, and make live SAs follow if that is asked and the daemon runs.

        Raises:
            RestoredError: it failed, and the gateway has what it had before.
            NotRestoredError: it failed, and a file could not be put back.
            IpsecError: the changed connection could not be established.
        """
        reply = run(
            script(
                self.wish,
                self.draft,
                self.files,
                options=self.options,
                timeout=timeout,
                terminate=self.terminate_first,
                twin=self.twin,
            )
        )
        log = applied(self.wish, reply)
        if not (self.reinitiate and self.gateway.daemon.running):
            return Followed(log)
        followed = self._follow(run, timeout) if self.twin is None else self._tidy(run, reply, timeout)
        return Followed(log + followed.log, followed.sas, followed.warnings)

    def _follow(self, run: Callable[[Script], Reply], timeout: float) -> Followed:
        wish = sa.Wish(
            self.wish.name, "established" if self.terminate_first else "reinitiated", timeout=timeout, force=False
        )
        now = sa.seen(wish, run(sa.script(wish)))
        operation = sa.needed(wish, now)
        if not operation.do:
            return Followed(sas=now.sas)
        after, log = sa.outcome(wish, operation, run(sa.script(wish, operation)))
        return Followed(log, after.sas)

    def _tidy(self, run: Callable[[Script], Reply], reply: Reply, timeout: float) -> Followed:
        """What was down before is established too, and what a peer has started again beside the new SAs goes."""
        log: tuple[str, ...] = ()
        now = sa.seen(sa.Wish(self.wish.name, "established"), reply)
        for state in ("established", "deduplicated"):
            wish = sa.Wish(self.wish.name, state, timeout=timeout)
            operation = sa.needed(wish, now)
            if operation.do:
                now, more = sa.outcome(wish, operation, run(sa.script(wish, operation)))
                log += more
        return Followed(log, now.sas, (_BROKEN.format(self.wish.name),) if was_broken(reply) else ())

    def result(self, followed: Followed) -> dict[str, Any]:
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
            "log": followed.log,
            **({"warnings": followed.warnings} if followed.warnings else {}),
            **({} if followed.sas is None else {"sa": {"before": self.sas, "after": followed.sas}}),
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
