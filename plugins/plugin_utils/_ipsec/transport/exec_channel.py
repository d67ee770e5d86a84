# SPDX-License-Identifier: GPL-3.0-or-later
"""One command over a login: what it is given, what it says, how it ends, and by when."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ..errors import IpsecError, TransportError
from .optional_paramiko import paramiko
from .target import Become, BecomeSession

_PIECE = 1 << 17  # bytes
_LOOK = 0.5  # seconds between two looks at error output while the other says nothing
_LOOK_FOR_PROMPT = 0.05  # seconds
_STATUS_WITHIN = 5.0  # seconds for the exit status after the output has ended


@dataclass(frozen=True, slots=True)
class ExecLimits:
    """What a command may take: seconds, and bytes of its answer, a hundred times those of a thousand tunnels."""

    seconds: float
    size: int = 64 << 20


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command printed. `status` is None where the connection was closed before it had ended."""

    status: int | None
    output: bytes
    errors: bytes


@dataclass(slots=True)
class _ExecSession:
    """A command that runs."""

    channel: paramiko.Channel
    size: int
    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)

    def listen(self, seconds: float) -> bool:
        """Wait so long for something to be said and take it in; whether there may be more."""
        self.channel.settimeout(seconds)
        try:
            piece = self.channel.recv(_PIECE)
        except TimeoutError:
            self.take()
            return True
        self.output += piece
        self.take()
        return bool(piece)

    def take(self) -> None:
        """Take in what has been said."""
        while self.channel.recv_ready():
            self.output += self.channel.recv(_PIECE)
        while self.channel.recv_stderr_ready():
            self.errors += self.channel.recv_stderr(_PIECE)
        if len(self.output) + len(self.errors) > self.size:
            raise TransportError(f"its answer is longer than {self.size >> 20} MiB", hint="is that a gateway")


def run(
    transport: paramiko.Transport,
    command: str,
    given: bytes,
    *,
    limits: ExecLimits,
    privilege: BecomeSession | None = None,
) -> ExecResult:
    """What a command says that is given this on its standard input.

    Raises:
        TransportError: it did not end in time and was cut off, or said too much.
        IpsecError: it may not become another user.
    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        transport.close()

    # paramiko waits without end for a server that does not answer a request: closing the login ends that.
    watch = threading.Timer(limits.seconds, cut)
    watch.daemon = True
    watch.start()
    try:
        talk = _ExecSession(transport.open_session(), limits.size)
        finished = _exchange(talk, command, given, privilege)
    except (paramiko.SSHException, EOFError, OSError) as error:
        if not late.is_set():
            raise TransportError("the connection broke off", hint=str(error) or "it was closed") from error
    finally:
        watch.cancel()
    if late.is_set():
        raise TransportError(
            f"it did not end within {limits.seconds:g} s", hint="give it longer, or look what its machine does"
        )
    return finished


def _exchange(talk: _ExecSession, command: str, given: bytes, privilege: BecomeSession | None) -> ExecResult:
    channel = talk.channel
    channel.exec_command(command)
    if privilege:
        _become(talk, privilege)
    channel.settimeout(None)
    channel.sendall(given)
    channel.shutdown_write()
    # To wait for the end, and to look now and then, takes much less than to be woken for every packet.
    while not channel.status_event.wait(_LOOK):
        talk.take()
    while talk.listen(_LOOK):
        pass
    while piece := channel.recv_stderr(_PIECE):
        talk.errors += piece
    channel.status_event.wait(_STATUS_WITHIN)
    status = channel.exit_status if channel.exit_status >= 0 else None
    channel.close()
    return ExecResult(status, bytes(talk.output), bytes(talk.errors))


def _become(talk: _ExecSession, privilege: BecomeSession) -> None:
    """Give the password when it is asked for, and wait until the command has begun as the other user.

    Raises:
        IpsecError: it does not begin.
    """
    become, asked = privilege.become, False
    while not _has_begun(talk, become):
        more = talk.listen(_LOOK_FOR_PROMPT)
        said = bytes(talk.errors + talk.output)
        if not asked and become.expect_prompt() and become.check_password_prompt(said):
            asked = True
            talk.channel.sendall(f"{privilege.password}\n".encode())
            talk.errors.clear()
        elif become.check_incorrect_password(said):
            raise IpsecError("the password to become another user is wrong", hint="see ansible_become_password")
        elif become.check_missing_password(said):
            raise IpsecError("to become another user takes a password", hint="give ansible_become_password")
        elif not more and not _has_begun(talk, become):
            last = said.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"]
            raise IpsecError("it does not become another user", hint=last[-1][:300])


def _has_begun(talk: _ExecSession, become: Become) -> bool:
    """Whether the line that says so has come; it and what stands before it are no output of the command."""
    mark = become.success.encode()
    line, newline, after = bytes(talk.output).partition(b"\n") if mark in talk.output else (b"", b"", b"")
    while newline and mark not in line:
        line, newline, after = after.partition(b"\n")
    if newline:
        talk.output[:] = after
    return bool(newline)
