"""The Debian root that gateways share read-only: made once by debootstrap, kept outside the checkout."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("TUNNELWRIGHT_LAB_CACHE", "/var/cache/tunnelwright-lab"))
PACKAGES = (
    "strongswan-swanctl",
    "charon-systemd",
    "libcharon-extra-plugins",
    "libstrongswan-extra-plugins",
    "strongswan-pki",
    "openssh-server",
    "nftables",
    "iproute2",
    "iputils-ping",
    "sudo",
)
LATER = {"trixie": ("systemd-standalone-sysusers", "cron")}
ALWAYS_LATER = ("cron",)  # debootstrap trips over it
KINDS = {"strongswan": (), "pfsense": ("php-cli", "php-xml")}  # what the kinds of gateways need beside that


class RootError(RuntimeError):
    """The root could not be made; says by which command and where its log is."""


def root(suite: str = "trixie", *, kind: str = "strongswan") -> Path:
    """The root of a Debian suite for a kind of gateway, made if it is not there yet (half a minute, some 250 MB).

    Raises:
        RootError: debootstrap or apt failed.
    """
    made = CACHE / (suite if kind == "strongswan" else f"{suite}-{kind}")
    if made.is_dir():
        return made
    CACHE.mkdir(parents=True, exist_ok=True)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _make(suite, kind, made)
    return made


def _make(suite: str, kind: str, made: Path) -> None:
    part, log = made.with_suffix(".part"), made.with_suffix(".log")
    if KINDS[kind]:  # a copy takes seconds, debootstrap most of a minute
        first, later = ["cp", "-a", "--reflink=auto", str(root(suite)), str(part)], KINDS[kind]
    else:
        first = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(part), mirror()]
        later = (*LATER.get(suite, ()), *ALWAYS_LATER)
    subprocess.run(["rm", "-rf", str(part)], check=True)
    commands = (
        first,
        ["chroot", str(part), "apt-get", "install", "-y", "--no-install-recommends", *later],
        ["chroot", str(part), "apt-get", "clean"],
    )
    with log.open("w") as output:
        for command in commands:
            if subprocess.run(command, stdout=output, stderr=output, env=_environment(), check=False).returncode:
                raise RootError(f"{' '.join(command[:2])} failed for {suite}; see {log}")
    part.rename(made)


def mirror() -> str:
    """The Debian mirror that this machine's apt uses."""
    for path in sorted(Path("/etc/apt").glob("sources.list*")) + sorted(Path("/etc/apt/sources.list.d").glob("*")):
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                if found := re.match(r"(?:URIs:|deb(?: \[.*\])?)\s+(\S+/debian/?)(?:\s|$)", line):
                    return found[1]
    return "http://deb.debian.org/debian"


def _environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
