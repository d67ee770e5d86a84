"""A stand-in for pfSense: files laid over a Debian root that behave as documented. None of it is pfSense's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..swanctl import PLUGINS
from ..topology import PFSENSE, Topology
from .config_xml import config_xml

ROOT = Path(__file__).parent / "root"
KEEPALIVE = 3  # seconds between two looks of minicron, unless the topology says `poll`; a real box has 300


def tree(version: str) -> dict[str, tuple[str, int]]:
    """The files of a box of a release: by path their text and mode."""
    files = {
        str(path.relative_to(ROOT)): (path.read_text(encoding="utf-8"), 0o755 if path.stat().st_mode & 0o100 else 0o644)
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
    }
    return {**files, "etc/version": (f"{PFSENSE[version][0]}\n", 0o644)}


def files(topology: Topology, gateway: str, keys: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """The files of a lab gateway; `keys` are pre-shared keys by tunnel."""
    version = topology.gateways[gateway].version
    return {
        **tree(version),
        "etc/lab-start.sh": ("exec sh /etc/stand-in/start.sh\n", 0o644),
        "etc/hostname": (f"{gateway}.pfsense-stand-in.lab\n", 0o644),
        "etc/hosts": (f"127.0.0.1 localhost {gateway}.pfsense-stand-in.lab {gateway}\n", 0o644),  # sudo asks for it
        "etc/stand-in/plugins": (f"{PLUGINS}\n", 0o644),
        "etc/stand-in/interval": (f"{topology.data.get('poll', KEEPALIVE)}\n", 0o644),
        "cf/conf/config.xml": (config_xml(topology, gateway, keys, PFSENSE[version][1]), 0o640),
    }


def passwd(text: str) -> str:
    """The users of a box: root with a plain shell, admin as the same user with a menu."""
    lines = [line for line in text.splitlines() if not line.startswith("root:")]
    root = ["root:x:0:0:Charlie &:/root:/bin/sh", "admin:x:0:0:System Administrator:/root:/etc/rc.initial"]
    return "\n".join([*root, *lines]) + "\n"
