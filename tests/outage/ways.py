"""Two ways to change a tunnel that is up: by declaration, and as it is done with templates and a handler."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.lab import Lab
from tests.lab.swanctl import connection, secrets
from tests.lab.topology import Tunnel

from .kinds import Kind

SETTLED = 30.0  # seconds for a tunnel to be up
LOADED = 2.0  # seconds that a load's own effects on SAs have
PROGRAM = Path(sys.executable).parent / "ansible-playbook"


class OutageError(RuntimeError):
    """A tunnel that is not what it was to become."""


def before(lab: Lab, tunnel: Tunnel, kind: Kind) -> None:
    """The tunnel as it is before the change, up with one SA at each end."""
    _write(lab, tunnel, kind, changed=False)
    for end in (tunnel.responder, tunnel.initiator):
        _swanctl(lab, end.gateway, "--load-all --noprompt")
        _swanctl(lab, end.gateway, f"--terminate --ike {end.connection} --force --timeout 2")
    _up(lab, tunnel)


def by_declaration(lab: Lab, tunnel: Tunnel, kind: Kind, folder: Path) -> str:
    """What an operator of the collection runs."""
    del lab
    psks = {tunnel.name: kind.psk} if kind.psk else {}
    given = folder / "given.json"
    given.write_text(json.dumps({"ipsec_tunnels": [kind.declared(tunnel)], "ipsec_psks": psks}), encoding="utf-8")
    command = [PROGRAM, "-i", folder / "inventory.yml", "tunnelwright.ipsec.remediate", "-e", f"@{given}"]
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_PIPELINING": "true"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OutageError(f"{kind.name}: {done.stdout[-3000:]}{done.stderr[-1000:]}")
    return "remediate"


def by_template(lab: Lab, tunnel: Tunnel, kind: Kind, folder: Path) -> str:
    """Both files replaced, both daemons told at once, and the SAs made anew where that did not do it."""
    del folder
    old = _spis(lab, tunnel)
    _write(lab, tunnel, kind, changed=True)
    ends = (tunnel.responder, tunnel.initiator)
    with ThreadPoolExecutor(len(ends)) as pool:
        list(pool.map(lambda end: _swanctl(lab, end.gateway, "--load-all --noprompt"), ends))
    time.sleep(LOADED)
    now = _spis(lab, tunnel)
    if now and not now & old:
        _up(lab, tunnel)
        return "`--load-all` closes and starts"
    _swanctl(lab, tunnel.initiator.gateway, f"--terminate --ike {tunnel.initiator.connection} --timeout 10")
    _up(lab, tunnel)
    return "`--terminate`, `--initiate`" if now else "stays down: `--terminate`, `--initiate`"


def _write(lab: Lab, tunnel: Tunnel, kind: Kind, *, changed: bool) -> None:
    for end in (tunnel.initiator, tunnel.responder):
        settings = {**kind.before, **(kind.settings if changed else {})}
        text = connection(tunnel, end, settings, kind.child_of(end) if changed else {})
        lab.write(end.gateway, f"/etc/swanctl/conf.d/{end.connection}.conf", text)
        psk = kind.psk if changed and kind.psk else (lab.folder / f"psk-{tunnel.name}").read_text(encoding="utf-8")
        entry = {tunnel.name: (tunnel.initiator.id, tunnel.responder.id, psk)}
        lab.write(end.gateway, "/etc/swanctl/conf.d/secrets.conf", secrets(entry), mode="0600")


def _swanctl(lab: Lab, gateway: str, arguments: str) -> None:
    lab.exec(gateway, ["swanctl", *arguments.split()])


def _spis(lab: Lab, tunnel: Tunnel) -> set[str]:
    listed = lab.sh(tunnel.initiator.gateway, "swanctl --list-sas").splitlines()
    return {line.split()[1] for line in listed if line.startswith("    in ")}


def _up(lab: Lab, tunnel: Tunnel) -> None:
    """One SA at each end, initiated where nothing else has done it."""
    end = tunnel.initiator
    deadline = time.monotonic() + SETTLED
    while not (
        all(_one(lab, one.gateway) for one in (tunnel.initiator, tunnel.responder)) and all(lab.pings(tunnel.name))
    ):
        if time.monotonic() > deadline:
            raise OutageError(f"{tunnel.name} does not come up: {lab.sh(end.gateway, 'swanctl --list-sas')}")
        if not re.search("INSTALLED|CONNECTING", lab.sh(end.gateway, "swanctl --list-sas")):
            _swanctl(lab, end.gateway, f"--initiate --ike {end.connection} --child net --timeout 10")
        time.sleep(0.2)


def _one(lab: Lab, gateway: str) -> bool:
    return lab.sh(gateway, "swanctl --list-sas").count("INSTALLED") == 1
