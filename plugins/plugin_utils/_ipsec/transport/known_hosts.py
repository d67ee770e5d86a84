# SPDX-License-Identifier: GPL-3.0-or-later
"""known_hosts as OpenSSH reads it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): whose key is it that a host shows."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verdict = Literal["known", "unknown", "changed", "revoked"]

_FIELDS = 3
_writing = threading.Lock()
_added: dict[tuple[str, str], list[KnownHostsEntry]] = {}  # by file and host, by this process


@dataclass(frozen=True, slots=True)
class KnownHostsEntry:
    """One line: the names, the type of the key and the key; `revoked` is a key that is not to be trusted."""

    names: str
    kind: str
    key: bytes
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """All lines: by name where they have plain ones, by salt and hash (`HashKnownHosts`), and those with patterns."""

    plain: Mapping[str, Sequence[KnownHostsEntry]]
    hashed: Sequence[tuple[bytes, bytes, KnownHostsEntry]]
    patterns: Sequence[KnownHostsEntry]

    def of(self, name: str) -> list[KnownHostsEntry]:
        """The lines that are about a host."""
        asked = name.encode()
        hashed = [entry for salt, made, entry in self.hashed if hmac.digest(salt, asked, "sha1") == made]
        return [*self.plain.get(name, ()), *hashed, *(entry for entry in self.patterns if _matches(entry.names, name))]


def judge_key(about: Sequence[KnownHostsEntry], kind: str, key: bytes) -> Verdict:
    """What the lines about a host say of a key that it has shown."""
    if any(entry.revoked and entry.key == key for entry in about):
        return "revoked"
    valid = [entry for entry in about if not entry.revoked]
    if any(entry.key == key for entry in valid):
        return "known"
    return "changed" if any(entry.kind == kind for entry in valid) else "unknown"


def parse_lines(texts: Iterable[str]) -> KnownHosts:
    """The lines of such files. What is no such line is passed over, as OpenSSH does."""
    plain: dict[str, list[KnownHostsEntry]] = {}
    hashed: list[tuple[bytes, bytes, KnownHostsEntry]] = []
    patterns: list[KnownHostsEntry] = []
    for line in (line for text in texts for line in text.splitlines()):
        entry = _parse_entry(line)
        if entry is None:
            continue
        if entry.names.startswith("|1|"):
            salt, dummy, made = entry.names[3:].partition("|")
            with suppress(ValueError):
                hashed.append((base64.b64decode(salt), base64.b64decode(made), entry))
        elif any(char in entry.names for char in "*?!"):
            patterns.append(entry)
        else:
            for name in entry.names.split(","):
                plain.setdefault(name, []).append(entry)
    return KnownHosts(plain, hashed, patterns)


def read_files(paths: Iterable[str]) -> KnownHosts:
    """The lines of those files that are there."""
    return parse_lines(
        Path(path).read_text(encoding="utf-8", errors="replace") for path in paths if Path(path).is_file()
    )


def add_key(path: str, name: str, kind: str, key: bytes, *, hashed: bool = False) -> Verdict:
    """Add a host's key, as OpenSSH does where new hosts are accepted; `hashed`: its name cannot be read there.

    "unknown" where it was added, else what another thread's login, which has added a key of this host since the file
    was read, says of this one: then nothing is written.
    """
    with _writing:
        about = _added.setdefault((path, name), [])
        verdict = judge_key(about, kind, key)
        if verdict == "unknown":
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b") as file:
                file.seek(-1 if file.seek(0, os.SEEK_END) else 0, os.SEEK_END)
                ended = file.read(1) in (b"", b"\n")  # else ours would be a part of a line that somebody else began
                file.write(b"" if ended else b"\n")
                file.write(f"{_hash_name(name) if hashed else name} {kind} {base64.b64encode(key).decode()}\n".encode())
            about.append(KnownHostsEntry(name, kind, key))
        return verdict


def _hash_name(name: str) -> str:
    salt = os.urandom(hashlib.sha1(usedforsecurity=False).digest_size)
    return "|1|" + "|".join(
        base64.b64encode(part).decode() for part in (salt, hmac.digest(salt, name.encode(), "sha1"))
    )


def format_fingerprint(key: bytes) -> str:
    """A key as OpenSSH shows it to people."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _parse_entry(line: str) -> KnownHostsEntry | None:
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < _FIELDS or words[0].startswith("#") or marker not in ("", "@revoked"):
        return None  # also @cert-authority: certificates of hosts are not asked for
    try:
        return KnownHostsEntry(
            words[0].lower() if "|" not in words[0] else words[0],
            words[1],
            base64.b64decode(words[2], validate=True),
            bool(marker),
        )
    except ValueError:  # also where it is no ASCII
        return None


def _matches(patterns: str, name: str) -> bool:
    """Whether a pattern list matches; one that is negated wins."""
    each = patterns.split(",")
    if any(_compile_pattern(pattern[1:]).fullmatch(name) for pattern in each if pattern.startswith("!")):
        return False
    return any(_compile_pattern(pattern).fullmatch(name) for pattern in each)


@functools.lru_cache(maxsize=1024)
def _compile_pattern(text: str) -> re.Pattern[str]:
    """Only `*` and `?` are special (ssh_config(5), PATTERNS): brackets stand round a name that has a port."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))
