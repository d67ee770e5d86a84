"""Synthetic fleets in which every gateway has tunnels to its neighbours on both sides, all healthy and up."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Auth, Connection, Gateway

from .build import child, connection, gateway, ike_sa, mirrored

EACH = 10  # tunnels that a gateway starts, and as many that it answers to


def fleet(gateways: int) -> Iterator[Gateway]:
    """So many gateways on a ring, one after the other: each has tunnels with the ten before and the ten after it."""
    for own in range(gateways):
        started = [(_connection(own, (own + step) % gateways), own * EACH + step) for step in range(1, EACH + 1)]
        before = [((own - step) % gateways, step) for step in range(1, EACH + 1)]
        answered = [(mirrored(_connection(other, own), f"from-{other}"), other * EACH + step) for other, step in before]
        sas = (
            *(ike_sa(each, number) for each, number in started),
            *(ike_sa(each, number, swapped=True) for each, number in answered),
        )
        yield gateway(_name(own), *(each for each, dummy in (*started, *answered)), sas=sas)


def _name(number: int) -> str:
    return f"fw-{number:05}"


def _connection(starts: int, answers: int) -> Connection:
    return connection(
        f"to-{answers}",
        local_addrs=(_address(198, starts),),
        remote_addrs=(_address(198, answers),),
        local=(Auth("local", "psk", f"{_name(starts)}.example"),),
        remote=(Auth("remote", "psk", f"{_name(answers)}.example"),),
        children=(child(local_ts=(_network(starts),), remote_ts=(_network(answers),)),),
    )


def _address(first: int, number: int) -> str:
    return f"{first}.{number // 65536}.{number // 256 % 256}.{number % 256}"


def _network(number: int) -> str:
    return f"10.{number // 256}.{number % 256}.0/24"
