"""What one gateway is: its files, what its daemon holds, its SAs and processes; and how two such pictures differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from tests.lab.lab import Lab

RECORD = (
    "/etc/tunnelwright/rolled-back"  # of a rollback that nobody asked for, it stays to tell the run that comes late
)
CONF = "/etc/swanctl"
SNARES = "/usr/local/bin"  # where it comes first in the PATH
# Every file with mode and owner, and elsewhere what has the name of the collection.
_LOOK = r"""
echo '== files'
find /etc /usr/local /root /var/spool/cron -printf '%y %m %U %G %p %l\n'
find /run /tmp /var/tmp /var/lib -name '*tunnelwright*' -printf '%y %m %U %G %p %l\n'
echo '== bytes'; find /etc /usr/local /root /var/spool/cron -type f -exec sha256sum {} +
echo '== sas'; timeout 10 swanctl --list-sas
echo '== loaded'; timeout 10 swanctl --list-conns
echo '== processes'
for p in /proc/[0-9]*; do
    read -r stat <$p/stat || continue
    name=${stat#*(} name=${name%%)*} words=${stat##*) }
    set -- $words
    case $$ in ${p#/proc/} | $2) continue ;; esac
    case $name in sshd* | sftp-server) continue ;; esac
    echo "$name $(tr '\0\n' '  ' <$p/cmdline)"
done 2>/dev/null
:
"""


@dataclass(frozen=True)
class Picture:
    """One gateway at one time. What a file is, by its path: type, mode, owner, link, digest."""

    files: Mapping[str, str]
    sas: tuple[str, ...]
    loaded: tuple[str, ...]
    processes: tuple[str, ...]
    record: str = ""  # what the guard wrote down

    def with_text(self, path: str, text: str) -> Picture:
        """The same with other bytes in one file."""
        old = self.files[path]
        return replace(self, files={**self.files, path: f"{old.rpartition(' ')[0]} {_digest(text)}"})

    def with_file(self, path: str, text: str) -> Picture:
        """The same with one file more, which all may read."""
        return replace(self, files={**self.files, path: f"f 644 0 0  {_digest(text)}"})


def picture(lab: Lab, gateway: str) -> Picture:
    """Look at a gateway."""
    done = lab.exec(gateway, ["sh", "-c", _LOOK], timeout=120)
    parts = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    files = {path: what for path, what in _files(parts["files"], parts["bytes"]) if not _passing(path)}
    record = lab.exec(gateway, ["cat", RECORD]).stdout if files.pop(RECORD, "") else ""
    if record and [path for path in files if path.startswith("/etc/tunnelwright")] == ["/etc/tunnelwright"]:
        del files["/etc/tunnelwright"]
    loaded, processes = (tuple(sorted(parts[name].splitlines())) for name in ("loaded", "processes"))
    return Picture(files, sas(parts["sas"]), loaded, processes, record)


def sas(listed: str) -> tuple[str, ...]:
    """What `swanctl --list-sas` tells of each SA that is not another each time it is made."""
    found = []
    for line in listed.splitlines():
        if match := re.match(r"(\S+): #\d+, (\w+), (IKEv\d)", line):
            found.append("{} {} {}".format(*match.groups()))
        elif match := re.match(r"  (\S+): #\d+, reqid \d+, (\w+), ([\w-]+), \w+:([\w-]+)", line):
            found.append("{} {} {} {}".format(*match.groups()))
    return tuple(sorted(found))


def differences(before: Picture, after: Picture) -> Iterator[str]:
    """What is not as it was, a sentence each."""
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(path), after.files.get(path)
        if old is None:
            yield f"{path} is there"
        elif new is None:
            yield f"{path} is gone"
        elif old != new:
            yield f"{path} is {'other bytes' if old.rsplit(' ', 1)[0] == new.rsplit(' ', 1)[0] else new}"
    for what in ("sas", "loaded", "processes"):
        old_lines, new_lines = Counter(getattr(before, what)), Counter(getattr(after, what))
        yield from (f"{what}: there is {line.strip()}" for line in sorted((new_lines - old_lines).elements()))
        yield from (f"{what}: gone is {line.strip()}" for line in sorted((old_lines - new_lines).elements()))


def _files(listed: str, sums: str) -> Iterator[tuple[str, str]]:
    digests = {path: digest for digest, path in (line.split("  ", 1) for line in sums.splitlines())}
    for line in listed.splitlines():
        what, path = line.split(" /", 1)
        path, dummy, target = f"/{path}".partition(" ")
        yield path, f"{what} {target} {digests.get(path, '-')}"


def _passing(path: str) -> bool:
    """What the sabotage itself has there (scene.py)."""
    return path.startswith((SNARES, "/run/sabotage"))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
