"""Runs the scripts that go to gateways in the shells that gateways have, over nothing but standard input."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack, unpack

from tests.lab.owner import MARK


@dataclass(frozen=True)
class Shell:
    """A shell and where it finds its tools."""

    name: str
    command: tuple[str, ...]
    path: str

    def output(self, script: Script, mark: str) -> subprocess.CompletedProcess[bytes]:
        """All that the script prints."""
        return subprocess.run(
            self.command, input=pack(script, mark), capture_output=True, check=False, env=self.environment, timeout=60
        )

    @property
    def environment(self) -> dict[str, str]:
        """What it has, and whose it is: what it leaves in the background ends with the run."""
        return {"PATH": self.path, "HOME": "/", MARK: os.environ[MARK]}

    def run(self, script: Script) -> Reply:
        """The script's reply."""
        mark = make_mark()
        return unpack(self.output(script, mark).stdout, mark)


def dash(folder: Path) -> Shell:
    """Dash with the host's tools: mawk, GNU coreutils."""
    assert folder.is_dir()
    return Shell("dash", (_path("dash"), "-s"), os.environ["PATH"])


def busybox(folder: Path) -> Shell:
    """Busybox ash with nothing but busybox's own tools."""
    program = _path("busybox")
    subprocess.run([program, "--install", "-s", str(folder)], check=True, timeout=60)
    return Shell("busybox", (program, "ash", "-s"), str(folder))


def gawk(folder: Path) -> Shell:
    """Dash with the host's tools and GNU awk, which Debian does not install by itself."""
    (folder / "awk").symlink_to(_path("gawk"))
    return Shell("gawk", (_path("dash"), "-s"), f"{folder}:{os.environ['PATH']}")


def _path(program: str) -> str:
    found = shutil.which(program)
    assert found, f"{program} is missing"
    return found


SHELLS: tuple[Callable[[Path], Shell], ...] = (dash, busybox)


@pytest.fixture(scope="session", params=SHELLS, ids=lambda make: make.__name__)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Each shell a gateway may have."""
    made: Shell = request.param(tmp_path_factory.mktemp("bin"))
    return made
