# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user proves who they are with: private keys of files and of an agent."""

from __future__ import annotations

import functools
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from .bounds import is_too_short
from .optional_paramiko import paramiko
from .ssh_config import SshSettings, expand_home
from .target import Target


def load_keys(target: Target | None, settings: SshSettings, notes: list[str]) -> Generator[tuple[str, paramiko.PKey]]:
    """The keys to offer, each with its name: of files first, then those of the agent.

    Why a file that was asked for cannot be used goes to `notes`; a passphrase is never asked for.
    """
    passphrase = target.passphrase if target else None
    for path in map(expand_home, settings.identities):
        if path.is_file():
            key, why = _load_key(str(path), passphrase)
            if key is None:
                notes.append(f"{path} {why}")
            elif is_too_short(settings.bounds, key):
                notes.append(f"{path} is shorter than RequiredRSASize")
            else:
                yield str(path), key
        elif target and target.key_file and path == expand_home(target.key_file):
            notes.append(f"{path} is not there")
    if settings.agent:
        yield from _load_agent_keys(settings)


def _load_agent_keys(settings: SshSettings) -> Generator[tuple[str, paramiko.PKey]]:
    wanted = (
        {_read_public_key(path) for path in map(expand_home, settings.identities)} if settings.identities_only else None
    )
    with closing(paramiko.Agent()) as agent:
        for each in agent.get_keys():
            if (wanted is None or each.asbytes() in wanted) and not is_too_short(settings.bounds, each):
                yield f"{each.get_name()} of the agent", each


@functools.lru_cache(maxsize=64)
def _load_key(path: str, passphrase: str | None) -> tuple[paramiko.PKey | None, str]:
    """A key, or why there is none. One file is often the key to all gateways, and is decrypted once."""
    try:
        return _read_private_key(path, passphrase), ""
    except (TypeError, paramiko.PasswordRequiredException):
        return None, "needs a passphrase: give ansible_ssh_private_key_passphrase"
    except (ValueError, OSError, paramiko.SSHException) as error:
        why = "cannot be opened with that passphrase" if passphrase else "is not a private key that can be read"
        return None, f"{why} ({error})"


def _read_private_key(path: str, passphrase: str | None) -> paramiko.PKey:
    try:
        # bytes, whatever its annotation says: cryptography wants them.
        return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)  # type: ignore[arg-type]
    except TypeError:
        if passphrase:  # of a key that has none
            return paramiko.PKey.from_path(path)
        raise


def _read_public_key(path: Path) -> bytes | None:
    """The public half that lies beside a private key."""
    file = path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")
    try:
        return paramiko.pkey.PublicBlob.from_file(str(file)).key_blob
    except (OSError, ValueError):
        return None
