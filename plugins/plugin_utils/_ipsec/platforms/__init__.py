# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that knows a vendor. A platform is a folder here: a module that fits :class:`Platform`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

from ..errors import IpsecError
from ..model import Connection, Gateway, IkeSa, OutageMeasurement, Reply, Script
from .candidate import Candidate
from .daemon_request import DaemonPlan, DaemonRequest
from .desired import DesiredConnection
from .detection import Detection, choose_script
from .gather_options import GatherOptions
from .gather_script import GatherScript, build_script
from .guard import DesiredGuard, Do, GuardResult
from .log_levels import DesiredLogLevels, LogLevelChange
from .outage_probe import OutageProbeRequest
from .probe import PingProof, ProbeRequest
from .sas import DesiredSas, LoadedSas, Operation


class Gatherer(Protocol):
    """What makes the script that reads a gateway."""

    def gather(self, options: GatherOptions) -> Script:
        """A script that reads a gateway; its reply has a section `platform` with the folder's name."""


class Platform(Gatherer, Protocol):
    """What a vendor's folder offers. It makes scripts and reads replies; it runs nothing."""

    def program(self, options: GatherOptions) -> GatherScript | None:
        """How a shell reads a gateway, so that one script reads whatever it finds; None where no shell can."""

    def read(self, name: str, reply: Reply, options: GatherOptions) -> Gateway:
        """The gateway of this inventory name that gave the reply."""

    def prepare(
        self, wish: DesiredConnection, gateway: Gateway, connection: Connection, reply: Reply, options: GatherOptions
    ) -> Candidate:
        """The change that makes a wish true for a connection of the gateway that gave the reply.

        Raises:
            RefusedError: it cannot be made safely, or the gateway has no place for a setting.
        """

    def serve(self, asked: DaemonRequest, gateway: Gateway, reply: Reply, options: GatherOptions) -> DaemonPlan:
        """What the IKE daemon of the gateway that gave the reply is to do.

        Raises:
            RefusedError: it would do harm, the gateway has no place for a setting, or the daemon cannot be asked.
        """

    def build_guard_script(self, wish: DesiredGuard, do: Do, gateway: Gateway, new_id: str) -> Script:
        """A script that arms, confirms or carries out the guard of a gateway; `new_id` is for one that it arms."""

    def parse_guard_result(self, do: Do, gateway: Gateway, reply: Reply) -> GuardResult:
        """What came of that script.

        Raises:
            RefusedError: it was not done; where it was to be armed, nothing guards and nothing was written.
            NotRestoredError: a rollback did not end in time, or could not do all.
        """

    DETECTION: Detection | None  # None: no shell can tell

    def build_sas_script(self, wish: DesiredSas, operation: Operation | None = None) -> Script:
        """A script that does an operation on SAs and then lists what there is; without one it only lists."""

    def parse_sas(self, wish: DesiredSas, reply: Reply) -> LoadedSas:
        """What the daemon holds of a connection, from that script's reply.

        Raises:
            IpsecError: the daemon did not answer, or has no such connection or child.
        """

    def parse_sas_result(
        self, wish: DesiredSas, operation: Operation, reply: Reply
    ) -> tuple[LoadedSas, tuple[str, ...]]:
        """What the daemon holds after an operation, and what it logged during it.

        Raises:
            IpsecError: the operation did not do what it should; says why, in the daemon's words.
        """

    def parse_sas_termination(self, wish: DesiredSas, reply: Reply) -> tuple[tuple[str, ...], tuple[IkeSa, ...]]:
        """The same of a connection that the daemon no longer has: what was logged, and the SAs that are left.

        Raises:
            IpsecError: some are still there.
        """

    def build_probe_script(self, wish: ProbeRequest) -> Script:
        """A script that pings through a tunnel and counts: one round trip, nothing written.

        Raises:
            RefusedError: an address that is none, or a count or timeout that makes no sense.
        """

    def parse_probe(self, wish: ProbeRequest, reply: Reply) -> PingProof:
        """What that script's reply proves.

        Raises:
            RefusedError: no address to ping from or to; says what to give.
            IpsecError: the daemon or `ping` is not available.
        """

    def build_outage_script(self, wish: OutageProbeRequest, do: str) -> Script:
        """A script that starts pings which run on, or stops them and shows what they printed (`start`, `stop`).

        Raises:
            RefusedError: an address that is none, or times that make no sense.
        """

    def parse_outage_start(self, wish: OutageProbeRequest, reply: Reply) -> None:
        """Whether the pings run.

        Raises:
            IpsecError: they do not; says why.
        """

    def parse_outage(self, wish: OutageProbeRequest, reply: Reply) -> OutageMeasurement:
        """What the pings missed."""

    def plan_log_levels(self, wish: DesiredLogLevels, gateway: Gateway, reply: Reply, new_id: str) -> LogLevelChange:
        """What makes the daemon of the gateway that gave the reply log as wished; `new_id` is of this raise alone.

        Raises:
            RefusedError: that cannot be done there.
        """

    def parse_log_level_result(self, gateway: Gateway, reply: Reply) -> None:
        """Nothing, where the script of such a change did it.

        Raises:
            RefusedError: nothing was done.
            RestoredError: it failed, and the gateway has the levels that it had before.
            NotRestoredError: it failed, and the daemon may log at other levels than before.
        """


def _load_platforms() -> Mapping[str, Platform]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    folders = {name: import_module(f".{name}", __name__) for name in names}
    return {name: cast("Platform", each) for name, each in folders.items() if hasattr(each, "read")}


PLATFORMS: Mapping[str, Platform] = _load_platforms()


class AutoDetect:
    """Whichever platform a gateway is: it finds out by itself, in the same round trip."""

    def gather(self, options: GatherOptions) -> Script:
        """A script that asks each platform whether it is there; strongSwan is what nothing else claims to be."""
        programs = [found for each in PLATFORMS.values() if (found := each.program(options))]
        return build_script(sorted(programs, key=lambda each: not each.here))


def build_for_any(build: Callable[[Platform], Script]) -> Script:
    """One script that does something on a gateway of whichever platform: `detect_platform` then says which it was."""
    return choose_script(
        [
            (name, platform.DETECTION, build(platform))
            for name, platform in PLATFORMS.items()
            if platform.DETECTION is not None
        ]
    )


def find_platform(name: str) -> Gatherer:
    """The platform of this name, or by `auto` whichever there is.

    Raises:
        IpsecError: there is no such platform.
    """
    return AutoDetect() if name == "auto" else _get_platform(name)


def detect_platform(reply: Reply) -> Platform:
    """The platform whose script made the reply.

    Raises:
        IpsecError: none of ours did.
    """
    section = reply.sections.get("platform")
    return _get_platform(section.text.strip() if section else "")


def read_gateway(name: str, reply: Reply, options: GatherOptions) -> Gateway:
    """The gateway of this inventory name that gave the reply, whatever its platform.

    Raises:
        IpsecError: none of our scripts made the reply, or the gateway has put something else into it.
    """
    vendor = detect_platform(reply)
    try:
        return vendor.read(name, reply, options)
    except IpsecError:
        raise
    except Exception as error:
        what = f"what {name} answered is not understood ({type(error).__name__}: {error})"
        raise IpsecError(what, hint="see what else writes into the session, or report it as a defect") from error


def require_platform(name: str) -> Platform:
    """The platform that a gateway says it is.

    Raises:
        IpsecError: there is no such platform.
    """
    return _get_platform(name)


def _get_platform(name: str) -> Platform:
    if name not in PLATFORMS:
        raise IpsecError(f"unknown platform {name!r}", hint=f"known are {', '.join(PLATFORMS)}")
    return PLATFORMS[name]
