"""The controller is killed with -9, at each point of a run and within the scripts that run on the gateways."""

from __future__ import annotations

from ..scene import CUT, Role, Scene
from ..way import Right, way

CHANGED = Right("the change stays: it was confirmed", lambda scene: scene.changed("responder", "initiator"))
KEPT = Right("the change stays on both ends", lambda scene: scene.changed("responder", "initiator"))


def _at(scene: Scene, moment: str) -> None:
    scene.until_at(scene.moment(moment)).kill()
    scene.strike()


def _within(scene: Scene, role: Role, program: str, pattern: str) -> None:
    """The script on the gateway dies with its session."""
    name = scene.snare(role, program, pattern)
    run = scene.run()
    scene.held(role, name)
    run.kill()
    scene.cut(role, name)
    scene.strike()


@way()
def killed_before_arming(scene: Scene) -> None:
    """Killed before the first guard is armed."""
    _at(scene, "arming")


@way()
def killed_while_arming(scene: Scene) -> None:
    """Killed, and the session cut, when the initiator has its snapshot and no guard yet."""
    _within(scene, "initiator", "ln", "-sn")


@way(everywhere=True)
def killed_after_arming(scene: Scene) -> None:
    """Killed when both gateways are guarded and nothing is written."""
    _at(scene, "armed")


@way(undone=True)
def killed_while_writing(scene: Scene) -> None:
    """Killed, and the session cut, when the new file lies beside the old one and is not yet in its place."""
    _within(scene, "responder", "mv", ".tunnelwright-new")


@way(undone=True)
def killed_after_writing(scene: Scene) -> None:
    """Killed, and the session cut, when the new file is in its place and the daemon has not loaded it."""
    _within(scene, "responder", "swanctl", "--load-conns")


@way(undone=True)
def killed_and_the_script_goes_on(scene: Scene) -> None:
    """Killed before the daemon loads the new file; the script on the gateway does not notice and has it loaded."""
    name = scene.snare("responder", "swanctl", "--load-conns")
    run = scene.run()
    scene.held("responder", name)
    run.kill()
    scene.strike()
    scene.release("responder", name)


@way(undone=True, everywhere=True)
def killed_after_the_reload(scene: Scene) -> None:
    """Killed when the responder has loaded the change and the initiator is as it was."""
    _at(scene, "responder changed")


@way(undone=True)
def killed_while_writing_the_initiator(scene: Scene) -> None:
    """Killed, and the session cut, when the responder is changed and the initiator's new file is half in place."""
    _within(scene, "initiator", "mv", ".tunnelwright-new")


@way(undone=True)
def killed_beside_the_old_sas(scene: Scene) -> None:
    """Killed, and the session cut, when the twin that is to carry the traffic meanwhile is loaded and not yet up."""
    _within(scene, "initiator", "swanctl", "--initiate")


@way(undone=True, everywhere=True)
def killed_before_the_old_sas_go(scene: Scene) -> None:
    """Killed, and the session cut, when the twin is up and the old SAs are about to be ended."""
    _within(scene, "initiator", "swanctl", "--terminate")


@way(undone=True, everywhere=True)
def killed_while_the_tunnel_is_down(scene: Scene) -> None:
    """Killed when a change of the peer's address, to one where nobody is, has brought the tunnel down."""
    scene.until_at(scene.moment("responder changed"), change=CUT).kill()  # its first step is the initiator's
    scene.strike()


@way(undone=True)
def killed_before_the_old_values_go(scene: Scene) -> None:
    """Killed when the tunnel runs with the change and the responder still takes the old proposals too."""
    _at(scene, "initiator changed")


@way(undone=True, everywhere=True)
def killed_before_verifying(scene: Scene) -> None:
    """Killed when both ends have the change alone, and nothing is proven."""
    _at(scene, "changed")


@way(undone=True)
def killed_while_verifying(scene: Scene) -> None:
    """Killed when the proof's pings are about to be sent; the script on the gateway goes on."""
    point = scene.moment("changed")
    run = scene.until_at(point)
    name = scene.snare("initiator", "ping", "-c")
    run.go(point)
    scene.held("initiator", name)
    run.kill()
    scene.strike()
    scene.release("initiator", name)


@way(undone=True)
def killed_after_verifying(scene: Scene) -> None:
    """Killed when the change is proven and nothing of that is told to the gateways."""
    _at(scene, "proven")


@way(undone=True)
def killed_while_it_is_told(scene: Scene) -> None:
    """Killed, and the session cut, when the responder knows that the change is proven and the initiator does not."""
    name = scene.snare("initiator", "mv", "/proven")
    run = scene.run()
    scene.held("initiator", name)
    scene.until(lambda: scene.is_there("responder", "/etc/tunnelwright/guard/proven"), 60, "it is not told")
    run.kill()
    scene.cut("initiator", name)
    scene.strike()


@way(right=KEPT)
def killed_before_confirming(scene: Scene) -> None:
    """Killed when both gateways know that the change is proven and neither is confirmed."""
    _at(scene, "agreed")


@way(right=KEPT, everywhere=True)
def killed_between_the_confirmations(scene: Scene) -> None:
    """Killed, and the session cut, when the responder is confirmed and the initiator is not."""
    name = scene.snare("initiator", "mv", "/confirmed")
    run = scene.run()
    scene.held("initiator", name)
    guard = "/etc/tunnelwright/guard"
    scene.until(lambda: not scene.is_there("responder", guard), 60, "the responder is not confirmed")
    run.kill()
    scene.cut("initiator", name)
    scene.strike()


@way(times=3, right=CHANGED, everywhere=True)
def killed_after_confirming(scene: Scene) -> None:
    """Killed when both ends are confirmed."""
    _at(scene, "confirmed")
