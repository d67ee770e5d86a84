# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file says of a connection beside what the daemon holds.

Only what `--list-conns` tells is compared, and only where both can be read without doubt: a difference
that is none would be a false alarm. Identities other than addresses and names are left out,
because the daemon prints them in its own spelling.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace

from ..model import Auth, Child, Connection
from .pretty_output import Tree, get_section
from .selectors import lies_inside, list_all_networks

_PLAIN_ID = re.compile(r"@{0,2}[A-Za-z0-9][A-Za-z0-9._-]*(@[A-Za-z0-9._-]+)?|[0-9a-fA-F:.]+|%any")
_ANY = frozenset({"%any", "%any4", "%any6", "::", "0.0.0.0/0", "::/0"})


def merge_loaded(
    configured: tuple[Connection, ...], held: tuple[tuple[Connection, Tree], ...]
) -> tuple[Connection, ...]:
    """All connections of both, each saying where it is and what differs; those of the daemon alone last."""
    by_name = {connection.name: (connection, printed) for connection, printed in held}
    names = {connection.name for connection in configured}
    both = tuple(
        _merge(connection, *by_name[connection.name]) if connection.name in by_name else connection
        for connection in configured
    )
    return both + tuple(connection for connection, dummy in held if connection.name not in names)


def _merge(file: Connection, daemon: Connection, printed: Tree) -> Connection:
    children = {child.name: child for child in daemon.children}
    ours = {child.name for child in file.children}
    return replace(
        file,
        loaded=True,
        differs=tuple(_compare_connection(file, daemon))
        + tuple(_compare_children(file, children, get_section(printed, "children"))),
        children=tuple(replace(child, loaded=child.name in children) for child in file.children)
        + tuple(child for name, child in children.items() if name not in ours),
    )


def _compare_connection(file: Connection, daemon: Connection) -> Iterator[str]:
    yield from _compare_values("version", str(file.version), str(daemon.version))
    yield from _compare_values("unique", file.unique, daemon.unique)
    yield from _compare_values("dpd_delay", _format_duration(file.dpd_delay), _format_duration(daemon.dpd_delay))
    for key in ("rekey_time", "reauth_time", "dpd_timeout"):
        if key in file.settings and (key != "dpd_timeout" or file.version == 1):  # IKEv2 has none, and none is shown
            yield from _compare_values(
                key, _format_duration(getattr(file, key)), _format_duration(getattr(daemon, key))
            )
    for key in ("local_addrs", "remote_addrs"):
        yield from _compare_values(key, *(", ".join(_normalize_addresses(getattr(one, key))) for one in (file, daemon)))
    for side in ("local", "remote"):
        yield from _compare_auths(getattr(file, side), getattr(daemon, side))


def _compare_auths(file: tuple[Auth, ...], daemon: tuple[Auth, ...]) -> Iterator[str]:
    if len(file) != len(daemon):
        return  # a round that is left out stands for one with the defaults
    for ours, theirs in zip(file, daemon, strict=True):
        if ours.method in ("psk", "pubkey") and theirs.method in ("psk", "pubkey"):
            yield from _compare_values(f"{ours.section}.auth", ours.method, theirs.method)
        if ours.id and theirs.id and _PLAIN_ID.fullmatch(ours.id) and not ours.certs:
            yield from _compare_values(f"{ours.section}.id", _normalize_id(ours.id), _normalize_id(theirs.id))


def _compare_children(file: Connection, daemon: dict[str, Child], printed: Tree) -> Iterator[str]:
    for child in file.children:
        held = daemon.get(child.name)
        if held is None:
            yield f"{child.name}: in the file, not in the daemon"
            continue
        yield from _compare_values(f"{child.name}.mode", child.mode, held.mode)
        told = get_section(printed, child.name)
        for key in ("close_action", "dpd_action"):
            if key in told:
                yield from _compare_values(f"{child.name}.{key}", getattr(child, key), getattr(held, key))
        if "rekey_time" in child.settings:
            yield from _compare_values(
                f"{child.name}.rekey_time", _format_duration(child.rekey_time), _format_duration(held.rekey_time)
            )
        for key in ("local_ts", "remote_ts"):
            ours, theirs = (_normalize_selectors(getattr(one, key)) for one in (child, held))
            if ours and theirs:
                yield from _compare_values(f"{child.name}.{key}", ", ".join(ours), ", ".join(theirs))
    known = {child.name for child in file.children}
    yield from (f"{name}: in the daemon, not in the file" for name in daemon if name not in known)


def _compare_values(name: str, file: str, daemon: str) -> Iterator[str]:
    if file != daemon:
        yield f"{name}: {file} in the file, {daemon} in the daemon"


def _format_duration(seconds: float) -> str:
    return f"{int(seconds)}s"


def _normalize_addresses(items: tuple[str, ...]) -> list[str]:
    return ["%any" if item.lower() in _ANY else item.lower() for item in items]


def _normalize_id(value: str) -> str:
    plain = value.lstrip("@").lower()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        return plain


def _normalize_selectors(items: tuple[str, ...]) -> list[str] | None:
    """Networks in one spelling; None where one of them is more than a network (protocol, range, dynamic).

    The daemon leaves out one that lies in another, or is named twice, as pfSense names them (child_cfg.c).
    """
    found = list_all_networks(items)
    if found is None:
        return None
    networks = dict.fromkeys(found)
    return [str(each) for each in networks if not any(lies_inside(each, other) for other in networks if other != each)]
