"""A pfSense without one: config.xml read by read.php on this machine's PHP, and the rest of a reply made up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, Reply, ReplySection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions

OPTIONS = GatherOptions(digest_key="sixteen letters.", certificates=True, log_lines=20)
PROGRAM = pfsense.program(OPTIONS)
ABOUT = "fw\n1790000000\nFreeBSD 14.0-CURRENT amd64\nother\n64\n+0000\n"
FREEBSD = """em0: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tdescription: WAN
\tether 00:0c:29:00:00:01
\tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255
\tinet 192.0.2.5 netmask 0xffffff00 broadcast 192.0.2.255 vhid 1
\tinet6 fe80::20c:29ff:fe00:1%em0 prefixlen 64 scopeid 0x1
\tinet6 2001:db8::10 prefixlen 64
\tcarp: MASTER vhid 1 advbase 1 advskew 0
em1: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tinet 192.168.1.1 netmask 0xffffff00 broadcast 192.168.1.255
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> metric 0 mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
"""


def told(config: Path, backups: Path = Path("/nonexistent"), program: str | None = None) -> ReplySection:
    """What read.php answers about a config.xml."""
    asked = json.loads(PROGRAM.secrets["TW_ASKED"]) | {"paths": {"config": str(config), "backups": str(backups)}}
    command = [program or "php", "-d", "display_errors=stderr", "-r", PROGRAM.variables["TW_READ_PHP"]]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60)
    return ReplySection(done.returncode, done.stdout.encode(), done.stderr)


def reply(config: ReplySection, generated: bytes | None = None, **sections: str | ReplySection) -> Reply:
    """A whole reply: no daemon, unless given."""
    there = generated is not None
    made: Mapping[str, str | ReplySection] = {
        "platform": "pfsense\n",
        "version": "2.7.2-RELEASE\n",
        "marks": "",
        "about": ABOUT,
        "commands": "cron\nsh\n",
        "addresses": FREEBSD,
        "load": "{ 0.21 0.15 0.10 }\n4\n",
        "carp": FREEBSD,
        "pinghosts": "",
        "files": "/var/etc/ipsec/swanctl.conf\n" if there else "",
        "unread": "" if there else "missing /var/etc/ipsec/swanctl.conf\n",
        "whole": "",
        "config": "",
        "swanctl": ReplySection(1, b""),
        **({"file-0": ReplySection(0, (generated or b"") + b"\n@spans\n")} if there else {}),
        **sections,
    }
    parts = {name: ReplySection(0, part.encode()) if isinstance(part, str) else part for name, part in made.items()}
    return Reply({**parts, "config.xml": config})


def read(config: Path, generated: bytes | None = None, **sections: str | ReplySection) -> Gateway:
    """The gateway of a config.xml."""
    return pfsense.read("fw", reply(told(config), generated, **sections), OPTIONS)
