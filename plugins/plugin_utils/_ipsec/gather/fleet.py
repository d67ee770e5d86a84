# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the gateways of a fleet: hosts go in, and each is kept as read or with the reason why it was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import IpsecError
from ..model import Reply, to_plain
from ..platforms import find_platform, read_gateway
from ..platforms.gather_options import GatherOptions
from ..store.gateways import GatewayStore
from ..transport.fleet import run_all
from ..transport.target import Target


class ProgressListener(Protocol):
    """Who is told how far it has come."""

    def at(self, done: int, failed: int) -> None:
        """So many are done, and of these so many have failed."""


@dataclass(slots=True)
class FleetGather:
    """A fleet to be read. `target` says how to reach a host, `scrub` takes secrets out of plain values."""

    hosts: Sequence[str]
    target: Callable[[str], Target]
    options: GatherOptions
    kept: GatewayStore
    scrub: Callable[..., Any]
    unreadable: dict[str, str] = field(default_factory=dict)
    read: int = 0
    _passwords: dict[str, tuple[str | None, ...]] = field(default_factory=dict)

    def go(self, platform_name: str, shown: ProgressListener, *, threads: int, timeout: float) -> None:
        """Read them all. What goes wrong with one is said of that one."""

        def tick() -> None:
            shown.at(self.read + len(self.unreadable), len(self.unreadable))

        script = find_platform(platform_name).gather(self.options)
        for host, answer in run_all(self._targets(), script, threads=threads, timeout=timeout, tick=tick):
            passwords = self._passwords.pop(host)
            try:
                self.kept.keep(host, self.scrub(to_plain(self._understood(host, answer)), *passwords))
                self.read += 1
            except IpsecError as error:
                self.unreadable[host] = self.scrub(str(error), *passwords)
            except Exception as error:  # noqa: BLE001 - the others are read all the same
                why = f"what it answered is not understood ({type(error).__name__}: {error})"
                self.unreadable[host] = self.scrub(why, *passwords)

    def _targets(self) -> Iterator[Target]:
        for host in self.hosts:
            try:
                target = self.target(host)
            except IpsecError as error:
                self.unreadable[host] = str(error)
                continue
            privilege = target.privilege.password if target.privilege else None
            self._passwords[host] = (target.password, target.passphrase, privilege)
            yield target

    def _understood(self, host: str, answer: Reply | IpsecError) -> object:
        if isinstance(answer, IpsecError):
            raise answer
        return read_gateway(host, answer, self.options)
