# SPDX-License-Identifier: GPL-3.0-or-later
"""`swanctl --list-… --pretty` as model values: SAs, policies, connections in the daemon, its figures.

Field names: libcharon/plugins/vici/vici_query.c, 5.9 and 6.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..model import Action, Auth, Child, ChildSa, Connection, IkeSa, Policy
from .pretty_output import Tree, get_number, get_seconds, get_section, get_text, get_texts, select_events

_ACTIONS: Mapping[str, Action] = {"trap": "trap", "route": "trap", "hold": "trap", "start": "start", "restart": "start"}
_VERSIONS = {"IKEv1": 1, "IKEv2": 2}
_METHODS = {"pre-shared key": "psk", "public key": "pubkey"}


def parse_action(value: str) -> Action:
    """One of swanctl's actions in one spelling: 5.9.5 prints `restart`, 5.9.6 `start` and `trap | start`."""
    words = {_ACTIONS.get(word.strip(), "none") for word in value.lower().split("|")} - {"none"}
    if words == {"trap", "start"}:
        return "trap|start"
    return words.pop() if words else "none"


def parse_ike_sas(printed: str) -> tuple[IkeSa, ...]:
    """The IKE_SAs that `--list-sas` prints, with their CHILD_SAs."""
    return tuple(_parse_ike_sa(name, body) for name, body in select_events(printed, "list-sa event"))


def parse_policies(printed: str) -> tuple[Policy, ...]:
    """The policies without an SA that `--list-pols` prints."""
    return tuple(_parse_policy(name, body) for name, body in select_events(printed, "list-policy event"))


def parse_loaded(printed: str) -> tuple[tuple[Connection, Tree], ...]:
    """The connections that `--list-conns` prints, as far as the daemon tells, each with what it printed."""
    return tuple((_parse_connection(name, body), body) for name, body in select_events(printed, "list-conn event"))


def _parse_ike_sa(name: str, body: Tree) -> IkeSa:
    return IkeSa(
        connection=name,
        id=get_number(body, "uniqueid") or 0,
        state=get_text(body, "state"),
        version=get_number(body, "version") or 0,
        initiator=_get_flag(body, "initiator"),
        local_host=get_text(body, "local-host"),
        local_port=get_number(body, "local-port") or 0,
        local_id=get_text(body, "local-id"),
        remote_host=get_text(body, "remote-host"),
        remote_port=get_number(body, "remote-port") or 0,
        remote_id=get_text(body, "remote-id"),
        initiator_spi=get_text(body, "initiator-spi"),
        responder_spi=get_text(body, "responder-spi"),
        nat_local=_get_flag(body, "nat-local"),
        nat_remote=_get_flag(body, "nat-remote"),
        nat_fake=_get_flag(body, "nat-fake"),
        encr=_get_algorithm(body, "encr"),
        integ=_get_algorithm(body, "integ"),
        prf=get_text(body, "prf-alg") or None,
        dh_group=get_text(body, "dh-group") or None,
        established=get_seconds(body, "established"),
        rekey_time=get_seconds(body, "rekey-time"),
        reauth_time=get_seconds(body, "reauth-time"),
        tasks=tuple(task for kind in ("queued", "active", "passive") for task in get_texts(body, f"tasks-{kind}")),
        children=tuple(
            _parse_child_sa(child) for child in get_section(body, "child-sas").values() if isinstance(child, Mapping)
        ),
    )


def _parse_child_sa(body: Tree) -> ChildSa:
    return ChildSa(
        name=get_text(body, "name"),
        id=get_number(body, "uniqueid") or 0,
        state=get_text(body, "state"),
        mode=get_text(body, "mode", "TUNNEL"),
        protocol=get_text(body, "protocol", "ESP"),
        encap=_get_flag(body, "encap"),
        reqid=get_number(body, "reqid"),
        spi_in=get_text(body, "spi-in") or None,
        spi_out=get_text(body, "spi-out") or None,
        encr=_get_algorithm(body, "encr"),
        integ=_get_algorithm(body, "integ"),
        dh_group=get_text(body, "dh-group") or None,
        bytes_in=get_number(body, "bytes-in") or 0,
        packets_in=get_number(body, "packets-in") or 0,
        bytes_out=get_number(body, "bytes-out") or 0,
        packets_out=get_number(body, "packets-out") or 0,
        idle_out=get_seconds(body, "use-out"),
        local_ts=get_texts(body, "local-ts"),
        remote_ts=get_texts(body, "remote-ts"),
        install_time=get_seconds(body, "install-time"),
        rekey_time=get_seconds(body, "rekey-time"),
        life_time=get_seconds(body, "life-time"),
    )


def _parse_policy(name: str, body: Tree) -> Policy:
    connection, child = name.split("/", 1) if "/" in name else (name, name)
    mode = get_text(body, "mode").lower()
    kind: Literal["trap", "drop", "pass"] = "drop" if mode == "drop" else "pass" if mode == "pass" else "trap"
    return Policy(
        connection=get_text(body, "ike", connection),
        child=get_text(body, "child", child),
        kind=kind,
        local_ts=get_texts(body, "local-ts"),
        remote_ts=get_texts(body, "remote-ts"),
    )


def _parse_connection(name: str, body: Tree) -> Connection:
    return Connection(
        name=name,
        local_addrs=get_texts(body, "local_addrs"),
        remote_addrs=get_texts(body, "remote_addrs"),
        version=_VERSIONS.get(get_text(body, "version"), 0),
        local=_parse_auths(body, "local"),
        remote=_parse_auths(body, "remote"),
        dpd_delay=get_seconds(body, "dpd_delay") or 0.0,
        dpd_timeout=get_seconds(body, "dpd_timeout") or 0.0,
        unique=get_text(body, "unique").removeprefix("UNIQUE_").lower() or "no",
        rekey_time=get_seconds(body, "rekey_time") or 0.0,
        reauth_time=get_seconds(body, "reauth_time") or 0.0,
        children=tuple(
            _parse_child(child, settings)
            for child, settings in get_section(body, "children").items()
            if isinstance(settings, Mapping)
        ),
        configured=False,
        loaded=True,
    )


def _parse_auths(body: Tree, side: str) -> tuple[Auth, ...]:
    return tuple(
        Auth(
            section=name,
            method=_METHODS.get(get_text(round_, "class"), get_text(round_, "eap-type") or get_text(round_, "class")),
            id=get_text(round_, "id") or None,
            certs=get_texts(round_, "certs"),
        )
        for name, round_ in body.items()
        if isinstance(round_, Mapping) and name.startswith(f"{side}-")
    )


def _parse_child(name: str, body: Tree) -> Child:
    return Child(
        name=name,
        local_ts=get_texts(body, "local-ts"),
        remote_ts=get_texts(body, "remote-ts"),
        mode=get_text(body, "mode", "TUNNEL").lower(),
        close_action=parse_action(get_text(body, "close_action")),
        dpd_action=parse_action(get_text(body, "dpd_action")),
        rekey_time=get_seconds(body, "rekey_time") or 0.0,
        configured=False,
        loaded=True,
    )


def _get_flag(body: Tree, name: str) -> bool:
    return get_text(body, name) == "yes"


def _get_algorithm(body: Tree, kind: str) -> str | None:
    """`AES_CBC-256` of a name and, where there is one, a key length in bits."""
    name = get_text(body, f"{kind}-alg")
    size = get_text(body, f"{kind}-keysize")
    return f"{name}-{size}" if name and size else name or None
