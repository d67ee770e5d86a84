# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that runs a command on a gateway in a task: one script, one round trip."""

from __future__ import annotations

from typing import Any

from ..errors import TransportError
from ..model import Reply, Script
from .framing import make_mark, pack, unpack

_ALIVE = "-o ServerAliveInterval=10 -o ServerAliveCountMax=3"


def force_new_connection(action: Any) -> None:
    """From here on the task has a connection of its own: what it hears came over a path that works now.

    OpenSSH takes the first of several values of an option, and those on its command line before its configuration, so
    this holds against any multiplexing that the user has set up; it leaves the user's own connections alone.
    """
    connection = action._connection  # noqa: SLF001
    if connection.transport == "ssh":
        own = "-o ControlMaster=no -o ControlPath=none"
        connection.set_option("ssh_args", f"{own} {connection.get_option('ssh_args') or ''}")
    elif connection.transport != "local":
        connection.reset()


def _enable_keepalives(connection: Any) -> None:
    """Have a session whose path is gone end in half a minute: TCP alone takes a quarter of an hour to give up.

    What the user has set comes before this on OpenSSH's command line, so it wins.
    """
    if connection.transport == "ssh":
        given = connection.get_option("ssh_extra_args") or ""
        if _ALIVE not in given:
            connection.set_option("ssh_extra_args", f"{given} {_ALIVE}".strip())


def run(action: Any, script: Script) -> Reply:
    """The gateway's answer to the script, over whatever connection and become the task has.

    The script goes on standard input: neither the process list nor `-vvvv` shows it.

    Raises:
        TransportError: `/bin/sh` did not run, or its answer did not arrive whole. A gateway that cannot
            be reached raises Ansible's own AnsibleConnectionFailure, which makes the host unreachable.
    """
    mark = make_mark()
    _enable_keepalives(action._connection)  # noqa: SLF001
    done = action._low_level_execute_command("/bin/sh -s", in_data=pack(script, mark), sudoable=True)  # noqa: SLF001
    output = str(done.get("stdout", "")).encode("utf-8", "surrogateescape")
    try:
        return unpack(output, mark)
    except TransportError as error:
        said = str(done.get("stderr", "")).strip().splitlines()
        hint = f"exit status {done.get('rc')}; {said[-1][:300] if said else error.hint}"
        raise TransportError(error.what, hint=hint) from error
