# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's log levels raised for a diagnosis: one file of ours that strongswan.conf includes, and its removal.

Source: libcharon/daemon.c (load_loggers, which `swanctl --reload-settings` calls), libstrongswan/settings/settings.c
(what is read last counts, and a daemon's own section before charon's).
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...errors import NotRestoredError, RefusedError, RestoredError
from ...model import Gateway, Logger, Reply, Script
from ...swanctl.lexer import tokenize
from ..log_levels import GROUPS, LOWEST, DesiredLogLevels, LogLevelChange
from ..usable import refuse_unusable
from .loggers import parse_loggers
from .scripts import read_script
from .strongswan_conf import StrongswanConf, parse_conf

NAME = "zz-tunnelwright-logging.conf"  # conf.sh knows it too; it sorts behind other files
INCLUDE = "include strongswan.d/*.conf"


@dataclass(frozen=True, slots=True)
class LogLevelPlan:
    """What is to be done: the file to write and its text (None: there is to be none), the loggers before and after."""

    conf: str
    held: tuple[str, ...]  # files of ours that are there
    path: str
    body: str | None
    before: tuple[Logger, ...]
    after: tuple[Logger, ...]
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether levels, or that there is a file of ours, would be others."""
        return _map_levels(self.before) != _map_levels(self.after) or bool(self.held) != (self.body is not None)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do; a raise that is there already is given more time."""
        return self.body is None and not self.held


def plan_levels(wanted: DesiredLogLevels, found: StrongswanConf) -> LogLevelPlan:
    """What makes the wish true where this is strongswan.conf.

    Raises:
        RefusedError: nothing that it includes could raise the levels.
    """
    held = tuple(path for path in found.files if posixpath.basename(path) == NAME)
    bare = replace(found, files={path: data for path, data in found.files.items() if path not in held})
    before, base = parse_loggers(found), parse_loggers(bare)
    heard = [logger for logger in base if set(logger.levels.values()) != {LOWEST}] or base  # one that is off stays off
    raised = tuple(_raise_levels(logger, wanted) if logger in heard else logger for logger in base)
    if _map_levels(raised) == _map_levels(base):
        return LogLevelPlan(found.root, held, "", None, before, base)
    body = _format_body(found.daemon, base, raised)
    path, after = _choose_path(bare, held, body, raised)
    return LogLevelPlan(found.root, held, path, body, before, after, tuple(_warn_of_truncation(bare, base)))


def plan_log_levels(wish: DesiredLogLevels, gateway: Gateway, reply: Reply, new_id: str) -> LogLevelChange:
    """What makes the wish true on the gateway that gave the reply; `new_id` tells this raise from any other.

    Raises:
        RefusedError: nothing that strongswan.conf includes could raise the levels, or the daemon cannot be asked.
    """
    plan = plan_levels(wish, parse_conf(reply))
    script = None if plan.idle else build_script(plan, wish, gateway, new_id)
    return LogLevelChange(plan.changed, plan.path, plan.before, plan.after, plan.warnings, script)


def build_script(made: LogLevelPlan, wanted: DesiredLogLevels, gateway: Gateway, mark: str) -> Script:
    """The program that carries a plan out; the mark tells this raise from any other.

    Raises:
        RefusedError: the daemon cannot be asked, or levels should be raised and no daemon is running.
    """
    refuse_unusable(gateway, configuration=False)
    if made.body is not None and not gateway.daemon.running:
        raise RefusedError("the daemon is not running, so it logs nothing", where=gateway.name, hint="start it first")
    until = int(gateway.system.time or 0) + wanted.duration
    variables = {
        "TW_CONF": made.conf,
        "TW_FILE": made.path,
        "TW_TEXT": "" if made.body is None else _format_header(until, mark) + made.body,
        "TW_HELD": "\n".join(made.held),
        "TW_MARK_OF_RAISE": mark,
        "TW_SECONDS": str(wanted.duration),
        "TW_LOWER_SOURCE": read_script("lower.sh"),
    }
    return Script(
        "\n".join(read_script(name) for name in ("loading.sh", "services.sh", "owned.sh", "raising.sh")), variables
    )


def parse_result(gateway: Gateway, reply: Reply) -> None:
    """Nothing, where the gateway did it.

    Raises:
        RefusedError: nothing was done.
        RestoredError: it failed, and the levels are as strongswan.conf has them.
        NotRestoredError: it failed, and the daemon may log at other levels than its files say.
    """
    for name, error in (("refused", RefusedError), ("restored", RestoredError), ("not-restored", NotRestoredError)):
        part = reply.sections.get(name)
        if part is not None:
            what, dummy, hint = part.text.strip().partition("\n")
            raise error(what, where=gateway.name, hint=hint)
    if "levels-set" not in reply.sections:
        raise NotRestoredError(
            "the change of log levels was cut off", where=gateway.name, hint="run it again, or with state: absent"
        )


def _raise_levels(logger: Logger, wanted: DesiredLogLevels) -> Logger:
    default = logger.level("default")
    each = {group: max(logger.level(group), wanted.level(group)) for group in GROUPS}
    return Logger(logger.name, {"default": default, **{g: level for g, level in each.items() if level != default}})


def _map_levels(found: tuple[Logger, ...]) -> dict[str, Mapping[str, int]]:
    return {logger.name: logger.levels for logger in found}


def _format_header(until: int, mark: str) -> str:
    return f"""# tunnelwright logging: until {until} (Unix time), {mark}
# More of the daemon's log for a diagnosis, by tunnelwright.ipsec.logging. The gateway removes this file by then.
"""


def _format_body(daemon: str, base: tuple[Logger, ...], raised: tuple[Logger, ...]) -> str:
    """Sections of the daemon's own, which count before those that all daemons share."""
    kinds: dict[str, list[str]] = {}
    for old, new in zip(base, raised, strict=True):
        kind, dot, name = old.name.partition(".")
        more = [f"{g} = {new.level(g)}" for g in GROUPS if new.level(g) != old.level(g)]
        if more:
            kinds.setdefault(kind, []).extend(_format_section(name, more) if dot else more)
    return (
        "\n".join(
            _format_section(daemon, [line for kind, each in kinds.items() for line in _format_section(kind, each)])
        )
        + "\n"
    )


def _format_section(name: str, lines: list[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in lines), "}"]


def _choose_path(
    bare: StrongswanConf, held: tuple[str, ...], body: str, raised: tuple[Logger, ...]
) -> tuple[str, tuple[Logger, ...]]:
    """Where the file must be for the daemon to log as wished, and what it then logs, as all files together say."""
    included = tuple(dict.fromkeys(_list_included_folders(bare)))
    places = dict.fromkeys((*held, *(posixpath.join(each, NAME) for each in included if bare.has(each))))
    for path in places:
        after = parse_loggers(replace(bare, files={**bare.files, path: body.encode("utf-8", "surrogateescape")}))
        if _map_levels(after) == _map_levels(raised):
            return path, _shift_origins(after, path)
    if included and not places:
        raise RefusedError(
            f"there is no folder {included[0]}, which strongswan.conf includes", where=bare.root, hint="make it"
        )
    if not places:
        raise RefusedError(
            "strongswan.conf includes no folder for a file that raises its levels",
            where=bare.root,
            hint=f"add the line {INCLUDE} at its end, outside all sections",
        )
    raise RefusedError(
        f"the levels in {min(places)} would be overridden, or it is included inside a section",
        where=bare.root,
        hint=f"have the line {INCLUDE} at its end, outside all sections",
    )


def _shift_origins(after: tuple[Logger, ...], path: str) -> tuple[Logger, ...]:
    """With the lines as they are in the file, below its two lines of header."""
    lines = len(_format_header(0, "").splitlines())
    origins = [logger.origin.rpartition(":") for logger in after]
    return tuple(
        replace(logger, origin=f"{path}:{int(line) + lines}") if file == path else logger
        for logger, (file, dummy, line) in zip(after, origins, strict=True)
    )


def _list_included_folders(found: StrongswanConf) -> Iterator[str]:
    """The folder in which each include statement would find a file of our name."""
    for source in found.settings.sources.values():
        for token in tokenize(source):
            folder, name = posixpath.split(posixpath.join(posixpath.dirname(source.name), token.text))
            if token.kind == "include" and fnmatch.fnmatchcase(NAME, name) and not any(c in folder for c in "*?["):
                yield folder


def _warn_of_truncation(found: StrongswanConf, base: tuple[Logger, ...]) -> Iterator[str]:
    """file_logger.c (open_): a file that is not appended to begins anew each time that loggers are loaded."""
    settings = found.settings
    for logger in base:
        append = found.get(settings, (*logger.name.split(".", 1), "append"))
        value = append.value if append else "yes"
        if logger.name.startswith("filelog.") and value.lower() not in ("1", "yes", "true", "enabled"):
            yield f"{logger.name} is truncated now and when the levels are restored, because it has append = {value}"
