# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the daemon logs, by strongswan.conf: its loggers, their levels, and which lines they hide.

Source: libcharon/daemon.c (load_loggers), charon-systemd.c (the journal's logger), strongswan.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Logger, Problem, Reply
from ...swanctl.log_signatures import SIGNATURES
from ...swanctl.settings import Path, Settings
from ..log_levels import GROUPS
from .strongswan_conf import StrongswanConf

DEFAULT = 1  # of every logger where nothing else is said
FACILITIES = ("daemon", "auth")
LATE = 60  # seconds
SHOWN = 4  # kinds of lines


def parse_loggers(found: StrongswanConf) -> tuple[Logger, ...]:
    """All places that the daemon logs to.

    charon-systemd always logs to the journal; charon without a logger of its own logs to syslog's daemon facility.

    Raises:
        ParseError: a file is broken.
    """
    settings = found.settings
    made = tuple(_build_logger(found, settings, path) for path in _list_logger_paths(found, settings))
    return made or (Logger("syslog.daemon", {"default": DEFAULT}),)


def find_hidden(found: tuple[Logger, ...]) -> tuple[Problem, ...]:
    """What no logger writes although the catalogue of log lines looks for it, a problem for each group of levels."""
    if not found:
        return ()
    quiet = [group for group in GROUPS if max(logger.level(group) for logger in found) < 1]
    lines = {group: [entry.name for entry in SIGNATURES if entry.group == group] for group in quiet}
    return tuple(
        Problem(
            "log-hides",
            f"at its log level of {group} the daemon does not log {_format_names(names)}",
            next((logger.origin for logger in found if logger.origin), ""),
            f"set {group} = 1 for a logger, or raise it for a diagnosis with the module logging",
        )
        for group, names in lines.items()
        if names
    )


def find_leftovers(reply: Reply, now: float | None) -> tuple[Problem, ...]:
    """A raise of levels past its time: the gateway was restarted meanwhile, and what was to put them back is gone."""
    listed = reply.sections.get("logging-until")
    if listed is None or now is None:
        return ()
    problems = []
    for line in listed.text.splitlines():
        until, path = line.split(" ", 1)
        if now > int(until) + LATE:
            what = "the log levels were raised for a diagnosis and not put back"
            problems.append(
                Problem("log-raised", what, path, "put them back: tunnelwright.ipsec.logging, state: absent")
            )
    return tuple(problems)


def _format_names(names: list[str]) -> str:
    shown, more = ", ".join(names[:SHOWN]), len(names) - SHOWN
    return f"{shown} and {more} other kinds of lines" if more > 0 else shown


def _list_logger_paths(found: StrongswanConf, settings: Settings) -> Iterator[Path]:
    for kind in ("filelog", "syslog"):
        names = dict.fromkeys(name for section in found.sections for name in settings.sections((section, kind)))
        yield from ((kind, name) for name in names if kind == "filelog" or name in FACILITIES)
    if found.daemon == "charon-systemd":
        yield ("journal",)


def _build_logger(found: StrongswanConf, settings: Settings, path: Path) -> Logger:
    default = _get_level(found, settings, (*path, "default"), DEFAULT)
    each = {group: _get_level(found, settings, (*path, group), default) for group in GROUPS}
    origins = (settings.origin((section, *path)) for section in found.sections)
    return Logger(
        ".".join(path),
        {"default": default, **{group: level for group, level in each.items() if level != default}},
        next(filter(None, origins), ""),
    )


def _get_level(found: StrongswanConf, settings: Settings, path: Path, otherwise: int) -> int:
    setting = found.get(settings, path)
    return _parse_number(setting.value, otherwise) if setting else otherwise


def _parse_number(value: str, otherwise: int) -> int:
    """settings_types.c (settings_value_as_int): what is no number counts as not set."""
    return int(value) if value.removeprefix("-").isdigit() else otherwise
