"""A signal that asks a run to end ends it as Ctrl-C does, however it was started, and all that it made goes with it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import owner

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Ended(KeyboardInterrupt):
    """The run was asked to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


class _Hold:
    """How many blocks must not be broken off at this moment, and the signal that came meanwhile."""

    deep = 0
    came = 0


def heed(end: Callable[[int, object], None] | None = None) -> None:
    """Ending signals call `end` from now on, which raises `Ended` where none is given.

    Also SIGINT where a shell lets its background jobs ignore it, but no hangup under nohup.
    """
    for number in ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end or _end)


def _end(number: int, dummy: object) -> None:
    """What waits for a process of the run need not wait any longer; another signal does not disturb the clearing up."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    owner.kill_own()
    if _Hold.deep:
        _Hold.came = number
    else:
        raise Ended(number)


@contextmanager
def held() -> Iterator[None]:
    """A block that a signal does not break off; it ends the run right after."""
    if threading.current_thread() is not threading.main_thread():  # Python hands signals to the main one
        yield
        return
    _Hold.deep += 1
    try:
        yield
    finally:
        _Hold.deep -= 1
        if _Hold.came and not _Hold.deep:
            number, _Hold.came = _Hold.came, 0
            raise Ended(number)


def run(main: Callable[[], int | None]) -> None:
    """Run a program that makes labs, and end with its exit status; nothing that it has started outlives it."""
    from .lab import sweep  # noqa: PLC0415 - that one holds signals itself

    heed()
    owner.mark()
    try:
        status = main() or 0
    except Ended as ended:
        status = 128 + ended.number
    finally:
        with held():
            owner.kill_own()
            sweep()
    sys.exit(status)
