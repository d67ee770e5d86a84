# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's answer to the gather script as a model value: configured, loaded and installed, each by itself."""

from __future__ import annotations

import json

from ...errors import ParseError
from ...model import Connection, Gateway, Keepalive, Problem, Reply, restore
from ...swanctl import listings
from ...swanctl.certificates import certificates
from ...swanctl.compare import merged
from ...swanctl.configured import connections
from ..options import GatherOptions
from . import charon, config, levels, standing
from .machine import system

_MARK = "# tunnelwright keepalive: "


def read(name: str, reply: Reply, options: GatherOptions) -> Gateway:
    """The gateway of this inventory name that gave the reply. What could not be read is in `problems`."""
    problems: list[Problem] = []
    version = charon.version(reply)
    settings = config.settings(reply, options.config, options.digest_key, problems)
    configured, wrong = connections(settings, charon.numbers(version)) if settings else ((), ())
    problems += [*(settings.warnings if settings else ()), *wrong]
    machine, found = system(reply), charon.settings(reply)
    daemon = charon.daemon(reply, found, problems)
    loggers = None if found is None else levels.loggers(found)
    problems += [
        *levels.hidden(loggers or ()),
        *levels.left(reply, machine.time),
        *standing.dead(standing.guard(reply)),
    ]
    log = charon.log(reply, options, problems)
    return Gateway(
        name=name,
        platform="strongswan",
        daemon=daemon,
        version=version,
        connections=_connections(reply, configured, problems),
        sas=charon.parsed(reply, "sas", listings.ike_sas, problems),
        policies=charon.parsed(reply, "policies", listings.policies, problems),
        secrets=config.secrets(settings, options.digest_key) if settings else (),
        keepalives=_keepalives(reply, problems),
        certificates=charon.parsed(reply, "certificates", certificates, problems),
        log=log,
        log_end=reply.sections["log-end"].text.strip() if "log-end" in reply.sections else None,
        loggers=loggers,
        guard=standing.guard(reply),
        rollback=standing.rollback(reply),
        system=machine,
        problems=tuple(problems),
    )


def _connections(reply: Reply, configured: tuple[Connection, ...], problems: list[Problem]) -> tuple[Connection, ...]:
    held = charon.parsed(reply, "conns", listings.loaded, problems)
    return configured if held is None else merged(configured, held)


def _keepalives(reply: Reply, problems: list[Problem]) -> tuple[Keepalive, ...]:
    found = []
    for line in reply.sections["keepalives"].text.splitlines():
        path, said = line.split(f":{_MARK}", 1)
        means = "systemd" if path.endswith(".timer") else "cron"
        try:
            found.append(restore(Keepalive, {**json.loads(said), "means": means, "origin": f"{path}:1"}, path))
        except (ValueError, TypeError, ParseError) as error:
            problems.append(
                Problem(
                    "keepalive-unreadable", f"its first line is not what the keepalive module writes ({error})", path
                )
            )
    return tuple(found)
