# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a gateway: a socket to its sshd, direct, by a ProxyCommand, or over hosts on the way that all share."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ..errors import NotConnectedError, TransportError
from .optional_paramiko import paramiko
from .ssh_config import SshSettings

# The host on the way, those before it, OpenSSH's configuration file, and until when.
Login = Callable[[str, tuple[str, ...], tuple[str, ...], "JumpHostPool", float], "paramiko.Transport"]

_CUT = (
    30_000  # milliseconds that sent bytes may stay unanswered: a path that is cut ends a session, not only its timeout
)
_LONGEST_LINE = 255  # RFC 4253 section 4.2
_LINES_BEFORE = 50
_NOT_AGAIN = 60.0  # seconds: what lies behind a dead host is not to wait for it one after the other
_SOON = 0.02  # seconds


@dataclass(slots=True)
class _JumpHost:
    """A host on the way: the login to it, or why there was none and until when that holds for all behind it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    transport: paramiko.Transport | None = None
    error: TransportError | None = None
    until: float = 0.0


@dataclass(slots=True)
class JumpHostPool:
    """The logins to hosts on the way: one each, however many gateways lie behind. `login` makes them."""

    login: Login
    made: dict[tuple[str, ...], _JumpHost] = field(default_factory=dict)

    def over(self, jumps: tuple[str, ...], config: tuple[str, ...], deadline: float) -> paramiko.Transport:
        """The login to the last of the jumps, which is logged in to over those before it.

        Raises:
            NotConnectedError: there is none, or was none a moment ago.
        """
        way = self.made.setdefault((*config, *jumps), _JumpHost())
        if not way.lock.acquire(timeout=measure_time_left(deadline)):
            raise NotConnectedError("the host on the way does not answer", where=jumps[-1])
        try:
            if way.transport is not None and way.transport.is_active():
                return way.transport
            if way.error is None or time.monotonic() > way.until:
                way.error = None
                way.transport = self._tried(way, jumps, config, deadline)
            if way.transport is None:
                raise NotConnectedError(f"over {jumps[-1]}, {way.error}") from way.error
            return way.transport
        finally:
            way.lock.release()

    def _tried(
        self, way: _JumpHost, jumps: tuple[str, ...], config: tuple[str, ...], deadline: float
    ) -> paramiko.Transport | None:
        try:
            return self.login(jumps[-1], jumps[:-1], config, self, deadline)
        except TransportError as error:
            way.error, way.until = error, time.monotonic() + _NOT_AGAIN
            return None

    def close(self) -> None:
        """Leave them all."""
        for way in self.made.values():
            if way.transport is not None:
                way.transport.close()


def measure_time_left(deadline: float) -> float:
    """Seconds until then, never none."""
    return max(deadline - time.monotonic(), 0.001)


def open_jump(settings: SshSettings, ways: JumpHostPool, deadline: float) -> socket.socket | paramiko.Channel:
    """A stream on which the gateway's sshd has begun to speak.

    Raises:
        NotConnectedError: there is none; says why.
    """
    if settings.jumps:
        return _connect_through_jump(settings, ways, deadline)
    stream = _run_proxy_command(settings) if settings.proxy else _connect_directly(settings, deadline)
    try:
        _wait_for_banner(stream, settings, deadline)
    except BaseException:
        stream.close()
        raise
    return stream


def _connect_directly(settings: SshSettings, deadline: float) -> socket.socket:
    try:
        stream = socket.create_connection((settings.host, settings.port), measure_time_left(deadline))
    except socket.gaierror as error:
        raise NotConnectedError(
            f"{settings.host} does not resolve ({error.strerror})", hint="set ansible_host to its address"
        ) from error
    except TimeoutError as error:
        raise NotConnectedError(
            "nothing answers", where=settings.where, hint="is it up, and does the path let ssh through"
        ) from error
    except ConnectionRefusedError as error:
        raise NotConnectedError(
            "the connection was refused", where=settings.where, hint="does sshd run there"
        ) from error
    except OSError as error:
        raise NotConnectedError(f"it cannot be reached ({error.strerror})", where=settings.where) from error
    with suppress(OSError, AttributeError):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _CUT)
    return stream


def _run_proxy_command(settings: SshSettings) -> socket.socket:
    """A ProxyCommand on one half of a pair of sockets: paramiko's own ProxyCommand leaks pipes (its issue 2568).

    Without a terminal, so that an ssh in it asks nobody anything. It ends when the other half is closed.
    """
    ours, theirs = socket.socketpair()
    expanded = _expand(settings)
    with theirs:
        try:
            subprocess.Popen(  # noqa: S603 - the command that the user's own settings name
                ["/bin/sh", "-c", f"exec {expanded}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
            )
        except OSError as error:
            ours.close()
            raise NotConnectedError("the ProxyCommand does not run", where=settings.where, hint=str(error)) from error
    return ours


def _expand(settings: SshSettings) -> str:
    """With its tokens (ssh_config(5), TOKENS)."""
    tokens = {"%%": "%", "%h": settings.host, "%n": settings.host, "%p": str(settings.port), "%r": settings.user}
    pieces = settings.proxy.split("%%")
    for index, piece in enumerate(pieces):
        for token, value in tokens.items():
            piece = piece.replace(token, shlex.quote(value))  # noqa: PLW2901
        pieces[index] = piece
    return "%".join(pieces)


def _connect_through_jump(settings: SshSettings, ways: JumpHostPool, deadline: float) -> paramiko.Channel:
    carrier = ways.over(settings.jumps, settings.config, deadline)
    try:
        return carrier.open_channel(
            "direct-tcpip", (settings.host, settings.port), ("127.0.0.1", 0), timeout=measure_time_left(deadline)
        )
    except (paramiko.SSHException, EOFError, OSError) as error:
        where = f"{settings.where} behind {settings.jumps[-1]}"
        raise NotConnectedError(
            "nothing answers", where=where, hint=str(error) or "the way to it was closed"
        ) from error


def _wait_for_banner(stream: socket.socket, settings: SshSettings, deadline: float) -> None:
    """Wait until an SSH server has said who it is, and leave that to be read; lines before it are passed over."""
    first = b""
    for dummy in range(_LINES_BEFORE):
        line = _peek_line(stream, settings, deadline)
        first = first or line
        if line.startswith(b"SSH-"):
            return
        if not line.endswith(b"\n"):
            break
        stream.recv(len(line))
    said = first[:60].decode("utf-8", "replace").strip()
    raise NotConnectedError(f"what answers is not an SSH server: it says {said!r}", where=settings.where)


def _peek_line(stream: socket.socket, settings: SshSettings, deadline: float) -> bytes:
    """The next line, not taken from the stream; at most as much as a line may have."""
    while True:
        stream.settimeout(measure_time_left(deadline))
        try:
            seen = stream.recv(_LONGEST_LINE, socket.MSG_PEEK)
        except TimeoutError as error:
            raise NotConnectedError(
                "it takes connections and says nothing", where=settings.where, hint="sshd hangs, or its machine is busy"
            ) from error
        except OSError as error:
            raise NotConnectedError(f"the connection broke ({error.strerror})", where=settings.where) from error
        line, newline, dummy = seen.partition(b"\n")
        if newline or len(seen) >= _LONGEST_LINE:
            return line + newline
        if not seen or measure_time_left(deadline) <= _SOON:
            raise NotConnectedError("the connection was closed before the login", where=settings.where, hint=_CLOSED)
        time.sleep(_SOON)


_CLOSED = "too many logins at once, a filter for addresses, or a ProxyCommand that failed"
