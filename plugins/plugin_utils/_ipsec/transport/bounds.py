# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenSSH would agree on with a server, and trust: paramiko agrees on nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from ..errors import TransportError
from .optional_paramiko import paramiko

_KRL = b"SSHKRL\n\0"  # PROTOCOL.krl of OpenSSH


@dataclass(frozen=True, slots=True)
class Bounds:
    """Algorithms by OpenSSH's names, in its order (none: any); an RSA key's fewest bits; a file of revoked keys."""

    host_keys: tuple[str, ...]
    exchanges: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    signatures: tuple[str, ...]
    rsa: int
    revoked: str


def parse_bounds(values: Mapping[str, str]) -> Bounds:
    """The bounds among what `ssh -G` printed, by keyword."""
    size, file = values.get("requiredrsasize", ""), values.get("revokedhostkeys", "none")
    return Bounds(
        host_keys=_split_names(values, "hostkeyalgorithms"),
        exchanges=_split_names(values, "kexalgorithms"),
        ciphers=_split_names(values, "ciphers"),
        macs=_split_names(values, "macs"),
        signatures=_split_names(values, "pubkeyacceptedalgorithms")
        or _split_names(values, "pubkeyacceptedkeytypes"),  # before 8.5
        rsa=int(size) if size.isdecimal() else 0,
        revoked="" if file == "none" else file,
    )


def apply_bounds(transport: paramiko.Transport, within: Bounds, known: Sequence[str], where: str) -> None:
    """Have a transport offer only what is within the bounds, of host keys the types `known` first.

    Raises:
        TransportError: paramiko knows nothing of what is allowed.
    """
    options = transport.get_security_options()
    keys = _restrict_algorithms(within.host_keys, options.key_types, "HostKeyAlgorithms", where)
    options.key_types = sorted(keys, key=lambda kind: kind not in known)
    options.kex = _restrict_algorithms(within.exchanges, options.kex, "KexAlgorithms", where)
    # Ciphers that need no MAC beside come first: paramiko is slow at MACs.
    ciphers = _restrict_algorithms(within.ciphers, options.ciphers, "Ciphers", where)
    options.ciphers = sorted(ciphers, key=lambda cipher: "gcm" not in cipher)
    options.digests = _restrict_algorithms(within.macs, options.digests, "MACs", where)
    if within.signatures:
        kept_out = [name for name in transport.preferred_pubkeys if name not in within.signatures]
        transport.disabled_algorithms = {"pubkeys": kept_out}


def refuse_key(within: Bounds, key: paramiko.PKey, shown: str, where: str) -> None:
    """Refuse a server's key that is too short or revoked, as OpenSSH does.

    Raises:
        TransportError: it is, or the file of revoked keys cannot be read.
    """
    if is_too_short(within, key):
        what, hint = (
            f"its host key {shown} is an RSA key of {_measure_rsa_bits(key)} bits",
            f"RequiredRSASize is {within.rsa}",
        )
        raise TransportError(what, where=where, hint=hint)
    if not within.revoked:
        return
    try:
        listed = Path(within.revoked).expanduser().read_bytes()
    except OSError as error:
        hint = f"RevokedHostKeys {within.revoked} cannot be read ({error.strerror})"
        raise TransportError("no host key can be trusted", where=where, hint=hint) from error
    if _is_revoked(within.revoked, listed, key):
        raise TransportError(f"its host key {shown} is revoked", where=where, hint=within.revoked)


def is_too_short(within: Bounds, key: paramiko.PKey) -> bool:
    """Whether it is an RSA key of fewer bits than are required."""
    return key.get_name() == "ssh-rsa" and _measure_rsa_bits(key) < within.rsa


def _split_names(values: Mapping[str, str], keyword: str) -> tuple[str, ...]:
    return tuple(filter(None, values.get(keyword, "").split(",")))


def _restrict_algorithms(allowed: Sequence[str], known: Sequence[str], keyword: str, where: str) -> list[str]:
    if found := [name for name in allowed or known if name in known]:
        return found
    hint = f"it knows {', '.join(known)}; or reach it with Ansible's ssh connection"
    raise TransportError(f"paramiko knows nothing of what {keyword} allows", where=where, hint=hint)


def _measure_rsa_bits(key: paramiko.PKey) -> int:
    """The bits of the modulus (RFC 4253 section 6.6: the name, e, n)."""
    fields = paramiko.Message(key.asbytes())
    fields.get_text()
    fields.get_mpint()
    return fields.get_mpint().bit_length()


def _is_revoked(file: str, listed: bytes, key: paramiko.PKey) -> bool:
    """Public keys, one on a line; or a key revocation list, which OpenSSH's own ssh-keygen looks through.

    A list that it cannot read revokes every key, as it does for ssh.
    """
    if not listed.startswith(_KRL):
        return key.get_base64().encode() in (word for line in listed.splitlines() for word in line.split()[:3])
    with NamedTemporaryFile("w", suffix=".pub", encoding="ascii") as shown:
        shown.write(f"{key.get_name()} {key.get_base64()}\n")
        shown.flush()
        command = ["ssh-keygen", "-Q", "-f", str(Path(file).expanduser()), shown.name]
        return subprocess.run(command, capture_output=True, check=False).returncode != 0  # noqa: S603 - no shell
