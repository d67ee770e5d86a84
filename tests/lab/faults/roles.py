"""Nobody starts, both start, nothing comes back, nobody notices."""

from __future__ import annotations

from ..lab import Lab, installed
from ..topology import Tunnel
from .hands import IKE, both, configure, count, drop, nft, retry, router, sas, terminate, wait
from .registry import fault

ONCE = {"start_action": "start", "close_action": "start", "dpd_action": "restart"}


@fault("The responder never checks that its peer is alive.", "responder", carries=True, cure="dpd_delay")
def _dpd_off(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"dpd_delay": "0s"})
    retry(lab, tunnel, up=True)


@fault("The initiator never checks that its peer is alive.", "initiator", "dpd-off", carries=True, cure="dpd_delay")
def _initiator_without_dpd(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"dpd_delay": "0s"})
    retry(lab, tunnel, up=True)


@fault("A dpd_timeout that IKEv2 ignores.", "responder", carries=True, advice="remove it")
def _dpd_timeout_ignored(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"dpd_timeout": "60s"})
    retry(lab, tunnel, up=True)


@fault(
    "Both ends start the tunnel.",
    "responder",
    carries=True,
    cure="start_action",
    beside=("duplicate-child-sas",),
)
def _both_initiate(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"start_action": "start"})
    wait(lambda: installed(lab, tunnel), f"{tunnel.name} is not up")


@fault("Neither end starts the tunnel.", "initiator", carries=False, cure="start_action")
def _no_initiator(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={"start_action": "none"})
    terminate(lab, tunnel.initiator)


@fault(
    "Both ends start the tunnel again when it is closed.",
    "responder",
    carries=True,
    cure="close_action",
    beside=("duplicate-child-sas",),
)
def _close_action_both(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"close_action": "start"})
    retry(lab, tunnel, up=True)


@fault(
    "Both ends start the tunnel again when it is closed, and it is up twice.",
    "responder",
    "close-action-both",
    carries=True,
    cure="close_action",
    beside=("duplicate-child-sas",),
)
def _twice_and_close_action_both(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"close_action": "start"})
    drop(lab, tunnel.responder, IKE)
    drop(lab, tunnel.initiator, IKE)
    for end in (tunnel.responder, tunnel.initiator):  # each starts before it hears of the other
        terminate(lab, end)
        lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "net", "--timeout", "1"])
    nft(lab, router(lab, tunnel.initiator), "flush chain inet lab forward")
    wait(lambda: count(lab, tunnel.initiator) > 1, f"{tunnel.name} has no duplicate")


@fault(
    "The initiator starts once and does not come back after a close.",
    "initiator",
    carries=True,
    cure="close_action",
    asked="persistence",
)
def _initiator_not_persistent(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={"start_action": "start", "close_action": "none"})
    retry(lab, tunnel, up=True)


@fault(
    "The initiator starts once and does not come back after its peer was dead.",
    "initiator",
    "initiator-not-persistent",
    carries=True,
    cure="dpd_action",
    asked="persistence",
)
def _gone_after_a_dead_peer(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={**ONCE, "dpd_action": "clear"})
    retry(lab, tunnel, up=True)


@fault(
    "The initiator tries one sequence of retransmissions and then no more.",
    "initiator",
    "initiator-not-persistent",
    carries=True,
    cure="keyingtries",
    asked="persistence",
)
def _gives_up(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"keyingtries": "1"}, ONCE)
    retry(lab, tunnel, up=True)


@fault(
    "The initiator gave up while its peer could not be reached, and tries no more now that it can.",
    "initiator",
    carries=False,
    cure="keyingtries",
    sure="observed",
    beside=("initiator-not-persistent",),
)
def _gave_up(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    lab.write(end.gateway, "/etc/strongswan.d/short.conf", "charon { retransmit_tries = 1\n retransmit_timeout = 1 }\n")
    lab.exec(end.gateway, ["swanctl", "--reload-settings"], check=True)
    for each in (tunnel.responder, end):
        terminate(lab, each)
    drop(lab, end, IKE)
    configure(lab, tunnel, end, {"keyingtries": "1"}, ONCE)
    wait(lambda: not sas(lab, end), f"{end.connection} does not give up")
    nft(lab, router(lab, end), "flush chain inet lab forward")


@fault(
    "A child that no policy can trap (as on a route-based tunnel) has no periodic check.",
    "initiator",
    "keepalive-missing",
    carries=True,
    cure="keepalive present",
    asked="persistence",
)
def _keepalive_missing(lab: Lab, tunnel: Tunnel) -> None:
    route_based = {"mark_in": "42", "mark_out": "42", "start_action": "start"}
    configure(lab, tunnel, tunnel.initiator, child=route_based)
    retry(lab, tunnel, up=True)


@fault(
    "Both ends start, and rekey at the same second: rekeys collide.",
    "responder",
    "lifetimes-equal",
    carries=True,
    cure="rand_time",
    beside=("both-initiate", "duplicate-child-sas"),
    asked="practice",
)
def _lifetimes_equal(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, child={"rekey_time": "600s", "rand_time": "0s"})
    retry(lab, tunnel, up=True)
