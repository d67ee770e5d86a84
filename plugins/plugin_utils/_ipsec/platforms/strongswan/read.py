# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's answer to the gather script as a model value: configured, loaded and installed, each by itself."""

from __future__ import annotations

import json

from ...errors import ParseError
from ...model import Connection, Gateway, Keepalive, Problem, Reply, build_from_plain
from ...swanctl import listings
from ...swanctl.certificates import parse_certificates
from ...swanctl.connections import parse_connections
from ...swanctl.drift import merge_loaded
from ..charon import daemon_reply, guard_state, swanctl_conf
from ..charon import loggers as levels
from ..charon.host import parse_host
from ..gather_options import GatherOptions

_MARK = "# tunnelwright keepalive: "


def read(name: str, reply: Reply, options: GatherOptions) -> Gateway:
    """The gateway of this inventory name that gave the reply. What could not be read is in `problems`."""
    problems: list[Problem] = []
    version = daemon_reply.parse_version(reply)
    settings = swanctl_conf.parse_settings(reply, options.config, options.digest_key, problems)
    configured, wrong = parse_connections(settings, daemon_reply.parse_numbers(version)) if settings else ((), ())
    problems += [*(settings.warnings if settings else ()), *wrong]
    machine, found = parse_host(reply), daemon_reply.parse_settings(reply)
    daemon = daemon_reply.parse_daemon(reply, found, problems)
    loggers = None if found is None else levels.parse_loggers(found)
    problems += [
        *levels.find_hidden(loggers or ()),
        *levels.find_leftovers(reply, machine.time),
        *guard_state.find_guard_problem(guard_state.parse_guard(reply)),
    ]
    log = daemon_reply.parse_log(reply, options, problems)
    return Gateway(
        name=name,
        platform="strongswan",
        daemon=daemon,
        version=version,
        connections=_merge_connections(reply, configured, problems),
        sas=daemon_reply.parse_listing(reply, "sas", listings.parse_ike_sas, problems),
        policies=daemon_reply.parse_listing(reply, "policies", listings.parse_policies, problems),
        secrets=swanctl_conf.parse_secrets(settings, options.digest_key) if settings else (),
        keepalives=_parse_keepalives(reply, problems),
        certificates=daemon_reply.parse_listing(reply, "certificates", parse_certificates, problems),
        log=log,
        log_end=reply.sections["log-end"].text.strip() if "log-end" in reply.sections else None,
        loggers=loggers,
        guard=guard_state.parse_guard(reply),
        rollback=guard_state.parse_rollback(reply),
        system=machine,
        problems=tuple(problems),
    )


def _merge_connections(
    reply: Reply, configured: tuple[Connection, ...], problems: list[Problem]
) -> tuple[Connection, ...]:
    held = daemon_reply.parse_listing(reply, "conns", listings.parse_loaded, problems)
    return configured if held is None else merge_loaded(configured, held)


def _parse_keepalives(reply: Reply, problems: list[Problem]) -> tuple[Keepalive, ...]:
    found = []
    for line in reply.sections["keepalives"].text.splitlines():
        path, said = line.split(f":{_MARK}", 1)
        means = "systemd" if path.endswith(".timer") else "cron"
        try:
            found.append(build_from_plain(Keepalive, {**json.loads(said), "means": means, "origin": f"{path}:1"}, path))
        except (ValueError, TypeError, ParseError) as error:
            problems.append(
                Problem(
                    "keepalive-unreadable", f"its first line is not what the keepalive module writes ({error})", path
                )
            )
    return tuple(found)
