"""What breaks tunnels, by name: tests and demo share this one list.

Each fault is put on one tunnel of a running lab and leaves it broken as it breaks in the field: files changed
and loaded, SAs up or down as they would be. It says which finding it must lead to, and on which end.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .lab import Lab, LabError, installed, psks
from .swanctl import connection
from .swanctl import secrets as secrets_conf
from .topology import End, Tunnel

Put = Callable[[Lab, Tunnel], None]
Side = Literal["initiator", "responder", "either"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a tunnel."""

    name: str
    about: str
    side: Side  # the end that a finding must name
    finds: str  # the id of that finding
    carries: bool  # whether traffic still passes
    put: Put


FAULTS: dict[str, Fault] = {}


def inject(lab: Lab, name: str, tunnel: str | None = None) -> Fault:
    """Put a fault on a tunnel, the first one if none is named.

    Raises:
        LabError: there is no such fault or tunnel, or it did not take.
    """
    if name not in FAULTS:
        raise LabError(f"no fault is called {name}; known are {', '.join(FAULTS)}")
    on = tunnel or next(iter(lab.topology.tunnels))
    if on not in lab.topology.tunnels:
        raise LabError(f"no tunnel is called {on}; there are {', '.join(lab.topology.tunnels)}")
    FAULTS[name].put(lab, lab.topology.tunnels[on])
    return FAULTS[name]


def _fault(about: str, side: Side, *, carries: bool, finds: str = "") -> Callable[[Put], Put]:
    def register(put: Put) -> Put:
        name = put.__name__.strip("_").replace("_", "-")
        FAULTS[name] = Fault(name, about, side, finds or name, carries, put)
        return put

    return register


@_fault("The initiator proposes a DH group that the responder has not.", "initiator", carries=False)
def _ike_proposals_disjoint(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.initiator, {"proposals": "aes256-sha256-modp2048"})
    _retry(lab, tunnel)


@_fault("The initiator proposes an ESP integrity that the responder has not.", "initiator", carries=False)
def _esp_proposals_disjoint(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.initiator, child={"esp_proposals": "aes128-sha1-x25519"})
    _retry(lab, tunnel)


@_fault(
    "The initiator rekeys without PFS, the responder only with: up until the first rekey.", "initiator", carries=True
)
def _pfs_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.initiator, child={"esp_proposals": "aes256-sha256"})
    _retry(lab, tunnel, up=True)


@_fault("The initiator speaks IKEv1, the responder IKEv2.", "initiator", carries=False)
def _ike_version_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.initiator, {"version": "1"})
    _retry(lab, tunnel)


@_fault("The responder offers half of its network: up, but narrowed.", "responder", carries=True)
def _selectors_not_mirrored(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.responder, child={"local_ts": tunnel.responder.network.replace("/24", "/25")})
    _retry(lab, tunnel, up=True)


@_fault("The responder expects another identity than the initiator has.", "responder", carries=False)
def _identity_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.responder, {"remote.id": "somebody-else.lab"})
    _retry(lab, tunnel)


@_fault("The two ends have different pre-shared keys.", "either", carries=False)
def _psk_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    gateway = tunnel.responder.gateway
    entries = psks(lab, gateway)
    one, other, dummy = entries[tunnel.name]
    entries[tunnel.name] = (one, other, secrets.token_urlsafe(24))
    lab.write(gateway, "/etc/swanctl/conf.d/secrets.conf", secrets_conf(entries), mode="0600")
    lab.exec(gateway, ["swanctl", "--load-creds", "--noprompt"], check=True)
    _retry(lab, tunnel)


@_fault("A router in the path drops ESP: SAs are up, nothing arrives.", "initiator", carries=False)
def _nat_traversal_needed(lab: Lab, tunnel: Tunnel) -> None:
    one, other = tunnel.initiator.address, tunnel.responder.address
    rules = "".join(
        f"add rule inet lab forward ip saddr {a} ip daddr {b} ip protocol esp drop\n"
        for a, b in ((one, other), (other, one))
    )
    lab.exec(_router(lab, tunnel.responder), ["nft", "-f", "-"], stdin=rules, check=True)


@_fault("The responder never checks that its peer is alive.", "responder", carries=True)
def _dpd_off(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.responder, {"dpd_delay": "0s"})
    _retry(lab, tunnel, up=True)


@_fault("Both ends start the tunnel.", "responder", carries=True)
def _both_initiate(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.responder, child={"start_action": "start"})
    _wait(lambda: installed(lab, tunnel), f"{tunnel.name} is not up")


@_fault("Neither end starts the tunnel.", "initiator", carries=False)
def _no_initiator(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.initiator, child={"start_action": "none"})
    _terminate(lab, tunnel.initiator)


@_fault("Both ends start the tunnel again when it is closed.", "responder", carries=True)
def _close_action_both(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.responder, child={"close_action": "start"})
    _retry(lab, tunnel, up=True)


@_fault("The initiator starts once and does not come back after a close.", "initiator", carries=True)
def _initiator_not_persistent(lab: Lab, tunnel: Tunnel) -> None:
    _configure(lab, tunnel, tunnel.initiator, child={"start_action": "start", "close_action": "none"})
    _retry(lab, tunnel, up=True)


@_fault(
    "A child that no policy can trap (policies = no, as on a route-based tunnel) has no periodic check.",
    "initiator",
    carries=True,
    finds="keepalive-missing",
)
def _keepalive_missing(lab: Lab, tunnel: Tunnel) -> None:
    route_based = {"mark_in": "42", "mark_out": "42", "start_action": "start"}
    _configure(lab, tunnel, tunnel.initiator, child=route_based)
    _retry(lab, tunnel, up=True)


@_fault("The responder's connection is in the file and not in the daemon.", "responder", carries=False)
def _not_loaded(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    path = f"/etc/swanctl/conf.d/{end.connection}.conf"
    lab.sh(end.gateway, f"mv {path} /run/away && swanctl --load-conns && mv /run/away {path}")
    _terminate(lab, end)


@_fault("Loaded on both ends, terminated by hand, and nothing brings it back.", "initiator", carries=False)
def _not_installed(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    lab.exec(end.gateway, ["swanctl", "--uninstall", "--child", "net", "--ike", end.connection], check=True)
    _terminate(lab, end)


@_fault("The responder's daemon is stopped.", "responder", carries=False)
def _daemon_stopped(lab: Lab, tunnel: Tunnel) -> None:
    lab.exec(tunnel.responder.gateway, ["/etc/init.d/strongswan", "stop"], check=True)


@_fault("Two CHILD_SAs for one child.", "initiator", carries=True)
def _duplicate_child_sas(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    _configure(lab, tunnel, end, child={"start_action": "none"})
    lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "net", "--timeout", "10"])
    # An up tunnel whose start_action gains start is initiated again: the daemon compares whole configurations.
    _configure(lab, tunnel, end)
    _wait(lambda: _count(lab, end) > 1, f"{tunnel.name} has no duplicate")


@_fault(
    "The responder crashed and came back; the initiator still believes that the tunnel is up.",
    "initiator",
    carries=False,
)
def _sa_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    lab.exec(tunnel.responder.gateway, ["/etc/init.d/strongswan", "kill"], check=True)
    lab.exec(tunnel.responder.gateway, ["/etc/init.d/strongswan", "start"], check=True)


def _configure(
    lab: Lab,
    tunnel: Tunnel,
    end: End,
    settings: Mapping[str, str] | None = None,
    child: Mapping[str, str] | None = None,
) -> None:
    """Write an end's connection with changes and load it."""
    lab.write(end.gateway, f"/etc/swanctl/conf.d/{end.connection}.conf", connection(tunnel, end, settings, child))
    loaded = lab.exec(end.gateway, ["swanctl", "--load-conns"])
    if loaded.returncode:
        raise LabError(f"{end.gateway} does not load {end.connection}: {loaded.stdout}{loaded.stderr}")


def _terminate(lab: Lab, end: End) -> None:
    lab.exec(end.gateway, ["swanctl", "--terminate", "--ike", end.connection, "--timeout", "5"])


def _retry(lab: Lab, tunnel: Tunnel, *, up: bool = False) -> None:
    """End what is up and initiate anew, so that what was changed shows."""
    end = tunnel.initiator
    _terminate(lab, tunnel.responder)
    _terminate(lab, end)
    lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "net", "--timeout", "5"])
    if up:
        _wait(lambda: installed(lab, tunnel), f"{tunnel.name} did not come up")


def _count(lab: Lab, end: End) -> int:
    return lab.exec(end.gateway, ["swanctl", "--list-sas", "--ike", end.connection]).stdout.count("INSTALLED")


def _wait(until: Callable[[], bool], else_: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise LabError(else_)
        time.sleep(0.2)


def _router(lab: Lab, end: End) -> str:
    """The router beside a gateway."""
    networks = lab.topology.gateways[end.gateway].addresses.keys()
    return next(router.name for router in lab.topology.routers.values() if networks & router.addresses.keys())
