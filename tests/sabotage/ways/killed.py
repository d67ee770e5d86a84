"""The controller is killed with -9, at each point of a run and within the scripts that run on the gateways."""

from __future__ import annotations

from typing import Literal

from ..scene import Role, Scene
from ..way import Right, way

RESPONDER_KEEPS = Right(
    "the responder, which was confirmed, keeps what it takes beside the old; the initiator as before",
    lambda scene: scene.changed("responder", sas=False),
)
CHANGED = Right("the change stays: it was confirmed", lambda scene: scene.changed("responder", "initiator"))


def _at(scene: Scene, when: Literal["before", "after"], step: str) -> None:
    scene.until_at(scene.step(when, step)).kill()
    scene.strike()


def _within(scene: Scene, role: Role, program: str, pattern: str, *, cut: bool) -> None:
    """The script on the gateway dies with its session, or goes on alone."""
    name = scene.snare(role, program, pattern)
    run = scene.run()
    scene.held(role, name)
    run.kill()
    if cut:
        scene.cut(role, name)
    scene.strike()
    if not cut:
        scene.release(role, name)


@way()
def killed_before_arming(scene: Scene) -> None:
    """Killed before the first guard is armed."""
    _at(scene, "before", "arm")


@way()
def killed_while_arming(scene: Scene) -> None:
    """Killed, and the session cut, when one gateway is guarded and the other has its snapshot and no guard yet."""
    _within(scene, "initiator", "ln", "-sn", cut=True)


@way(everywhere=True)
def killed_after_arming(scene: Scene) -> None:
    """Killed when both gateways are guarded and nothing is written."""
    _at(scene, "after", "arm")


@way(undone=True)
def killed_while_writing(scene: Scene) -> None:
    """Killed, and the session cut, when the new file lies beside the old one and is not yet in its place."""
    _within(scene, "responder", "mv", ".tunnelwright-new", cut=True)


@way(undone=True)
def killed_after_writing(scene: Scene) -> None:
    """Killed, and the session cut, when the new file is in its place and the daemon has not loaded it."""
    _within(scene, "responder", "swanctl", "--load-conns", cut=True)


@way(undone=True)
def killed_and_the_script_goes_on(scene: Scene) -> None:
    """Killed before the daemon loads the new file; the script on the gateway does not notice and has it loaded."""
    _within(scene, "responder", "swanctl", "--load-conns", cut=False)


@way(undone=True, everywhere=True)
def killed_after_the_reload(scene: Scene) -> None:
    """Killed when the responder has the change and the initiator does not."""
    _at(scene, "after", "responder")


@way(undone=True)
def killed_while_writing_the_initiator(scene: Scene) -> None:
    """Killed, and the session cut, when the responder is changed and the initiator's new file is half in place."""
    _within(scene, "initiator", "mv", ".tunnelwright-new", cut=True)


@way(undone=True, everywhere=True)
def killed_while_the_tunnel_is_down(scene: Scene) -> None:
    """Killed, and the session cut, when the old SAs are ended and the new ones not yet initiated."""
    _within(scene, "initiator", "swanctl", "--initiate", cut=True)


@way(undone=True, everywhere=True)
def killed_before_verifying(scene: Scene) -> None:
    """Killed when both ends have the change, the tunnel runs with it, and nothing is proven."""
    _at(scene, "after", "initiator")


@way(undone=True)
def killed_while_verifying(scene: Scene) -> None:
    """Killed when the proof's pings are about to be sent; the script on the gateway goes on."""
    _within(scene, "initiator", "ping", "-I", cut=False)


@way(undone=True)
def killed_after_verifying(scene: Scene) -> None:
    """Killed when the change is proven and not confirmed."""
    _at(scene, "after", "prove")


@way(undone=True, right=RESPONDER_KEEPS, everywhere=True)
def killed_between_the_confirmations(scene: Scene) -> None:
    """Killed when the responder is confirmed and the initiator is not."""
    _at(scene, "before", "confirm-initiator")


@way(undone=True, right=RESPONDER_KEEPS)
def killed_while_confirming(scene: Scene) -> None:
    """Killed, and the session cut, when the initiator has heard that it is confirmed and has not noted it."""
    _within(scene, "initiator", "mv", "/confirmed", cut=True)


@way(times=3, right=CHANGED, everywhere=True)
def killed_after_confirming(scene: Scene) -> None:
    """Killed when both ends are confirmed."""
    _at(scene, "after", "confirm-initiator")
