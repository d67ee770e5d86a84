# SPDX-License-Identifier: GPL-3.0-or-later
"""A pfSense's answer as a model value: what config.xml says, what was generated of it, and what charon has.

A connection is what config.xml says, since that is what people change. `unapplied` tells where the generated file is
other, `differs` where the daemon has other settings than that file: each stage is compared with the next.
"""

from __future__ import annotations

from dataclasses import replace

from ...model import Child, Connection, Gateway, Problem, Reply, Setting
from ...swanctl import listings
from ...swanctl.certificates import parse_certificates
from ...swanctl.connections import parse_connections
from ...swanctl.drift import merge_loaded
from ..charon import daemon_reply, guard_state, host
from ..charon import loggers as levels
from ..gather_options import GatherOptions
from . import charon_names
from .answer import PATH, parse_reply
from .appliance import SETTABLE, build_appliance, find_warnings
from .checks import list_keepalives, list_pinghosts
from .configuration import Configuration, build_configuration
from .generate import GeneratedConnection, join_connections
from .interfaces import Interfaces, parse_carp

_TFC = "clear Traffic Flow Confidentiality (TFC) of this phase 1: pfSense writes it where strongSwan does not take it"


def read(name: str, reply: Reply, options: GatherOptions) -> Gateway:
    """The gateway of this inventory name that gave the reply. What could not be read is in `problems`."""
    problems: list[Problem] = []
    system, found = host.parse_host(reply), parse_reply(reply, problems)
    about, known = None, Configuration()
    if found is not None:
        interfaces = Interfaces(found.config, system.addresses, parse_carp(reply))
        about = build_appliance(reply, found, interfaces)
        problems += find_warnings(about)
        known = build_configuration(reply, options, found, interfaces, problems)
    conf = daemon_reply.parse_settings(reply)
    loggers = None if conf is None else levels.parse_loggers(conf)
    version = daemon_reply.parse_version(reply)
    sas = daemon_reply.parse_listing(reply, "sas", listings.parse_ike_sas, problems)
    policies = daemon_reply.parse_listing(reply, "policies", listings.parse_policies, problems)
    daemon = daemon_reply.parse_daemon(reply, conf, problems)
    if daemon.running is False and found is not None and not known.enabled:
        problems[:] = [_explain_stopped_daemon(problem) for problem in problems]
    read_connections = _merge_connections(reply, known, daemon_reply.parse_numbers(version), problems)
    return Gateway(
        name=name,
        platform="pfsense",
        daemon=daemon,
        version=version,
        connections=read_connections,
        sas=None if sas is None else tuple(charon_names.name_ike_sa(sa) for sa in sas),
        policies=None if policies is None else tuple(charon_names.find_selectors(policy) for policy in policies),
        secrets=known.secrets,
        keepalives=tuple(check for each in known.made for check in list_keepalives(each, list_pinghosts(reply))),
        certificates=daemon_reply.parse_listing(reply, "certificates", parse_certificates, problems),
        log=daemon_reply.parse_log(reply, options, problems),
        log_end=reply.sections["log-end"].text.strip() if "log-end" in reply.sections else None,
        loggers=loggers,
        guard=guard_state.parse_guard(reply),
        rollback=guard_state.parse_rollback(reply),
        system=system,
        appliance=about,
        settable=SETTABLE,
        dpd_follows_close=True,
        problems=(
            *problems,
            *levels.find_hidden(loggers or ()),
            *guard_state.find_guard_problem(guard_state.parse_guard(reply)),
        ),
    )


def _explain_stopped_daemon(problem: Problem) -> Problem:
    if problem.kind != "daemon-stopped":
        return problem
    return replace(problem, where=f"{PATH} ipsec", hint="no phase 1 is enabled, and without one pfSense stops it")


def _merge_connections(
    reply: Reply, known: Configuration, version: tuple[int, ...], problems: list[Problem]
) -> tuple[Connection, ...]:
    """Those of config.xml, and what else there is: of mobile clients, and what lets traffic bypass IPsec."""
    configured, wrong = parse_connections(join_connections(known.made), version)
    left_out = {each.phase1.path for each in known.made if each.omitted}
    problems += [_add_tfc_hint(problem) for problem in wrong if problem.where.rpartition("/")[0] not in left_out]
    file, dummy = parse_connections(known.generated, version)
    held = daemon_reply.parse_listing(reply, "conns", listings.parse_loaded, problems)
    there = tuple(charon_names.name_connection(each) for each in file)
    if held is not None:
        there = merge_loaded(there, tuple((charon_names.name_connection(each), printed) for each, printed in held))
    by_name, unapplied = {each.name: each for each in there}, known.unapplied
    ours = tuple(
        _complete_connection(charon_names.name_connection(each), made, by_name.get(each.name), unapplied[each.name])
        for each, made in zip(configured, known.made, strict=True)
    )
    return ours + tuple(each for each in there if each.name not in unapplied)


def _add_tfc_hint(problem: Problem) -> Problem:
    return replace(problem, hint=_TFC) if problem.where.endswith("/tfc_enable") else problem


def _complete_connection(
    said: Connection, made: GeneratedConnection, there: Connection | None, unapplied: tuple[str, ...]
) -> Connection:
    """A connection of config.xml, with what is known of it in the daemon."""
    loaded = {child.name for child in there.children if child.loaded} if there else frozenset()
    names = {child.name for child in said.children}
    children = tuple(
        replace(child, loaded=child.name in loaded, description=_describe_child(made, child)) for child in said.children
    )
    return replace(
        said,
        children=children
        + tuple(c for c in (there.children if there else ()) if not c.configured and c.name not in names),
        loaded=there.loaded if there else False,
        differs=there.differs if there else (),
        unapplied=unapplied,
        omitted=made.omitted,
        standby=made.standby,
        description=made.phase1.text("descr"),
        native={**_list_general_settings(made), **made.phase1.settings()},
    )


def _list_general_settings(made: GeneratedConnection) -> dict[str, Setting]:
    """What is said for all connections and belongs to what a phase 1 says of reauthentication."""
    name = "makebeforebreak"
    return {name: made.general.setting(made.general.text(name), name)} if made.general.has(name) else {}


def _describe_child(made: GeneratedConnection, child: Child) -> str:
    entries = [e for e in made.entries if child.name in (made.name, f"{made.name}_{e.text('reqid')}")]
    return "; ".join(text for entry in entries if (text := entry.text("descr")))
