"""People: who break off, who work on the same gateway at the same time, or who come too late."""

from __future__ import annotations

import time
from signal import SIGCONT, SIGHUP, SIGINT, SIGSTOP, Signals

from ..scene import Scene
from ..way import Right, way
from .killed import CHANGED

BROKEN = "echo 'connections { x {' >/etc/swanctl/conf.d/zz.conf"
NOTES = "/etc/strongswan.d/notes.conf"
COMMENT = "# by somebody else\n"
ONE_OR_NONE = Right(
    "the change of one of them stays, or where each has taken one gateway as before",
    lambda scene: scene.changed("responder", "initiator"),
    lambda scene: scene.before,
)
NOTED = Right(
    "as before, and the other file as it was written",
    lambda scene: {gateway: before.with_file(NOTES, COMMENT) for gateway, before in scene.before.items()},
)


@way(undone=True, everywhere=True)
def ctrl_c(scene: Scene) -> None:
    """Ctrl-C when the responder has the change and the initiator does not."""
    _signal(scene, SIGINT)


@way(undone=True)
def the_terminal_is_closed(scene: Scene) -> None:
    """The terminal is closed (SIGHUP) when the responder has the change and the initiator does not."""
    _signal(scene, SIGHUP)


@way(undone=True)
def ctrl_c_while_writing(scene: Scene) -> None:
    """Ctrl-C when the responder's new file is about to be put in its place; the script there goes on."""
    name = scene.snare("responder", "mv", ".tunnelwright-new")
    run = scene.run()
    scene.held("responder", name)
    run.signal(SIGINT)
    scene.strike()
    run.end()
    scene.release("responder", name)


@way(undone=True, everywhere=True)
def the_controller_sleeps(scene: Scene) -> None:
    """The controller stops before the proof, as a laptop whose lid is closed, and goes on after the deadline."""
    point = scene.moment("changed")
    run = scene.until_at(point)
    run.signal(SIGSTOP)
    scene.strike()
    run.go(point)
    time.sleep(scene.seconds + 20)
    run.signal(SIGCONT)
    scene.fails(run, "rolled back")


@way(undone=True)
def confirmed_too_late(scene: Scene) -> None:
    """The proof takes so long that the deadline passes before anything is confirmed."""
    point = scene.moment("proven")
    run = scene.until_at(point)
    scene.strike()
    time.sleep(scene.seconds + 10)
    run.go(point)
    scene.fails(run, "rolled back")


@way(undone=True, times=3, right=CHANGED)
def two_operators(scene: Scene) -> None:
    """A second operator begins the same change when the first has changed the responder; the first then goes on."""
    point = scene.moment("responder changed")
    first = scene.until_at(point)
    scene.strike()
    scene.fails(scene.run(), "a guard of ")
    first.go(point)
    first.end()


@way(times=3, right=ONE_OR_NONE, everywhere=True)
def two_operators_at_once(scene: Scene) -> None:
    """Two operators begin the same change at the same moment."""
    point = scene.moment("arming")
    runs = [scene.run(point), scene.run(point)]
    for run in runs:
        run.reached(point)
    scene.strike()
    for run in runs:
        run.go(point)
    for run in runs:
        run.end()


@way(undone=True)
def a_syntax_error_before_writing(scene: Scene) -> None:
    """Somebody writes a file with a syntax error on the responder when it is guarded and nothing is written."""
    point = scene.moment("armed")
    run = scene.until_at(point)
    scene.sh("responder", BROKEN)
    scene.strike()
    run.go(point)
    scene.fails(run, "zz.conf")


@way(undone=True, everywhere=True)
def a_syntax_error_that_is_loaded(scene: Scene) -> None:
    """The controller is killed; somebody writes a file with a syntax error on both gateways and loads it, which
    unloads every connection."""
    scene.until_at(scene.moment("changed")).kill()
    for gateway in scene.gateways:
        scene.lab.sh(gateway, f"{BROKEN}; swanctl --load-all --noprompt || :")
    scene.strike()


@way(undone=True)
def the_same_file_is_edited_between_reading_and_writing(scene: Scene) -> None:
    """Somebody edits the responder's file after it was read and before it is written."""
    point = scene.moment("armed")
    run = scene.until_at(point)
    name = scene.snare("responder", "readlink", scene.conf("responder"))
    run.go(point)
    scene.held("responder", name)
    scene.sh("responder", f"echo '# by somebody else' >>{scene.conf('responder')}")
    scene.strike()
    scene.release("responder", name)
    scene.fails(run, "was changed by someone else meanwhile")


@way(undone=True)
def the_same_file_is_edited_after_the_change(scene: Scene) -> None:
    """Somebody edits, takes away the mode of, or removes the files that were changed; the controller is killed."""
    scene.until_at(scene.moment("changed")).kill()
    scene.sh("responder", f"sed -i s/dpd_delay.*// {scene.conf('responder')}; chmod 666 {scene.conf('responder')}")
    scene.sh("initiator", f"rm {scene.conf('initiator')}; chown 7:8 /etc/swanctl/conf.d/secrets.conf")
    scene.strike()


@way(undone=True, right=NOTED)
def another_file_is_edited(scene: Scene) -> None:
    """Somebody writes a file that no module writes, on both gateways, and the controller is killed."""
    scene.until_at(scene.moment("changed")).kill()
    for gateway in scene.gateways:
        scene.lab.write(gateway, NOTES, COMMENT)
    scene.strike()


def _signal(scene: Scene, number: Signals) -> None:
    point = scene.moment("responder changed")
    run = scene.until_at(point)
    run.signal(number)
    scene.strike()
    run.end()
