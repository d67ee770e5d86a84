"""Servers that do to a client what sick, overloaded and foreign machines do: each on a port of the loopback address."""

# ruff: noqa: ARG001, ARG002 - what is called back has the parameters that callers give
from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import paramiko

Serve = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Server:
    """Where one listens, and how many have connected."""

    port: int
    seen: list[float]


@contextmanager
def serving(serve: Serve) -> Iterator[Server]:
    """A server that treats every connection so, each in a thread of its own, until the block ends."""
    over, seen, streams = threading.Event(), [], []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def accept() -> None:
            while not over.is_set():
                try:
                    stream, dummy = listener.accept()
                except OSError:
                    return
                seen.append(time.monotonic())
                streams.append(stream)
                threading.Thread(target=serve, args=(stream, over), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield Server(listener.getsockname()[1], seen)
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for stream in streams:
                stream.close()


def says_nothing(stream: socket.socket, over: threading.Event) -> None:
    over.wait()


def hangs_up(stream: socket.socket, over: threading.Event) -> None:
    stream.close()


def speaks_http(stream: socket.socket, over: threading.Event) -> None:
    with suppress(OSError):
        stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 60)
        over.wait()


def pours_bytes(stream: socket.socket, over: threading.Event) -> None:
    with suppress(OSError):
        while not over.is_set():
            stream.sendall(b"\xff\x00" * 32768)


def hangs_after_greeting(stream: socket.socket, over: threading.Event) -> None:
    with suppress(OSError):
        stream.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
        over.wait()


def garbles_after_greeting(stream: socket.socket, over: threading.Event) -> None:
    with suppress(OSError):
        stream.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" + b"\xfe" * 5000)
        over.wait()


class _Rules(paramiko.ServerInterface):
    """Lets one password in, or nobody."""

    def __init__(self, password: str | None) -> None:
        self.password = password
        self.command = threading.Event()
        self.runs: list[bytes] = []

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if password == self.password else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.runs.append(command)
        self.command.set()
        return True


def ssh(
    key: paramiko.PKey, password: str | None, then: Callable[[paramiko.Channel, bytes, threading.Event], None]
) -> Serve:
    """An SSH server that lets the password in, takes a command with all its input, and then does something."""

    def serve(stream: socket.socket, over: threading.Event) -> None:
        rules = _Rules(password)
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport = paramiko.Transport(stream)
            transport.add_server_key(key)
            transport.start_server(server=rules)
            channel = transport.accept(20)
            if channel is None:
                return
            rules.command.wait(20)
            given = b""
            while piece := channel.recv(1 << 16):
                given += piece
            then(channel, given, over)
            transport.close()

    return serve


def closes_mid_output(channel: paramiko.Channel, given: bytes, over: threading.Event) -> None:
    done = subprocess.run(["/bin/sh", "-s"], input=given, capture_output=True, check=False)
    channel.sendall(done.stdout[: len(done.stdout) // 2])


def prints_garbage(channel: paramiko.Channel, given: bytes, over: threading.Event) -> None:
    channel.sendall(b"\xff\x00garbage \x1b[2J" * 1000)
    channel.send_exit_status(0)
