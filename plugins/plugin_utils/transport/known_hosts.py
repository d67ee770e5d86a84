"""known_hosts as OpenSSH reads it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): whose key is it that a host shows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

Verdict = Literal["known", "unknown", "changed", "revoked"]

_FIELDS = 3
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: the names, the type of the key and the key; `revoked` is a key that is not to be trusted."""

    names: str
    kind: str
    key: bytes
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """All lines, those with one plain name found by it."""

    plain: Mapping[str, Sequence[Entry]]
    others: Sequence[Entry]

    def of(self, name: str) -> list[Entry]:
        """The lines that are about a host."""
        return [*self.plain.get(name, ()), *(entry for entry in self.others if _about(entry.names, name))]

    def judge(self, name: str, kind: str, key: bytes) -> Verdict:
        """What the lines say of a key that a host has shown."""
        about = self.of(name)
        if any(entry.revoked and entry.key == key for entry in about):
            return "revoked"
        valid = [entry for entry in about if not entry.revoked]
        if any(entry.key == key for entry in valid):
            return "known"
        return "changed" if any(entry.kind == kind for entry in valid) else "unknown"


def read(texts: Iterable[str]) -> KnownHosts:
    """The lines of such files. What is no such line is passed over, as OpenSSH does."""
    plain: dict[str, list[Entry]] = {}
    others: list[Entry] = []
    for line in (line for text in texts for line in text.splitlines()):
        entry = _entry(line)
        if entry is None:
            continue
        if any(char in entry.names for char in "|*?!"):
            others.append(entry)
        else:
            for name in entry.names.split(","):
                plain.setdefault(name, []).append(entry)
    return KnownHosts(plain, others)


def read_files(paths: Iterable[str]) -> KnownHosts:
    """The lines of those files that are there."""
    return read(Path(path).read_text(encoding="utf-8", errors="replace") for path in paths if Path(path).is_file())


def remember(path: str, name: str, kind: str, key: bytes) -> None:
    """Add a host's key, as OpenSSH does where new hosts are accepted."""
    line = f"{name} {kind} {base64.b64encode(key).decode()}\n"
    with _writing:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
            file.write(line)


def fingerprint(key: bytes) -> str:
    """A key as OpenSSH shows it to people."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _entry(line: str) -> Entry | None:
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < _FIELDS or words[0].startswith("#") or marker not in ("", "@revoked"):
        return None  # also @cert-authority: certificates of hosts are not asked for
    try:
        return Entry(
            words[0].lower() if "|" not in words[0] else words[0],
            words[1],
            base64.b64decode(words[2], validate=True),
            bool(marker),
        )
    except binascii.Error:
        return None


def _about(names: str, name: str) -> bool:
    """Whether a pattern list matches; one that is negated wins."""
    matched = False
    for pattern in names.split(","):
        if pattern.startswith("!") and fnmatchcase(name, pattern[1:]):
            return False
        matched = matched or (_is_hash_of(pattern, name) if pattern.startswith("|1|") else fnmatchcase(name, pattern))
    return matched


def _is_hash_of(pattern: str, name: str) -> bool:
    salt, dummy, made = pattern[3:].partition("|")
    try:
        return hmac.digest(base64.b64decode(salt), name.encode(), "sha1") == base64.b64decode(made)
    except binascii.Error:
        return False
