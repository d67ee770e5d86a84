"""What is loaded and installed is not what was configured: crashes, restarts, hands."""

from __future__ import annotations

from ..lab import Lab
from ..topology import End, Tunnel
from .hands import CONF_D, IKE, configure, count, daemon, drop, retry, terminate, wait, write
from .registry import fault
from .roles import ONCE


@fault(
    "The responder's connection is in the file and not in the daemon.",
    "responder",
    carries=False,
    cure="daemon loaded",
)
def _not_loaded(lab: Lab, tunnel: Tunnel) -> None:
    _unload(lab, tunnel.responder)


@fault(
    "The initiator's connection is in the file and not in the daemon.",
    "initiator",
    "not-loaded",
    carries=False,
    cure="daemon loaded",
)
def _initiator_not_loaded(lab: Lab, tunnel: Tunnel) -> None:
    _unload(lab, tunnel.initiator)


@fault(
    "The init script starts the responder's daemon without loading connections, and the daemon was restarted.",
    "responder",
    carries=False,
    advice="run swanctl --load-all",
    beside=("not-loaded",),
)
def _loads_nothing(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    lab.sh(end.gateway, "sed -i 's/ swanctl --load-all.*/ :/' /etc/init.d/strongswan")
    daemon(lab, end, "stop", "start")


@fault(
    "Loaded on both ends, terminated by hand, and nothing brings it back.",
    "initiator",
    carries=False,
    cure="sa established",
    sure="observed",
)
def _not_installed(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    lab.exec(end.gateway, ["swanctl", "--uninstall", "--child", "net", "--ike", end.connection], check=True)
    terminate(lab, end)


@fault(
    "Terminated by hand on the initiator, which a close action does not answer.",
    "initiator",
    "not-installed",
    carries=False,
    cure="sa established",
    sure="observed",
)
def _closed_by_its_own_end(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child=ONCE)
    wait(lambda: count(lab, tunnel.initiator) > 0, f"{tunnel.name} did not come up")
    terminate(lab, tunnel.initiator)


@fault(
    "Something has removed the responder's route into the tunnel from strongSwan's routing table.",
    "responder",
    carries=False,
    advice="restart the daemon",
    sure="observed",
)
def _route_missing(lab: Lab, tunnel: Tunnel) -> None:
    wait(lambda: count(lab, tunnel.responder) > 0, f"{tunnel.name} did not come up")
    lab.sh(tunnel.responder.gateway, "ip route flush table 220")


@fault("The responder's daemon is stopped.", "responder", carries=False, cure="daemon started", returns=True)
def _daemon_stopped(lab: Lab, tunnel: Tunnel) -> None:
    daemon(lab, tunnel.responder, "stop")


@fault("The initiator's daemon is stopped.", "initiator", "daemon-stopped", carries=False, cure="daemon started")
def _initiator_stopped(lab: Lab, tunnel: Tunnel) -> None:
    daemon(lab, tunnel.initiator, "stop")


@fault("Two CHILD_SAs for one child.", "initiator", carries=True, cure="sa deduplicated", sure="observed")
def _duplicate_child_sas(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    configure(lab, tunnel, end, child={"start_action": "none"})
    lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "net", "--timeout", "10"])
    # An up tunnel whose start_action gains start is initiated again: the daemon compares whole configurations.
    configure(lab, tunnel, end)
    wait(lambda: count(lab, end) > 1, f"{tunnel.name} has no duplicate")


@fault(
    "The responder crashed and came back; the initiator still believes that the tunnel is up.",
    "initiator",
    carries=False,
    cure="sa reinitiated",
    sure="observed",
)
def _sa_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"dpd_delay": "3600s"})  # or it finds out by itself before anybody looks
    retry(lab, tunnel, up=True)
    daemon(lab, tunnel.responder, "kill", "start")


@fault(
    "The responder's file was edited and not loaded.",
    "responder",
    "config-drift",
    carries=True,
    cure="daemon loaded",
)
def _config_drift(lab: Lab, tunnel: Tunnel) -> None:
    write(lab, tunnel, tunnel.responder, {"dpd_delay": "45s"})


@fault(
    "The responder's connection was removed from the file and is still loaded.",
    "responder",
    "config-drift",
    carries=True,
    advice="write it into the configuration",
)
def _loaded_and_in_no_file(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    lab.sh(end.gateway, f"rm {CONF_D}/{end.connection}.conf")


@fault(
    "The initiator was changed and started again and again while nobody answers.",
    "initiator",
    carries=False,
    advice="diagnose",
    sure="observed",
    beside=("ike-unanswered", "not-installed"),
)
def _half_open_ike_sas(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    drop(lab, end, IKE)
    terminate(lab, tunnel.responder)
    terminate(lab, end)
    for delay in ("33s", "32s", "31s", "30s"):  # a changed connection does not reuse the IKE_SA of before
        configure(lab, tunnel, end, {"dpd_delay": delay}, {"start_action": "trap"})
        lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "net", "--timeout", "1"])


def _unload(lab: Lab, end: End) -> None:
    path = f"{CONF_D}/{end.connection}.conf"
    lab.sh(end.gateway, f"mv {path} /run/away && swanctl --load-conns && mv /run/away {path}")
    terminate(lab, end)
