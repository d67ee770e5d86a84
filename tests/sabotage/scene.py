"""A pair of gateways with a tunnel between, a change to make on it, and what it takes to make that go wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.lab.inventory import inventory
from tests.lab.lab import Lab
from tests.lab.topology import Tunnel

from .controller import Controller, Point, SabotageError
from .picture import SNARES, Picture, differences, picture
from .product import PRODUCT, Change, Product

Role = Literal["responder", "initiator"]
ROLES: tuple[Role, ...] = ("responder", "initiator")

# The answering end takes the new one beside the old one, so that each step of the way leaves two ends that agree.
OLD, NEW = "aes256-sha256-x25519", "aes256gcm16-x25519"
GOOD = Change({"children": {"net": {"esp_proposals": f"{NEW}, {OLD}"}}}, {"children": {"net": {"esp_proposals": NEW}}})
REFUSED = Change({"settings": {"dpd_delay": "20s"}}, {"children": {"net": {"esp_proposals": NEW}}})
CUT = Change({"settings": {"dpd_delay": "20s"}}, {"settings": {"remote_addrs": "192.0.2.77"}})
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
_GUARD = re.compile(r"/etc/tunnelwright|tunnelwright-guard-|: processes:")  # not harm
_UNGUARD = """for p in /proc/[0-9]*; do
	tr '\\0' ' ' <$p/cmdline | grep -q '/etc/tunnelwright/guard-[^ ]*/watch $' && kill -9 ${p#/proc/}
done 2>/dev/null
rm -rf /etc/tunnelwright /etc/cron.d/tunnelwright-*"""


@dataclass
class Scene:
    """One way's own pair, or pairs; `seconds` is what a guard is armed for."""

    lab: Lab
    tunnels: tuple[Tunnel, ...]
    folder: Path
    seconds: int
    guarded: bool = True  # false: whatever guards is taken away at the strike, to prove that this is seen
    product: Product = PRODUCT
    before: dict[str, Picture] = field(default_factory=dict)
    struck: float | None = None
    harm: list[str] = field(default_factory=list)  # what was other than before when it was struck
    runs: list[Controller] = field(default_factory=list)

    @property
    def tunnel(self) -> Tunnel:
        return self.tunnels[0]

    @property
    def gateways(self) -> dict[str, str]:
        """What each gateway is called in the table."""
        named = {}
        for number, tunnel in enumerate(self.tunnels):
            suffix = "" if len(self.tunnels) == 1 else f" {number + 1}"
            named |= {tunnel.responder.gateway: f"responder{suffix}", tunnel.initiator.gateway: f"initiator{suffix}"}
        return named

    def gateway(self, role: Role) -> str:
        return getattr(self.tunnel, role).gateway  # type: ignore[no-any-return]

    def conf(self, role: Role) -> str:
        return f"/etc/swanctl/conf.d/{getattr(self.tunnel, role).connection}.conf"

    def sh(self, role: Role, script: str) -> str:
        return self.lab.sh(self.gateway(role), script)

    # ---- the change

    def run(self, *points: Point, change: Change = GOOD, tunnel: Tunnel | None = None, **hosts: Any) -> Controller:
        """Begin the change of a tunnel; the run waits at each of the points. `hosts`: see :meth:`inventory`."""
        folder = self.folder / f"run{len(self.runs)}"
        variables = self.product.variables(tunnel or self.tunnel, change, self.seconds)
        path = self.folder / f"inventory{len(self.runs)}.yml"
        path.write_text(self.inventory(**hosts), encoding="utf-8")
        self.runs.append(Controller.start(folder, path, self.product.playbook, variables, points))
        return self.runs[-1]

    def inventory(self, **variables: Mapping[str, Any]) -> str:
        """The gateways of this scene alone; more variables by role."""
        data = yaml.safe_load(inventory(self.lab))
        hosts = {gateway: data["all"]["hosts"][gateway] for gateway in self.gateways}
        for role, more in variables.items():
            hosts[self.gateway(role)] |= more  # type: ignore[arg-type]
        return yaml.safe_dump({"all": {**data["all"], "hosts": hosts}})

    def step(self, when: Literal["before", "after"], step: str) -> Point:
        return Point(when, self.product.steps[step])

    # ---- what is right

    def look(self) -> dict[str, Picture]:
        return {gateway: picture(self.lab, gateway) for gateway in self.gateways}

    def differences(self, right: Mapping[str, Picture]) -> list[str]:
        """What is other than that now."""
        now = self.look()
        named = self.gateways
        return [f"{named[g]}: {what}" for g in named for what in differences(right[g], now[g])]

    def changed(self, *roles: Role, sas: bool = True) -> dict[str, Picture]:
        """The pictures with the good change at these ends, which the SAs have if all is done."""
        pictures = dict(self.before)
        for role, proposals in (("responder", f"{NEW}, {OLD}"), ("initiator", NEW)):
            gateway = self.gateway(role)  # type: ignore[arg-type]
            if role in roles:
                old, new = f"esp_proposals = {OLD}\n", f"esp_proposals = {proposals}\n"
                text = self.texts[gateway].replace(old, new)
                pictures[gateway] = pictures[gateway].with_text(self.conf(role), text)  # type: ignore[arg-type]
            if sas:
                renewed = tuple(sa.replace(_OLD_ESP, _NEW_ESP) for sa in pictures[gateway].sas)
                pictures[gateway] = replace(pictures[gateway], sas=renewed)
        return pictures

    texts: dict[str, str] = field(default_factory=dict)  # of the files that hold the connections, before

    def remember(self) -> None:
        """Take the picture that counts as before."""
        self.before = self.look()
        self.texts = {self.gateway(role): self.sh(role, f"cat {self.conf(role)}") for role in ROLES}

    # ---- what goes wrong

    def strike(self) -> None:
        """From here on the time is taken: it has gone wrong."""
        self.harm = [line for line in self.differences(self.before) if not _GUARD.search(line)]
        if not self.guarded:
            for gateway in self.gateways:
                self.lab.sh(gateway, _UNGUARD)
        self.struck = time.monotonic()

    def snare(self, role: Role, program: str, pattern: str, do: str = _HOLD) -> str:
        """Where that program is first called with such words, something is done before; usually it waits."""
        real = self.sh(role, f"PATH=/usr/bin:/usr/sbin:/bin:/sbin command -v {program}").strip()
        name = re.sub("[^a-z]+", "-", f"{program} {pattern}").strip("-")
        text = _SNARE.format(pattern=pattern, name=name, real=real, do=do.format(name=name))
        self.lab.write(self.gateway(role), f"{SNARES}/{program}", text, mode="0755")
        self.sh(role, "mkdir -p /run/sabotage")
        return name

    def held(self, role: Role, name: str, seconds: float = 120) -> None:
        """Wait until something has run into the snare."""
        self.until(lambda: self.is_there(role, f"/run/sabotage/{name}/reached"), seconds, f"{name} is not reached")

    def release(self, role: Role, name: str) -> None:
        self.sh(role, f": >/run/sabotage/{name}/go")

    def cut(self, role: Role, name: str) -> None:
        """Kill what is held, all above it, and the sshd that serves it."""
        self.sh(role, _CUT.format(name=name))

    def is_there(self, role: Role, path: str) -> bool:
        return self.lab.exec(self.gateway(role), ["test", "-e", path]).returncode == 0

    def until(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end or (self.runs and all(run.process.poll() is not None for run in self.runs)):
                if done():
                    return
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
