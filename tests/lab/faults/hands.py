"""How faults are put: what a careless operator, a middlebox or a crash does to a gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..lab import Lab, LabError, installed, psks
from ..swanctl import connection
from ..swanctl import secrets as secrets_conf
from ..topology import End, Tunnel

IKE = "udp dport { 500, 4500 }"
IKEV1 = {"version": "1"}
CONF_D = "/etc/swanctl/conf.d"


def configure(
    lab: Lab,
    tunnel: Tunnel,
    end: End,
    settings: Mapping[str, str] | None = None,
    child: Mapping[str, str] | None = None,
) -> None:
    """Write an end's connection with changes and load it."""
    write(lab, tunnel, end, settings, child)
    loaded = lab.exec(end.gateway, ["swanctl", "--load-conns"])
    if loaded.returncode:
        raise LabError(f"{end.gateway} does not load {end.connection}: {loaded.stdout}{loaded.stderr}")


def both(
    lab: Lab, tunnel: Tunnel, settings: Mapping[str, str] | None = None, child: Mapping[str, str] | None = None
) -> None:
    """Change both ends alike."""
    for end in (tunnel.responder, tunnel.initiator):
        configure(lab, tunnel, end, settings, child)


def write(
    lab: Lab,
    tunnel: Tunnel,
    end: End,
    settings: Mapping[str, str] | None = None,
    child: Mapping[str, str] | None = None,
) -> None:
    """Write an end's connection with changes and leave the daemon as it is."""
    lab.write(end.gateway, f"{CONF_D}/{end.connection}.conf", connection(tunnel, end, settings, child))


def terminate(lab: Lab, end: End) -> None:
    """Close what is up, by hand."""
    lab.exec(end.gateway, ["swanctl", "--terminate", "--ike", end.connection, "--timeout", "5"])
    lab.exec(end.gateway, ["swanctl", "--terminate", "--ike", end.connection, "--timeout", "1", "--force"])


def retry(lab: Lab, tunnel: Tunnel, *, up: bool = False) -> None:
    """End what is up and initiate anew, so that what was changed shows."""
    end = tunnel.initiator
    terminate(lab, tunnel.responder)
    terminate(lab, end)
    lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "net", "--timeout", "5"])
    if up:
        wait(lambda: installed(lab, tunnel), f"{tunnel.name} did not come up")


def count(lab: Lab, end: End) -> int:
    """How many children are installed."""
    return sas(lab, end).count("INSTALLED")


def sas(lab: Lab, end: End) -> str:
    """The SAs of an end's connection, as they are listed."""
    return lab.exec(end.gateway, ["swanctl", "--list-sas", "--ike", end.connection]).stdout


def wait(until: Callable[[], bool], else_: str, seconds: float = 20) -> None:
    """Wait for something.

    Raises:
        LabError: it does not happen.
    """
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise LabError(else_)
        time.sleep(0.2)


def router(lab: Lab, end: End) -> str:
    """The router beside a gateway."""
    networks = lab.topology.gateways[end.gateway].addresses.keys()
    return next(node.name for node in lab.topology.routers.values() if networks & node.addresses.keys())


def towards(lab: Lab, end: End) -> str:
    """The router's address in an end's own network."""
    node = lab.topology.routers[router(lab, end)]
    network = next(iter(lab.topology.gateways[end.gateway].addresses))
    return str(node.addresses[network].ip)


def nft(lab: Lab, node: str, *rules: str) -> None:
    """Add rules to a node's packet filter."""
    lab.exec(node, ["nft", "-f", "-"], stdin="".join(f"{rule}\n" for rule in rules), check=True)


def drop(lab: Lab, end: End, match: str) -> None:
    """Have the router drop what an end sends, where it matches."""
    nft(lab, router(lab, end), f"add rule inet lab forward ip saddr {end.address} {match} drop")


def refuse(lab: Lab, end: End, match: str) -> None:
    """Have an end's own packet filter drop what comes in, where it matches."""
    chain = "add chain inet own input { type filter hook input priority 0 ; }"
    nft(lab, end.gateway, "add table inet own", chain, f"add rule inet own input {match} drop")


def hide(lab: Lab, tunnel: Tunnel, end: End) -> None:
    """Put NAT before an end: its peer sees the router's address.

    What is up goes down first: a packet of the peer's would begin a flow that NAT leaves as it is.
    """
    for each in (tunnel.responder, tunnel.initiator):
        terminate(lab, each)
    chain = "add chain inet lab post { type nat hook postrouting priority 100 ; }"
    rule = f"add rule inet lab post ip saddr {end.address} ip daddr {tunnel.other(end).address} masquerade"
    nft(lab, router(lab, end), chain, rule)


def forward(lab: Lab, tunnel: Tunnel, end: End) -> str:
    """Put NAT before an end that answers: the router's address on the peer's side leads to it. Returns that address."""
    reached = towards(lab, tunnel.other(end))
    chain = "add chain inet lab pre { type nat hook prerouting priority -100 ; }"
    rule = f"add rule inet lab pre ip daddr {reached} {IKE} dnat ip to {end.address}"
    nft(lab, router(lab, end), chain, rule)
    return reached


def keys(lab: Lab, end: End, entries: Mapping[str, tuple[str, str, str]], *, load: bool = True) -> None:
    """Give an end these pre-shared keys and no other."""
    lab.write(end.gateway, f"{CONF_D}/secrets.conf", secrets_conf(entries), mode="0600")
    if load:
        lab.exec(end.gateway, ["swanctl", "--load-creds", "--clear", "--noprompt"], check=True)


def own_keys(lab: Lab, end: End) -> dict[str, tuple[str, str, str]]:
    """The pre-shared keys that an end is to have."""
    return psks(lab, end.gateway)


def daemon(lab: Lab, end: End, *words: str) -> None:
    """Start, stop, kill an end's daemon."""
    for word in words:
        lab.exec(end.gateway, ["/etc/init.d/strongswan", word])  # its status is that of loading the configuration
    if (lab.exec(end.gateway, ["pidof", "charon-systemd"]).returncode == 0) != (words[-1] == "start"):
        raise LabError(f"the daemon of {end.gateway} is not in the state that {words[-1]} leaves")
