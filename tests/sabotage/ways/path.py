"""The path between the gateways, or to them, is gone, or the peer does not want what it is offered."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..product import Change
from ..scene import CUT, GOOD, REFUSED, Scene
from ..way import Right, way
from .killed import CHANGED, KEPT

HALF = Right(
    "the first as before; the change of the second stays",
    lambda scene: scene.changed("responder", "initiator", tunnel=scene.tunnels[1]),
)
IN_UDP = Change({"encap": "yes"})


@way(undone=True, everywhere=True)
def the_change_cuts_the_management_path(scene: Scene) -> None:
    """The initiator is managed through the tunnel, by way of the responder, and gets a peer that is not there."""
    name = scene.snare("initiator", "swanctl", "--load-conns")
    scene.run(change=CUT, hosts={"initiator": _through_the_tunnel(scene)})
    scene.held("initiator", name)
    scene.strike()
    scene.release("initiator", name)


@way(undone=True, everywhere=True, times=3, right=CHANGED)
def the_management_path_is_changed_well(scene: Scene) -> None:
    """The initiator is managed through the tunnel, by way of the responder, and the change is good."""
    name = scene.snare("initiator", "swanctl", "--terminate")
    run = scene.run(hosts={"initiator": _through_the_tunnel(scene)})
    scene.held("initiator", name)
    scene.strike()
    scene.release("initiator", name)
    run.end()


@way(undone=True)
def the_management_network_fails(scene: Scene) -> None:
    """The initiator can be reached no more from when the change is proven until after the deadline."""
    _out_of_reach(scene, "proven")


@way(right=KEPT, everywhere=True)
def the_management_network_fails_before_confirming(scene: Scene) -> None:
    """The same from when both gateways know that it is proven: the responder is confirmed, the initiator never."""
    _out_of_reach(scene, "agreed")


@way(undone=True, everywhere=True)
def the_peer_cannot_be_reached(scene: Scene) -> None:
    """Nothing passes between the gateways from before the initiator is changed until after the deadline."""
    point = scene.moment("responder changed")
    run = scene.until_at(point)
    with scene.path_cut():
        scene.strike()
        run.go(point)
        time.sleep(scene.seconds + 20)
    run.end()


@way(undone=True, everywhere=True)
def the_peer_refuses_the_change(scene: Scene) -> None:
    """The initiator is to say that it is somebody whom the responder does not know."""
    _told(scene, REFUSED, "was not established")


@way(undone=True)
def the_peer_gets_another_key_meanwhile(scene: Scene) -> None:
    """Somebody gives the responder another pre-shared key when it is guarded, and has the daemon load it."""
    point = scene.moment("armed")
    run = scene.until_at(point)
    scene.sh("responder", "sed -i 's/secret = .*/secret = another/' /etc/swanctl/conf.d/secrets.conf")
    scene.sh("responder", "swanctl --load-creds --noprompt")
    scene.strike()
    run.go(point)
    scene.fails(run, "was not established")


@way(undone=True)
def the_path_drops_what_the_change_sends(scene: Scene) -> None:
    """ESP is put into UDP, which is dropped on the path: the SAs come up and carry nothing."""
    router = f"r{scene.tunnel.name.removeprefix('t')}"
    rule = "add rule inet lab forward udp dport 4500 @th,64,32 != 0 drop"
    scene.lab.exec(router, ["nft", rule], check=True)
    _told(scene, IN_UDP, "got 0 of 3 pings back")


@way(undone=True, times=3, pairs=2, right=HALF)
def half_of_a_batch_fails(scene: Scene) -> None:
    """Of two tunnels that are changed in one batch, the peer of the first does not accept the change."""
    name = scene.snare("initiator", "swanctl", "--initiate")
    run = scene.run(change=REFUSED, also=[(scene.tunnels[1], GOOD)])
    scene.held("initiator", name)
    scene.strike()
    scene.release("initiator", name)
    scene.fails(run, "was not established")


def _out_of_reach(scene: Scene, moment: str) -> None:
    point = scene.moment(moment)
    run = scene.until_at(point)
    scene.sh("initiator", "ip link set mgmt down")
    scene.strike()
    run.go(point)
    time.sleep(scene.seconds + 20)
    scene.sh("initiator", "ip link set mgmt up")
    run.end()


def _told(scene: Scene, change: Change, why: str) -> None:
    name = scene.snare("initiator", "swanctl", "--initiate")
    run = scene.run(change=change)
    scene.held("initiator", name)
    scene.strike()
    scene.release("initiator", name)
    scene.fails(run, why)


def _through_the_tunnel(scene: Scene) -> Mapping[str, str]:
    """A second sshd on the address behind the tunnel, and how it is reached: from the responder, whose ssh forwards."""
    lab, responder, initiator = scene.lab, scene.gateway("responder"), scene.gateway("initiator")
    address = lab.inside(initiator)
    scene.sh("initiator", f"/usr/sbin/sshd -f /etc/ssh/lab_config -o ListenAddress={address} -o PidFile=none")
    known = f"-o UserKnownHostsFile={lab.folder}/known_hosts -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    jump = f"ssh -i {lab.folder}/id_ed25519 {known} -W %h:%p root@{lab.management(responder)}"
    return {
        "ansible_host": address,
        "ansible_ssh_common_args": f"{known} -o HostKeyAlias={lab.management(initiator)} -o ProxyCommand='{jump}'",
    }
