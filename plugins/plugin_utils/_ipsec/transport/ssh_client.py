# SPDX-License-Identifier: GPL-3.0-or-later
"""A login to a gateway: its key is checked first, then the user proves who they are. Nobody is asked anything."""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from ..errors import NotConnectedError, TransportError
from . import known_hosts, ssh_config
from .bounds import apply_bounds, refuse_key
from .optional_paramiko import LOG, paramiko
from .private_keys import load_keys
from .proxy import JumpHostPool, measure_time_left, open_jump
from .ssh_config import SshSettings
from .target import Target

_PAUSE = 1.0  # seconds between two tries to connect
_RSA = ("rsa-sha2-512", "rsa-sha2-256")  # how a key of type ssh-rsa signs (RFC 8332)


def open_pool() -> JumpHostPool:
    """Ways to gateways, for one task."""
    return JumpHostPool(_log_in_to_jump)


@dataclass(frozen=True, slots=True)
class SshStream:
    """A gateway whose sshd has begun to speak, and the seconds that are left to log in."""

    target: Target | None
    settings: SshSettings
    stream: socket.socket | paramiko.Channel
    seconds: float


def connect(target: Target, ways: JumpHostPool) -> SshStream:
    """Connect. What fails here is tried again as often as the target says; all tries together have its one timeout.

    Raises:
        TransportError: there is no connection; says why.
    """
    deadline = time.monotonic() + target.timeout
    settings = ssh_config.ask_settings(target)
    for more in reversed(range(max(target.tries, 1))):
        try:
            stream = open_jump(settings, ways, deadline)
            break
        except NotConnectedError:
            if not more or measure_time_left(deadline) <= _PAUSE:
                raise
            time.sleep(_PAUSE)
    return SshStream(target, settings, stream, measure_time_left(deadline))


def log_in(reached: SshStream) -> paramiko.Transport:
    """Log in.

    Raises:
        TransportError: nobody is let in; says why.
    """
    deadline = time.monotonic() + reached.seconds
    target, settings, stream = reached.target, reached.settings, reached.stream
    try:
        transport = paramiko.Transport(stream)
    except (paramiko.SSHException, OSError) as error:
        stream.close()
        raise NotConnectedError("the connection broke off", where=settings.where, hint=str(error)) from error
    try:
        transport.set_log_channel(LOG)
        trusted = _exchange_keys(transport, settings, deadline)
        _authenticate(transport, target, settings, deadline, trusted=trusted)
    except (paramiko.SSHException, EOFError, OSError) as error:
        disconnect(transport)
        raise TransportError("the login broke off", where=settings.where, hint=str(error)) from error
    except BaseException:
        disconnect(transport)
        raise
    return transport


def _log_in_to_jump(
    jump: str, before: tuple[str, ...], config: tuple[str, ...], ways: JumpHostPool, deadline: float
) -> paramiko.Transport:
    """A login to a host on the way, with what the user's own files say of it."""
    settings = ssh_config.ask_jump_settings(jump, before, config)
    return log_in(SshStream(None, settings, open_jump(settings, ways, deadline), measure_time_left(deadline)))


def disconnect(transport: paramiko.Transport) -> None:
    """End a login, also one that has not begun."""
    transport.close()
    transport.sock.close()


def _exchange_keys(transport: paramiko.Transport, settings: SshSettings, deadline: float) -> bool:
    """Agree on keys with the server and check who it is; whether it is whom we know."""
    about = _read_known_hosts(settings.known_hosts).of(settings.known_as)
    types = [kind for entry in about for kind in (_RSA if entry.kind == "ssh-rsa" else (entry.kind,))]
    apply_bounds(transport, settings.bounds, types, settings.where)
    transport.banner_timeout = transport.handshake_timeout = measure_time_left(deadline)
    event = threading.Event()
    transport.start_client(event=event)
    event.wait(measure_time_left(deadline))
    if not transport.is_active() or not event.is_set():
        error = transport.saved_exception
        why = str(error) if error else "it was closed" if event.is_set() else "it took too long"
        raise NotConnectedError("the SSH key exchange failed", where=settings.where, hint=why)
    key = transport.get_remote_server_key()
    return _check_host_key(settings, known_hosts.judge_key(about, key.get_name(), key.asbytes()), key)


def _check_host_key(settings: SshSettings, verdict: known_hosts.Verdict, key: paramiko.PKey) -> bool:
    """Whether the server is whom we know; refuse it where the user's settings say so."""
    shown = f"{key.get_name()} {known_hosts.format_fingerprint(key.asbytes())}"
    refuse_key(settings.bounds, key, shown, settings.where)
    if verdict == "unknown" and settings.known_hosts and settings.strict not in ("yes", "ask"):
        with suppress(OSError):  # OpenSSH, too, goes on if the file cannot be written
            verdict = known_hosts.add_key(
                _choose_known_hosts(settings),
                settings.known_as,
                key.get_name(),
                key.asbytes(),
                hashed=settings.hash_known_hosts,
            )
    if verdict == "known":
        return True
    if verdict == "revoked":
        raise TransportError(
            f"its host key {shown} is revoked", where=settings.where, hint=_choose_known_hosts(settings)
        )
    if verdict == "changed" and settings.strict != "no":
        hint = f"find out why, then remove the old one from {_choose_known_hosts(settings)}"
        raise TransportError(f"its host key has changed, to {shown}", where=settings.where, hint=hint)
    if settings.strict in ("yes", "ask"):
        hint = f"compare it with what the gateway has and add it to {_choose_known_hosts(settings)}"
        raise TransportError(f"its host key {shown} is not known", where=settings.where, hint=hint)
    return verdict == "unknown"


def _choose_known_hosts(settings: SshSettings) -> str:
    return settings.known_hosts[0] if settings.known_hosts else "known_hosts"


@functools.lru_cache(maxsize=16)
def _read_known_hosts(paths: tuple[str, ...]) -> known_hosts.KnownHosts:
    """Read once in a process, that is once in a task, however many gateways are in them."""
    return known_hosts.read_files(paths)


def _authenticate(
    transport: paramiko.Transport, target: Target | None, settings: SshSettings, deadline: float, *, trusted: bool
) -> None:
    """Log in by whatever the user has. A password goes to no server whose key has changed, as OpenSSH has it."""
    notes: list[str] = []
    refused: list[str] = []
    transport.auth_timeout = measure_time_left(deadline)
    with closing(load_keys(target, settings, notes)) as offered:
        for name, key in offered:
            if _try_offer(
                transport, settings, name, refused, functools.partial(transport.auth_publickey, settings.user, key)
            ):
                return
    if target and target.password and trusted and "password" in settings.methods:
        password = functools.partial(transport.auth_password, settings.user, target.password)
        if _try_offer(transport, settings, "the password", refused, password):
            return
    tried = f"it refused {', '.join(refused)}" if refused else "there is neither a key nor a password to offer"
    raise TransportError(f"the login as {settings.user} fails", where=settings.where, hint="; ".join((tried, *notes)))


def _try_offer(
    transport: paramiko.Transport, settings: SshSettings, name: str, refused: list[str], offer: Callable[[], list[str]]
) -> bool:
    """Whether an offer was enough. What was refused, or is not all the server wants, is noted."""
    try:
        wanted = offer()
    except paramiko.BadAuthenticationType as error:
        refused.append(f"{name} (it takes {', '.join(error.allowed_types)})")
        return False
    except (paramiko.SSHException, EOFError, OSError) as error:
        if (
            transport.is_active()
            and isinstance(error, paramiko.AuthenticationException)
            and "timeout" not in str(error)
        ):
            refused.append(name)
            return False
        what = f"the login as {settings.user} broke off while it was offered {name}"
        raise TransportError(what, where=settings.where, hint=str(error)) from error
    if wanted:
        refused.append(f"{name} alone (it also wants {', '.join(wanted)})")
    return not wanted
