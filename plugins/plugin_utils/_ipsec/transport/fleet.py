# SPDX-License-Identifier: GPL-3.0-or-later
"""One script for many gateways, from one process, over a bounded pool of logins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue

from ..errors import IpsecError, TransportError
from ..model import Reply, Script
from .exec_channel import ExecLimits, ExecResult, run
from .framing import make_mark, pack, unpack
from .optional_paramiko import require
from .proxy import JumpHostPool
from .ssh_client import connect, disconnect, log_in, open_pool
from .target import Target

_TICK = 1.0  # seconds
_STALE = 15.0  # seconds of waiting for a place, after which it connects anew: sshd's LoginGraceTime runs meanwhile
_WAITING = 3  # gateways that may be connected to beside each that is read: those that do not answer delay no other


@dataclass(frozen=True, slots=True)
class FramedScript:
    """A script as it goes over, and the mark in what comes back."""

    text: bytes
    mark: str


def run_all(
    targets: Iterable[Target],
    script: Script,
    *,
    threads: int,
    timeout: float,
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[str, Reply | IpsecError]]:
    """What each gateway answers to the script, or why it did not, as they come.

    At most `threads` are logged in to and read at once. `timeout`, in seconds, is for the script. Targets are taken as
    there is room, and no more answers are held than that: what the caller does with one has to keep pace. `tick` is
    called about once a second.
    """
    require()
    if threads < 1:
        raise IpsecError(f"threads must be 1 or more, not {threads}")
    packed, limits = _pack(script), ExecLimits(timeout)
    answers: SimpleQueue[tuple[str, Reply | IpsecError]] = SimpleQueue()
    reading, on_the_way, waiting = threading.BoundedSemaphore(threads), open_pool(), iter(targets)

    def ask(target: Target) -> None:
        answers.put((target.name, _run_on_gateway(target, packed, limits, on_the_way, reading)))

    pool = ThreadPoolExecutor(threads * (1 + _WAITING), thread_name_prefix="fleet")
    try:
        asked = [pool.submit(ask, target) for target in islice(waiting, threads * (1 + _WAITING))]
        left = len(asked)
        while left:
            tick()
            try:
                answer = answers.get(timeout=_TICK)
            except Empty:
                continue
            left -= 1
            for target in islice(waiting, 1):
                pool.submit(ask, target)
                left += 1
            yield answer
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        on_the_way.close()


def _pack(script: Script) -> FramedScript:
    mark = make_mark()
    return FramedScript(pack(script, mark), mark)


def _run_on_gateway(
    target: Target, packed: FramedScript, limits: ExecLimits, ways: JumpHostPool, reading: threading.BoundedSemaphore
) -> Reply | IpsecError:
    """What one gateway answers; whatever goes wrong is said of it and touches no other."""
    try:
        reached, since = connect(target, ways), time.monotonic()
        with reading:
            if time.monotonic() - since > _STALE:
                reached.stream.close()
                reached = connect(target, ways)
            transport = log_in(reached)
            try:
                done = run(transport, target.command, packed.text, limits=limits, privilege=target.privilege)
            finally:
                disconnect(transport)
        return _unpack_reply(done, packed.mark)
    except IpsecError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the others are read all the same
        return TransportError(f"an unexpected {type(error).__name__}", hint=str(error))


def _unpack_reply(done: ExecResult, mark: str) -> Reply:
    try:
        return unpack(done.output, mark)
    except TransportError as error:
        said = done.errors.decode("utf-8", "replace").strip().splitlines()
        ended = "the connection was closed" if done.status is None else f"exit status {done.status}"
        raise TransportError(error.what, hint=f"{ended}; {said[-1][:300] if said else error.hint}") from error
