"""A box without a network, to run PHP in: a Debian root with its PHP, the stand-in for pfSense laid over it.

It is there for as long as the block lasts. Bullseye has PHP 7.4, bookworm 8.2, trixie 8.4.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .archive import tar
from .pfsense import tree
from .root import root

SUITES = {"7.4": "bullseye", "8.2": "bookworm", "8.4": "trixie"}  # by PHP, what of it Debian has
BOOT = Path(__file__).parent / "boot.sh"
READY_WITHIN = 60.0
NO_CHARON = """#!/bin/sh
# No charon in a box without a network: what it was to do is written down.
echo "$@" >>/var/run/stand-in/charon
"""


@dataclass(frozen=True)
class Box:
    """A running box; `pid` is its first process."""

    pid: int

    @property
    def root(self) -> Path:
        """Its files, as the host reads and writes them."""
        return Path(f"/proc/{self.pid}/root")

    def run(self, *argv: str, stdin: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command in it as root, whatever it says."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-r", "-w", "--"]
        return subprocess.run(
            [*enter, *argv], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )

    def php(self, program: str, data: Any = None, *, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program that is sent as a file, with data as JSON on its standard input."""
        (self.root / "run/program.php").write_text(program, encoding="utf-8")
        return self.run("/usr/local/bin/php", "-f", "/run/program.php", stdin=json.dumps(data), timeout=timeout)

    def answer(self, program: str, data: Any = None, *, timeout: float = 120) -> Any:
        """The JSON that a program answers; it must end well and say nothing else.

        Raises:
            RuntimeError: it failed, or warned.
        """
        done = self.php(program, data, timeout=timeout)
        if done.returncode or done.stderr:
            raise RuntimeError(f"PHP ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise RuntimeError(f"PHP answered no JSON: {done.stdout[:2000]}") from error


@contextmanager
def box(php: str, version: str = "2.7.2", files: Mapping[str, str] | None = None) -> Iterator[Box]:
    """A box with that PHP and release of pfSense; `files` by path, such as `cf/conf/config.xml`."""
    laid = {**tree(version), **{path: (text, 0o644) for path, text in (files or {}).items()}}
    laid["etc/lab-start.sh"] = ("exec sh /etc/stand-in/boot.sh\n", 0o644)
    laid["usr/local/sbin/strongswanrc"] = (NO_CHARON, 0o755)
    with tempfile.TemporaryDirectory(prefix="pfsense-stand-in-") as folder:
        archive, log = Path(folder) / "tar", Path(folder) / "log"
        archive.write_bytes(tar(laid))
        (own := Path(folder) / "pfsense-stand-in").mkdir()
        command = ["unshare", "-m", "-p", "-u", "-i", "-f", "--kill-child", "sh", str(BOOT)]
        command += [str(root(SUITES[php], kind="pfsense")), str(own)]
        with archive.open("rb") as stdin, log.open("w") as output:
            process = subprocess.Popen(command, stdin=stdin, stdout=output, stderr=output, start_new_session=True)
        try:
            yield Box(_booted(process, log))
        finally:
            process.kill()
            process.wait()


def _booted(process: subprocess.Popen[bytes], log: Path) -> int:
    """The pid of a box's first process, when it is ready."""
    end = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < end:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
        if children and Path(f"/proc/{children[0]}/root/run/lab-ready").exists():
            return int(children[0])
        time.sleep(0.02)
    raise RuntimeError(f"the box did not boot: {log.read_text(encoding='utf-8').strip()[-500:]}")
