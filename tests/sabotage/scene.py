"""A pair of gateways with a tunnel between, a change to make on it, and what it takes to make that go wrong."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.lab.inventory import inventory
from tests.lab.lab import Lab
from tests.lab.topology import End, Tunnel

from .controller import Controller, SabotageError
from .picture import SNARES, Picture, differences, picture
from .product import MOMENTS, SECONDS, Change, Playbook, Point, variables

Role = Literal["responder", "initiator"]
ROLES: tuple[Role, ...] = ("responder", "initiator")

OLD, NEW = "aes256-sha256-x25519", "aes256gcm16-x25519"
GOOD = Change(child_settings={"esp_proposals": NEW})
REFUSED = Change(initiator={"local.id": "stranger.lab"})
CUT = Change(initiator={"remote_addrs": "192.0.2.77"})
_OLD_ESP, _NEW_ESP = "AES_CBC-256", "AES_GCM_16-256"

_SNARE = """#!/bin/sh
case " $* " in
*"{pattern}"*)
    if mkdir /run/sabotage/{name} 2>/dev/null; then
        echo $$ >/run/sabotage/{name}/pid
        : >/run/sabotage/{name}/reached
        {do}
    fi
    ;;
esac
exec {real} "$@"
"""
_HOLD = "until [ -e /run/sabotage/{name}/go ]; do sleep 0.1; done"
# From the process that is held up to the sshd that serves it, and that first: all at once, as when a line is cut.
_CUT = """chain='' p=$(cat /run/sabotage/{name}/pid)
while read -r stat </proc/$p/stat; do
    chain="$p $chain"
    case $stat in *'(sshd'*) break ;; esac
    set -- ${{stat##*) }}
    p=$2
done
kill -9 $chain"""
_GUARD = re.compile(r"/(etc|run)/tunnelwright|tunnelwright-guard-|: processes:")  # not harm
_KILL_GUARD = """for p in /proc/[0-9]*; do
    tr '\\0' ' ' <$p/cmdline | grep -q '/etc/tunnelwright/guard-[^ ]*/watch $' && kill -9 ${p#/proc/}
done 2>/dev/null
:"""
_UNGUARD = f"rm -f /etc/cron.d/tunnelwright-*\n{_KILL_GUARD}\nrm -rf /etc/tunnelwright"
_EXPIRE = "for d in /etc/tunnelwright/guard-*/deadline; do [ ! -e $d ] || echo 0 >$d; done"
# As tests/lab/boot.sh boots. Time since the boot goes on, because the machine below was not restarted.
_REBOOT = """kill -9 -1
umount /proc/sys/kernel/random/boot_id 2>/dev/null
find /run /tmp -xdev -mindepth 1 -delete
mkdir -p /run/sshd /run/lock
cat /proc/sys/kernel/random/uuid >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
exec </dev/null >/dev/null 2>&1
/usr/sbin/sshd -f /etc/ssh/lab_config
cron
/etc/init.d/strongswan start"""


@dataclass(frozen=True)
class Terms:
    """How ways are gone."""

    guarded: bool = True  # false: whatever guards is taken away at the strike, to prove that this is seen
    patient: bool = True  # false: pings that measure the outage need not have ended
    playbook: Playbook = "change_window"
    hurried: bool = False  # true: at the strike the time of every guard is over, as if that had been waited for


USUAL = Terms()


@dataclass
class Scene:
    """One way's own pair, or pairs."""

    lab: Lab
    tunnels: tuple[Tunnel, ...]
    folder: Path
    times: float = 1  # of a guard's usual time
    terms: Terms = USUAL
    before: dict[str, Picture] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # of the files that hold the connections, before
    struck: float | None = None
    harm: list[str] = field(default_factory=list)  # what was other than before when it was struck
    runs: list[Controller] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """What a guard is armed for."""
        return round(SECONDS * self.times)

    @property
    def tunnel(self) -> Tunnel:
        return self.tunnels[0]

    @property
    def gateways(self) -> dict[str, str]:
        """What each gateway is called in the table."""
        named: dict[str, str] = {}
        for number, tunnel in enumerate(self.tunnels):
            suffix = "" if len(self.tunnels) == 1 else f" {number + 1}"
            named |= {tunnel.responder.gateway: f"responder{suffix}", tunnel.initiator.gateway: f"initiator{suffix}"}
        return named

    def end(self, role: Role, tunnel: Tunnel | None = None) -> End:
        found = tunnel or self.tunnel
        return found.responder if role == "responder" else found.initiator

    def gateway(self, role: Role) -> str:
        return self.end(role).gateway

    def conf(self, role: Role) -> str:
        return _conf(self.end(role))

    def sh(self, role: Role, script: str) -> str:
        return self.lab.sh(self.gateway(role), script)

    # ---- the change

    def run(
        self,
        *points: Point,
        change: Change = GOOD,
        also: Sequence[tuple[Tunnel, Change]] = (),
        hosts: Mapping[Role, Mapping[str, str]] | None = None,
    ) -> Controller:
        """Begin the change of the tunnel, and of others; the run waits at each of the points.

        `hosts` are more inventory variables.
        """
        number = len(self.runs)
        path = self.folder / f"inventory{number}.yml"
        path.write_text(self.inventory(hosts or {}), encoding="utf-8")
        ticket, records = f"CHG-{number + 1}", self.folder / "changes"
        playbook, changes = self.terms.playbook, [(self.tunnel, change), *also]
        given = variables(playbook, changes, ticket=ticket, folder=records, seconds=self.seconds)
        run = Controller.start(self.folder / f"run{number}", path, playbook, given, points)
        self.runs.append(run)
        return run

    def until_at(self, point: Point, **options: Any) -> Controller:
        """Begin the change and wait until the run stands there."""
        run = self.run(point, **options)
        run.reached(point)
        return run

    def fails(self, run: Controller, why: str) -> None:
        """Let it end; it must say this.

        Raises:
            SabotageError: it failed otherwise, or not at all.
        """
        run.end()
        said = [*self.reasons(run), *(message for dummy, message in run.failures)]
        if not any(why in message for message in said):
            raise SabotageError(f"the run does not say {why!r}: {said} {run.output[-1500:]}")

    def reasons(self, run: Controller) -> list[str]:
        """What became of each tunnel and why, by the change record."""
        written = sorted((self.folder / "changes").glob(f"change-CHG-{self.runs.index(run) + 1}-*.json"))
        tunnels = json.loads(written[-1].read_text(encoding="utf-8"))["tunnels"] if written else []
        return [
            f"{t['name']} {t['status'].replace('_', ' ')}" + (f", because {t['because']}" if t["because"] else "")
            for t in tunnels
        ]

    def inventory(self, more: Mapping[Role, Mapping[str, str]]) -> str:
        """The gateways of this scene alone."""
        data = yaml.safe_load(inventory(self.lab))
        hosts = {gateway: data["all"]["hosts"][gateway] for gateway in self.gateways}
        for role, found in more.items():
            hosts[self.gateway(role)] |= found
        return yaml.safe_dump({"all": {**data["all"], "hosts": hosts}})

    def moment(self, name: str) -> Point:
        return MOMENTS[name]

    # ---- what is right

    def look(self) -> dict[str, Picture]:
        return {gateway: picture(self.lab, gateway) for gateway in self.gateways}

    def differences(self, right: Mapping[str, Picture]) -> list[str]:
        """What is other than that now."""
        now = self.look()
        named = self.gateways
        return [f"{named[g]}: {what}" for g in named for what in differences(right[g], now[g])]

    def changed(self, *roles: Role, sas: bool = True, tunnel: Tunnel | None = None) -> dict[str, Picture]:
        """The pictures with the good change at these ends of a tunnel, which its SAs have if all is done."""
        pictures = dict(self.before)
        for role in ROLES:
            end = self.end(role, tunnel)
            now = pictures[end.gateway]
            if role in roles:
                text = self.texts[end.gateway].replace(f"esp_proposals = {OLD}\n", f"esp_proposals = {NEW}\n")
                now = now.with_text(_conf(end), text)
            if sas:
                now = replace(now, sas=tuple(sa.replace(_OLD_ESP, _NEW_ESP) for sa in now.sas))
            pictures[end.gateway] = now
        return pictures

    def remember(self) -> None:
        """Take the picture that counts as before."""
        self.before = self.look()
        ends = [self.end(role, tunnel) for tunnel in self.tunnels for role in ROLES]
        self.texts = {end.gateway: self.lab.sh(end.gateway, f"cat {_conf(end)}") for end in ends}

    # ---- what goes wrong

    def strike(self) -> None:
        """From here on the time is taken: it has gone wrong."""
        self.harm = [line for line in self.differences(self.before) if not _GUARD.search(line)]
        for gateway in self.gateways:
            if not self.terms.guarded:
                self.lab.sh(gateway, _UNGUARD)
            elif self.terms.hurried:
                self.lab.sh(gateway, _EXPIRE)
        self.struck = time.monotonic()

    def snare(self, role: Role, program: str, pattern: str, do: str = _HOLD) -> str:
        """Where that program is first called with such words, something is done before; usually it waits."""
        real = self.sh(role, f"PATH=/usr/bin:/usr/sbin:/bin:/sbin command -v {program}").strip()
        name = re.sub("[^a-z]+", "-", f"{program} {pattern}").strip("-")
        text = _SNARE.format(pattern=pattern, name=name, real=real, do=do.format(name=name))
        self.lab.write(self.gateway(role), f"{SNARES}/{program}", text, mode="0755")
        self.sh(role, "mkdir -p /run/sabotage")
        return name

    def held(self, role: Role, name: str, seconds: float = 300) -> None:
        """Wait until something has run into the snare."""
        self.until(lambda: self.is_there(role, f"/run/sabotage/{name}/reached"), seconds, f"{name} is not reached")

    def release(self, role: Role, name: str) -> None:
        self.sh(role, f": >/run/sabotage/{name}/go")

    def kill_guard(self, role: Role) -> None:
        self.sh(role, _KILL_GUARD)

    def reboot(self, role: Role) -> None:
        """All that runs is killed, what lay in memory is gone, the kernel has another boot id, and it boots."""
        self.sh(role, _REBOOT)

    def cut(self, role: Role, name: str) -> None:
        """Kill what is held, all above it, and the sshd that serves it."""
        self.sh(role, _CUT.format(name=name))

    def is_there(self, role: Role, path: str) -> bool:
        return self.lab.exec(self.gateway(role), ["test", "-e", path]).returncode == 0

    def until(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise SabotageError(f"{otherwise}: {self.runs[-1].output[-1500:] if self.runs else ''}")
            time.sleep(0.1)

    @contextmanager
    def path_cut(self) -> Iterator[None]:
        """Nothing passes between the two gateways, as long as the block lasts."""
        router = f"r{self.tunnel.name.removeprefix('t')}"
        self.lab.exec(router, ["nft", "insert rule inet lab forward drop"], check=True)
        try:
            yield
        finally:
            self.lab.exec(router, ["nft", "flush chain inet lab forward"], check=True)


def _conf(end: End) -> str:
    return f"/etc/swanctl/conf.d/{end.connection}.conf"
