"""Records what real lab gateways answer to the gather script, for unit tests to replay.

`python -m tests.record tests/unit/platforms/replies [--suite bookworm]` as root. The pre-shared keys of the
lab are not in it: the gather script hides them, and this program refuses to write a file that has one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.gather import gather
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack, unpack

from .lab.lab import Lab, psks, running
from .lab.signals import run
from .lab.topology import pairs

OPTIONS = GatherOptions(digest_key="recorded", certificates=True, log_lines=20)
CONFIGURATION = "/etc/swanctl/conf.d"
STRANGE = """connections {
  strange {
    remote_addrs = 192.0.2.77, gw.example.com
    version = 1
    dpd_delay = 10s
    dpd_timeout = 1m
    unique = never
    reauth_time = 2h
    local { auth = psk
      id = "keyid:a} foo {b=[c d]" }
    remote { auth = psk
      id = "keyid:x = [" }
    children {
      strange-1 {
        local_ts = 10.1.0.0/24, 10.1.9.0/24[6/80]
        remote_ts = 0.0.0.0/0
        close_action = trap|start
        dpd_action = trap
        start_action = trap
        remote_ts = 10.99.0.0/24
      }
      shunt { mode = pass
        local_ts = 10.1.0.0/24
        remote_ts = 10.1.0.0/24
        start_action = trap
      }
    }
  }
}
"""


def main() -> None:
    """Bring a pair of gateways up, through each situation, and write down what the first one says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", default="trixie", choices=["trixie", "bookworm"])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with running(pairs(1), suite=arguments.suite) as lab:
        gateway = next(iter(lab.topology.gateways))
        keys = [values[-1].strip() for values in psks(lab, gateway).values()]
        assert all(keys)
        for name, situation in SITUATIONS.items():
            command = situation(lab, gateway)
            write(arguments.folder / f"{arguments.suite}-{name}.json", ask(lab, gateway, command), keys)


def ask(lab: Lab, gateway: str, command: tuple[str, ...]) -> Reply:
    """What a gateway answers to the gather script."""
    mark = make_mark()
    done = lab.exec(gateway, command, stdin=pack(gather(OPTIONS), mark).decode())
    return unpack(done.stdout.encode("utf-8", "surrogateescape"), mark)


def write(path: Path, reply: Reply, keys: list[str]) -> None:
    """Write a reply down, unless a secret is in it."""
    text = json.dumps({name: as_text(section) for name, section in reply.sections.items()}, indent=1) + "\n"
    if any(key in text for key in keys):
        raise SystemExit(f"a pre-shared key is in what would be written to {path}")
    path.write_text(text, encoding="utf-8")


def as_text(section: ReplySection) -> Mapping[str, object]:
    """A section as JSON has it; bytes that are not UTF-8 are kept as surrogates."""
    return {"status": section.status, "out": section.text, "err": section.err}


def replay(path: Path) -> Reply:
    """The reply in a file that `write` wrote."""
    sections = json.loads(path.read_text(encoding="utf-8"))
    return Reply(
        {
            name: ReplySection(said["status"], said["out"].encode("utf-8", "surrogateescape"), said["err"])
            for name, said in sections.items()
        }
    )


ROOT = ("sh", "-s")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-s")


def healthy(lab: Lab, gateway: str) -> tuple[str, ...]:
    """A tunnel that is up."""
    assert lab.pings(next(iter(lab.topology.tunnels))) == (True, True)
    assert gateway in lab.topology.gateways
    return ROOT


def unprivileged(lab: Lab, gateway: str) -> tuple[str, ...]:
    """A user who must not do anything."""
    lab.sh(gateway, "chmod o-rx /etc/swanctl/conf.d; chmod 0600 /etc/swanctl/conf.d/secrets.conf")
    return NOBODY


def strange(lab: Lab, gateway: str) -> tuple[str, ...]:
    """A connection with everything that is awkward to print."""
    lab.sh(gateway, "chmod 0755 /etc/swanctl/conf.d")
    lab.write(gateway, f"{CONFIGURATION}/strange.conf", STRANGE)
    lab.sh(gateway, "swanctl --load-all --noprompt")
    return ROOT


def drifted(lab: Lab, gateway: str) -> tuple[str, ...]:
    """Files that were changed after they were loaded, with a key nobody knows."""
    lab.sh(
        gateway,
        "cd /etc/swanctl/conf.d; rm strange.conf; sed -i 's/dpd_delay = 30s/dpd_delay = 10s\\n    Encap = on/;"
        "s,close_action = .*,close_action = trap\\n rekey_time = 2h,;s,10.2.0.0/24,10.2.0.0/25,' [!s]*.conf",
    )
    return ROOT


def broken(lab: Lab, gateway: str) -> tuple[str, ...]:
    """A file that strongSwan would refuse."""
    lab.write(gateway, f"{CONFIGURATION}/zz.conf", "connections {\n  x {\n    id = a\n  }\n}\n}\n")
    return ROOT


def missing(lab: Lab, gateway: str) -> tuple[str, ...]:
    """No configuration file."""
    lab.sh(gateway, "rm /etc/swanctl/swanctl.conf")
    return ROOT


def stopped(lab: Lab, gateway: str) -> tuple[str, ...]:
    """No daemon."""
    lab.sh(
        gateway, "printf 'include conf.d/[!z]*.conf\\n' >/etc/swanctl/swanctl.conf; pkill -x charon-systemd; sleep 1"
    )
    return ROOT


def bare(lab: Lab, gateway: str) -> tuple[str, ...]:
    """No swanctl."""
    lab.sh(gateway, "rm /usr/sbin/swanctl")
    return ROOT


SITUATIONS: Mapping[str, Callable[[Lab, str], tuple[str, ...]]] = {
    each.__name__: each for each in (healthy, unprivileged, strange, drifted, broken, missing, stopped, bare)
}

if __name__ == "__main__":
    run(main)
