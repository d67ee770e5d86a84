# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's answer to the gather script as a model value: configured, loaded and installed, each by itself."""

from __future__ import annotations

import json

from ...errors import ParseError
from ...model import Connection, Gateway, Keepalive, Problem, Reply, restore
from ...swanctl import listings
from ...swanctl.certificates import certificates
from ...swanctl.connections import connections
from ...swanctl.drift import merged
from ..charon import daemon_reply, guard_state, swanctl_conf
from ..charon import loggers as levels
from ..charon.host import system
from ..gather_options import GatherOptions

_MARK = "# tunnelwright keepalive: "


def read(name: str, reply: Reply, options: GatherOptions) -> Gateway:
    """The gateway of this inventory name that gave the reply. What could not be read is in `problems`."""
    problems: list[Problem] = []
    version = daemon_reply.version(reply)
    settings = swanctl_conf.settings(reply, options.config, options.digest_key, problems)
    configured, wrong = connections(settings, daemon_reply.numbers(version)) if settings else ((), ())
    problems += [*(settings.warnings if settings else ()), *wrong]
    machine, found = system(reply), daemon_reply.settings(reply)
    daemon = daemon_reply.daemon(reply, found, problems)
    loggers = None if found is None else levels.loggers(found)
    problems += [
        *levels.hidden(loggers or ()),
        *levels.left(reply, machine.time),
        *guard_state.dead(guard_state.guard(reply)),
    ]
    log = daemon_reply.log(reply, options, problems)
    return Gateway(
        name=name,
        platform="strongswan",
        daemon=daemon,
        version=version,
        connections=_connections(reply, configured, problems),
        sas=daemon_reply.parsed(reply, "sas", listings.ike_sas, problems),
        policies=daemon_reply.parsed(reply, "policies", listings.policies, problems),
        secrets=swanctl_conf.secrets(settings, options.digest_key) if settings else (),
        keepalives=_keepalives(reply, problems),
        certificates=daemon_reply.parsed(reply, "certificates", certificates, problems),
        log=log,
        log_end=reply.sections["log-end"].text.strip() if "log-end" in reply.sections else None,
        loggers=loggers,
        guard=guard_state.guard(reply),
        rollback=guard_state.rollback(reply),
        system=machine,
        problems=tuple(problems),
    )


def _connections(reply: Reply, configured: tuple[Connection, ...], problems: list[Problem]) -> tuple[Connection, ...]:
    held = daemon_reply.parsed(reply, "conns", listings.loaded, problems)
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
