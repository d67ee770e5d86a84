# SPDX-License-Identifier: GPL-3.0-or-later
"""Files over a login, by SFTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import IpsecError, TransportError
from .optional_paramiko import paramiko


def put(transport: paramiko.Transport, ours: str, theirs: str) -> None:
    """Copy a file there.

    Raises:
        IpsecError: one of the two files, or the other side's SFTP, does not allow it.
    """
    with _open_sftp(transport, theirs) as sftp:
        sftp.put(ours, theirs)


def fetch(transport: paramiko.Transport, theirs: str, ours: str) -> None:
    """Copy a file from there.

    Raises:
        IpsecError: one of the two files, or the other side's SFTP, does not allow it.
    """
    with _open_sftp(transport, theirs) as sftp:
        sftp.get(theirs, ours)


@contextmanager
def _open_sftp(transport: paramiko.Transport, theirs: str) -> Iterator[paramiko.SFTPClient]:
    try:
        sftp = paramiko.SFTPClient.from_transport(transport)
    except (paramiko.SSHException, EOFError) as error:
        hint = "enable its SFTP subsystem, or use pipelining, which needs no files"
        raise IpsecError("sshd there has no SFTP", where=theirs, hint=hint) from error
    if sftp is None:
        raise TransportError("the connection broke off", where=theirs)
    with sftp:
        try:
            yield sftp
        except (paramiko.SSHException, EOFError) as error:
            raise TransportError("the connection broke off", where=theirs, hint=str(error)) from error
        except OSError as error:
            raise IpsecError("the file cannot be copied", where=theirs, hint=str(error)) from error
