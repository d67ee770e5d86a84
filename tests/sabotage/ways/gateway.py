"""Something of the gateway itself fails: its daemons, its disk, its clock, the guard's own process, or all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..scene import Role, Scene
from ..way import way
from .killed import CHANGED

KILL_CHARON = "kill -9 $(pidof charon-systemd)"
FILL = "cat /dev/zero >/var/full 2>/dev/null || :"
DEAD_GUARD = "the rollback watchdog is no longer running"
# What other programs take for the time is a day away: `date` is all of it that the scripts ask.
CLOCK = """#!/bin/sh
[ "$*" = +%s ] || exec /usr/bin/date "$@"
echo $(($(/usr/bin/date +%s) + SECONDS))
"""


@way(undone=True, everywhere=True)
def charon_crashes_at_the_reload(scene: Scene) -> None:
    """charon of the responder is killed when it is told to load the change, and nothing starts it."""
    name = scene.snare("responder", "swanctl", "--load-conns")
    run = scene.run()
    scene.held("responder", name)
    scene.sh("responder", KILL_CHARON)
    scene.strike()
    scene.release("responder", name)
    scene.fails(run, "the daemon does not load")


@way(undone=True, everywhere=True)
def charon_crashes_in_the_rollback(scene: Scene) -> None:
    """The controller is killed; charon of the initiator is killed when the guard has it load the old files."""
    scene.until_at(scene.moment("changed")).kill()
    scene.snare("initiator", "swanctl", "--load-all", KILL_CHARON)
    scene.strike()


@way(undone=True)
def charon_hangs(scene: Scene) -> None:
    """charon of the initiator answers nobody from before it is to initiate until after the deadline."""
    name = scene.snare("initiator", "swanctl", "--initiate")
    scene.run()
    scene.held("initiator", name)
    scene.strike()
    scene.sh("initiator", "kill -STOP $(pidof charon-systemd)")
    scene.release("initiator", name)
    time.sleep(scene.seconds + 20)
    scene.sh("initiator", "kill -CONT $(pidof charon-systemd)")


@way(undone=True, times=3, right=CHANGED)
def sshd_is_restarted(scene: Scene) -> None:
    """sshd of the initiator and all its sessions are killed between two steps, and sshd starts again."""
    point = scene.moment("responder changed")
    run = scene.until_at(point)
    _kill_sshd(scene)
    scene.sh("initiator", "/usr/sbin/sshd -f /etc/ssh/lab_config")
    scene.strike()
    run.go(point)
    run.end()


@way(undone=True, everywhere=True)
def sshd_stays_away(scene: Scene) -> None:
    """sshd of the initiator and all its sessions are killed before the proof; it comes back after the deadline."""
    point = scene.moment("changed")
    run = scene.until_at(point)
    _kill_sshd(scene)
    scene.strike()
    run.go(point)
    time.sleep(scene.seconds + 20)
    scene.sh("initiator", "/usr/sbin/sshd -f /etc/ssh/lab_config")
    run.end()


@way()
def the_guard_is_killed_before_writing(scene: Scene) -> None:
    """The guard's process on the responder is killed; nothing may be written then."""
    point = scene.moment("armed")
    run = scene.until_at(point)
    with _without_cron(scene, "responder"):
        scene.kill_guard("responder")
        scene.strike()
        run.go(point)
        scene.fails(run, DEAD_GUARD)


@way(undone=True, everywhere=True)
def the_guard_is_killed_before_verifying(scene: Scene) -> None:
    """The guard's process on the initiator is killed when it is changed; it is missed before anything is confirmed."""
    point = scene.moment("changed")
    run = scene.until_at(point)
    with _without_cron(scene, "initiator"):
        scene.kill_guard("initiator")
        scene.strike()
        run.go(point)
        scene.fails(run, DEAD_GUARD)


@way(undone=True, everywhere=True)
def guards_and_controller_are_killed(scene: Scene) -> None:
    """The controller and the guards' processes on both gateways are killed at once."""
    scene.until_at(scene.moment("changed")).kill()
    scene.kill_guard("responder")
    scene.kill_guard("initiator")
    scene.strike()


@way(undone=True)
def the_rollback_is_killed(scene: Scene) -> None:
    """The controller is killed, and later the guard of the initiator when it is about to put back a file."""
    name = scene.snare("initiator", "ln", "east.conf.tunnelwright-new")
    scene.until_at(scene.moment("changed")).kill()
    scene.strike()
    scene.held("initiator", name)
    scene.kill_guard("initiator")
    scene.release("initiator", name)


@way(undone=True, everywhere=True)
def the_responder_is_restarted(scene: Scene) -> None:
    """The responder boots anew when it is changed and the initiator is not, and the run goes on."""
    point = scene.moment("responder changed")
    run = scene.until_at(point)
    scene.strike()
    scene.reboot("responder")
    run.go(point)
    run.end()


@way(undone=True, everywhere=True)
def the_initiator_is_restarted(scene: Scene) -> None:
    """The initiator boots anew when both ends are changed, before anything is proven, and the run goes on."""
    point = scene.moment("changed")
    run = scene.until_at(point)
    scene.strike()
    scene.reboot("initiator")
    run.go(point)
    run.end()


@way(undone=True)
def both_are_restarted_and_the_controller_is_gone(scene: Scene) -> None:
    """A blackout: the controller is killed and both gateways boot anew, when both ends are changed."""
    scene.until_at(scene.moment("changed")).kill()
    scene.strike()
    scene.reboot("responder")
    scene.reboot("initiator")


@way(undone=True)
def restarted_in_the_rollback(scene: Scene) -> None:
    """The controller is killed, and the initiator boots anew when its guard has put back the files and loads them."""
    name = scene.snare("initiator", "swanctl", "--load-all")
    scene.until_at(scene.moment("changed")).kill()
    scene.strike()
    scene.held("initiator", name)
    scene.reboot("initiator")


@way(undone=True)
def the_clock_jumps_ahead(scene: Scene) -> None:
    """The time of day jumps a day ahead when nothing is proven, and the controller is killed."""
    _clock(scene, 86400)


@way(undone=True)
def the_clock_jumps_back(scene: Scene) -> None:
    """The time of day jumps a day back when nothing is proven, and the controller is killed."""
    _clock(scene, -86400)


@way()
def the_disk_is_full_before_arming(scene: Scene) -> None:
    """The disk of the responder is full from the beginning."""
    scene.sh("responder", FILL)
    scene.strike()
    scene.fails(scene.run(), "snapshot cannot be taken")
    scene.sh("responder", "rm /var/full")


@way(everywhere=True)
def the_disk_is_full_when_it_is_written(scene: Scene) -> None:
    """The disk of the responder fills up when it is guarded and nothing is written yet."""
    point = scene.moment("armed")
    run = scene.until_at(point)
    scene.sh("responder", FILL)
    scene.strike()
    run.go(point)
    run.end()


@way(undone=True, everywhere=True)
def the_disks_are_full_at_the_deadline(scene: Scene) -> None:
    """The controller is killed and the disks of both gateways fill up, when both ends are changed; they stay full."""
    scene.until_at(scene.moment("changed")).kill()
    scene.sh("responder", FILL)
    scene.sh("initiator", FILL)
    scene.strike()


@way()
def the_configuration_is_read_only_when_it_is_written(scene: Scene) -> None:
    """The configuration of the responder becomes read-only when it is guarded and nothing is written yet."""
    point = scene.moment("armed")
    run = scene.until_at(point)
    with _read_only(scene, "responder", "/etc/swanctl"):
        scene.strike()
        run.go(point)
        run.end()


@way(undone=True)
def the_configuration_is_read_only_at_the_deadline(scene: Scene) -> None:
    """The controller is killed, and the configuration of the initiator is read-only until after the deadline."""
    scene.until_at(scene.moment("changed")).kill()
    with _read_only(scene, "initiator", "/etc/swanctl"):
        scene.strike()
        time.sleep(scene.seconds + 10)


@way(undone=True)
def everything_is_read_only_at_the_deadline(scene: Scene) -> None:
    """The controller is killed, and all of the initiator's disk is read-only until after the deadline."""
    scene.until_at(scene.moment("changed")).kill()
    with _read_only(scene, "initiator", "/etc"):
        scene.strike()
        time.sleep(scene.seconds + 10)


def _kill_sshd(scene: Scene) -> None:
    scene.sh("initiator", "kill -9 $(grep -l '^sshd' /proc/[0-9]*/comm | cut -d/ -f3)")


def _clock(scene: Scene, seconds: int) -> None:
    run = scene.until_at(scene.moment("changed"))
    for gateway in scene.gateways:
        scene.lab.write(gateway, "/usr/local/bin/date", CLOCK.replace("SECONDS", str(seconds)), mode="0755")
    run.kill()
    scene.strike()


@contextmanager
def _without_cron(scene: Scene, role: Role) -> Iterator[None]:
    """Else it might start the guard anew before it is missed."""
    scene.sh(role, "kill -STOP $(cat /run/crond.pid)")
    try:
        yield
    finally:
        scene.sh(role, "kill -CONT $(cat /run/crond.pid)")


@contextmanager
def _read_only(scene: Scene, role: Role, path: str) -> Iterator[None]:
    scene.sh(role, f"mount --bind {path} {path} && mount -o remount,ro,bind {path}")
    try:
        yield
    finally:
        scene.sh(role, f"umount -l {path}")
