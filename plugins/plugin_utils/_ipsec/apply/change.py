# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of one connection from what was read to what is reported: preparation, effect on live SAs, result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from ..errors import NotRestoredError, RefusedError
from ..model import Gateway, IkeSa, Reply, Script
from ..platforms import detect_platform, find_platform, read_gateway, require_platform
from ..platforms.candidate import Candidate, diff_lines
from ..platforms.desired import DesiredConnection
from ..platforms.gather_options import GatherOptions
from ..platforms.sas import DesiredSas, Operation, plan_operation
from ..platforms.usable import refuse_unusable

_LOOKS = 4  # at a gateway that somebody else changes at the same time
_BETWEEN_LOOKS = 1.0  # seconds
_LIVE = frozenset({"start_action"})  # takes effect when it is loaded; everything else with the next SA


@dataclass(frozen=True, slots=True)
class SaOutcome:
    """What live SAs became: the log of it, and the SAs, None where they were left alone."""

    log: tuple[str, ...] = ()
    sas: tuple[IkeSa, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeTransaction:
    """A change with what it means for the SAs that are up."""

    wish: DesiredConnection
    gateway: Gateway
    prepared: Candidate
    reinitiate: bool
    options: GatherOptions

    @classmethod
    def read(  # noqa: PLR0913  what is wanted and how, then where
        cls,
        wish: DesiredConnection,
        config: str,
        name: str,
        run: Callable[[Script], Reply],
        *,
        reinitiate: bool,
        make_before_break: bool = False,
    ) -> ChangeTransaction:
        """The change that makes a wish true on the gateway of this inventory name, which is read for it.

        Raises:
            RefusedError: the configuration cannot be edited safely, or the gateway would not take the change.
        """
        options = GatherOptions(digest_key=token_hex(32), config=config)
        for dummy in range(_LOOKS):
            reply = run(find_platform("auto").gather(options))
            vendor = detect_platform(reply)
            gateway = read_gateway(name, reply, options)
            if not any(problem.kind == "config-changing" for problem in gateway.problems):
                break
        refuse_unusable(gateway)
        connection = next((c for c in gateway.connections if c.name == wish.name and c.configured), None)
        if connection is None:
            there = ", ".join(c.name for c in gateway.connections if c.configured) or "none"
            where = config if gateway.appliance is None else name
            raise RefusedError(f"there is no connection {wish.name!r}", where=where, hint=f"connections there: {there}")
        prepared = vendor.prepare(wish, gateway, connection, reply, options)
        if reinitiate and make_before_break:
            prepared = prepared.bridge(gateway.sas or ())
        return cls(wish, gateway, prepared, reinitiate, options)

    @property
    def needed(self) -> bool:
        """Whether there is anything to write."""
        return self.prepared.needed

    @property
    def sas(self) -> tuple[IkeSa, ...]:
        """The IKE_SAs of the connection now."""
        return tuple(ike for ike in self.gateway.sas or () if ike.connection in self.prepared.names)

    @property
    def up(self) -> bool:
        """Whether the connection has an IKE_SA now."""
        return bool(self.sas)

    @property
    def follows(self) -> bool:
        """Whether live SAs must be re-established to follow the change."""
        return self.prepared.psk_changed or any(path[-1] not in _LIVE for path in self.prepared.changes)

    @property
    def terminate_first(self) -> bool:
        """A start action that gains start on an up tunnel would make a duplicate when it is loaded (child_create.c)."""
        gains = any(
            path[-1] == "start_action" and "start" in (new or "") and "start" not in (old or "")
            for path, (old, new) in self.prepared.changes.items()
        )
        return self.reinitiate and self.up and gains and not self.prepared.bridged

    def apply(self, run: Callable[[Script], Reply], *, timeout: float) -> SaOutcome:
        """Carry it out, and make live SAs follow if that is asked and the daemon runs.

        Raises:
            RestoredError: it failed, and the gateway has what it had before.
            NotRestoredError: it failed, and a file could not be put back.
            IpsecError: the changed connection could not be established.
        """
        reply, log = apply_candidate(self.prepared, run, self.options, timeout=timeout, terminate=self.terminate_first)
        warnings = self.prepared.warnings(reply)
        if not (self.reinitiate and self.gateway.daemon.running):
            return SaOutcome(log, warnings=warnings)
        if self.prepared.gone:
            ended, sas = self._end(run, timeout)
            return SaOutcome(log + ended, sas, warnings)
        followed = self._tidy(run, reply, timeout) if self.prepared.bridged else self._follow(run, timeout)
        return SaOutcome(log + followed.log, followed.sas, warnings)

    def _follow(self, run: Callable[[Script], Reply], timeout: float) -> SaOutcome:
        state = "established" if self.terminate_first else "reinitiated"
        platform, wish = require_platform(self.gateway.platform), DesiredSas(self.wish.name, state, timeout=timeout)
        now = platform.parse_sas(wish, run(platform.build_sas_script(wish)))
        operation = plan_operation(wish, now)
        if not operation.do:
            return SaOutcome(sas=now.sas)
        after, log = platform.parse_sas_result(wish, operation, run(platform.build_sas_script(wish, operation)))
        return SaOutcome(log, after.sas)

    def _end(self, run: Callable[[Script], Reply], timeout: float) -> tuple[tuple[str, ...], tuple[IkeSa, ...]]:
        """SAs of a connection that the daemon has no more would stay until they expire."""
        if not self.prepared.runs(before=True):
            return (), ()
        platform = require_platform(self.gateway.platform)
        wish = DesiredSas(self.wish.name, "terminated", timeout=timeout)
        reply = run(platform.build_sas_script(wish, Operation("terminate")))
        return platform.parse_sas_termination(wish, reply)

    def _tidy(self, run: Callable[[Script], Reply], reply: Reply, timeout: float) -> SaOutcome:
        """What was down before is established too, and what a peer has started again beside the new SAs goes."""
        log: tuple[str, ...] = ()
        platform = require_platform(self.gateway.platform)
        now = platform.parse_sas(DesiredSas(self.wish.name, "established"), reply)
        for state in ("established", "deduplicated"):
            wish = DesiredSas(self.wish.name, state, timeout=timeout)
            operation = plan_operation(wish, now)
            if operation.do:
                now, more = platform.parse_sas_result(wish, operation, run(platform.build_sas_script(wish, operation)))
                log += more
        return SaOutcome(log, now.sas)

    def result(self, followed: SaOutcome) -> dict[str, Any]:
        """What the task reports."""
        changed = self.needed
        names = {".".join(path[2:]): values for path, values in self.prepared.changes.items()}
        return {
            "changed": changed,
            "connection": {
                side: {name: values[index] for name, values in names.items()}
                for index, side in enumerate(("before", "after"))
            },
            "psk_changed": self.prepared.psk_changed,
            "edits": diff_lines(self.prepared.diff),
            "takes_effect": self._takes_effect() if changed else "none",
            **self._renamed(),
            "log": followed.log,
            **({"warnings": followed.warnings} if followed.warnings else {}),
            **({} if followed.sas is None else {"sa": {"before": self.sas, "after": followed.sas}}),
        }

    def _renamed(self) -> dict[str, Any]:
        both = self.prepared.renamed
        return {} if both is None else {"children": dict(zip(("before", "after"), both, strict=True))}

    def _takes_effect(self) -> str:
        before = bool(self.gateway.daemon.running)
        after = self.prepared.runs(before=before)
        if not (before and after):
            return "now" if before or after else "on_start"
        return "now" if self.reinitiate or not self.up or not self.follows else "on_reinitiate"


def apply_candidate(
    prepared: Candidate, run: Callable[[Script], Reply], options: GatherOptions, *, timeout: float, terminate: bool
) -> tuple[Reply, tuple[str, ...]]:
    """The gateway's reply, and what its daemon said. It is read again while somebody else's change may be half way.

    Raises:
        RestoredError: it failed, and the gateway has what it had before.
        NotRestoredError: it failed, and could not be taken back, or the change is not in force.
    """
    reply = run(prepared.script(timeout=timeout, terminate=terminate))
    log, seen = prepared.applied(reply), reply
    for again in range(_LOOKS, 0, -1):
        try:
            prepared.refuse_lost(seen)
        except NotRestoredError:
            if again == 1:
                raise
            time.sleep(_BETWEEN_LOOKS)
            seen = run(find_platform("auto").gather(options))
        else:
            break
    return reply, log
