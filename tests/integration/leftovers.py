"""What of a lab is still on this machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.lab import owner
from tests.lab import state as states
from tests.lab.lab import Lab


def left(lab: Lab) -> list[str]:
    """Namespaces, links, mounts, processes, files."""
    taken = _is_taken(lab)
    names = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout.split()
    listed = subprocess.run(["ip", "-j", "link"], capture_output=True, text=True, check=True).stdout
    links = [entry["ifname"] for entry in json.loads(listed)]
    own = f"tw{lab.state.index}"
    named = [
        *(name for name in names if name.startswith(f"{own}-")),
        *(link for link in links if link == own or link.startswith(f"{own}m")),
    ]
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return [
        *([] if taken or _is_taken(lab) else named),
        *(line for line in mounts if f"{lab.folder}/" in line),
        *(name for name, (pid, since) in lab.state.processes.items() if owner.started(pid) == since),
        *([str(lab.folder)] if lab.folder.exists() else []),
    ]


def _is_taken(lab: Lab) -> bool:
    """Whether the lab's index, and so its names, are another one's by now."""
    return any(state.index == lab.state.index and state.name != lab.state.name for state in states.every())
