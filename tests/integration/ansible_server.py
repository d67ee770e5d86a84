"""A process that has imported Ansible and the collection once and forks for each ansible-playbook.

Starting ansible-playbook costs more CPU than most plays of the tests. A fork reads its environment, its configuration
and its arguments anew, as a fresh process would; only the imports are shared. `python -m` this with a socket as
standard input is the server, `run` is all that a test needs.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]
COLLECTIONS = ROOT / ".cache" / "collections"  # where Ansible finds this checkout as tunnelwright.ipsec
LIBRARY = ROOT / "plugins" / "plugin_utils"
NAME = "ansible_collections.tunnelwright.ipsec.plugins.plugin_utils"


def settled() -> dict[str, str]:
    """The settings of Ansible that are the same for all plays of the tests, since importing Ansible settles them."""
    link = COLLECTIONS / "ansible_collections" / "tunnelwright" / "ipsec"
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(ROOT)
    return {
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
    }


def run(
    arguments: Sequence[str], env: Mapping[str, str], cwd: Path, *, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook with these arguments in a fork of this process's server.

    Raises:
        TimeoutError: it took longer; it and its children have been killed.
        RuntimeError: the server is gone.
    """
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with theirs:
            socket.send_fds(_server(), [b"!"], [theirs.fileno(), out.fileno(), err.fileno()])
        ours.sendall(json.dumps([list(arguments), dict(env), str(cwd)]).encode() + b"\n")
        ours.settimeout(timeout)
        if not (status := ours.makefile().readline()):
            raise RuntimeError("the process that forks for ansible-playbook has ended")
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read().decode(errors="replace"))
    return subprocess.CompletedProcess(["ansible-playbook", *arguments], int(status), *printed)


@cache
def _server() -> socket.socket:
    """This process's end of the server, which ends when this process does."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", __name__, json.dumps(settled())]
        subprocess.Popen(command, stdin=theirs, cwd=ROOT, start_new_session=True)
    return ours


def _serve(channel: socket.socket) -> None:
    """Fork for every request until the other end is closed."""
    while True:
        dummy, fds, *_rest = socket.recv_fds(channel, 1, 3)
        if not fds:
            return
        if os.fork() == 0:
            channel.close()
            _watch(*fds)
        for fd in fds:
            os.close(fd)
        while _reap():
            pass


def _reap() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _watch(connection: int, out: int, err: int) -> None:
    """Start the play, tell how it ended, and kill all of it if whoever asked for it goes away."""
    asking = socket.socket(fileno=connection)
    arguments, env, cwd = json.loads(asking.makefile().readline())
    play = os.fork()
    if play == 0:
        asking.close()
        _play(arguments, env, cwd, out, err)
    ended = os.pidfd_open(play)
    ready, *_rest = select.select([ended, asking], [], [])
    if ended not in ready:
        os.killpg(play, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(play, 0)[1])
    if ended in ready:
        asking.sendall(f"{status}\n".encode())
    os._exit(0)


def _play(arguments: list[str], env: dict[str, str], cwd: str, out: int, err: int) -> NoReturn:
    """Become ansible-playbook: what a fresh process would have read, read now."""
    os.setsid()
    for fd, standard in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)

    from ansible import constants  # noqa: PLC0415  the server has imported them
    from ansible.cli.playbook import PlaybookCLI  # noqa: PLC0415
    from ansible.utils.path import cleanup_tmp_file  # noqa: PLC0415

    atexit.unregister(cleanup_tmp_file)  # the server's own temporary folder; the next line makes another
    importlib.reload(constants)
    # The finder of collections is the server's, and its path the one that every play is given.
    warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
    PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
    sys.exit()  # cli_executor has exited


def _import(settled: dict[str, str]) -> None:
    """All that a play of the tests imports, with the settings that importing settles."""
    with tempfile.TemporaryDirectory(prefix="ansible-server-") as folder:
        os.environ |= {"ANSIBLE_HOME": folder, **settled}
        importlib.import_module("ansible.cli.playbook")
        from ansible.plugins.loader import init_plugin_loader  # noqa: PLC0415

        init_plugin_loader()
        importlib.import_module("ansible_collections.ansible.builtin")  # its table of redirects is large
        for path in sorted(LIBRARY.rglob("*.py")):
            module = path.relative_to(LIBRARY).with_suffix("").parts
            importlib.import_module(".".join((NAME, *module)).removesuffix(".__init__"))


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as requests:
        _import(json.loads(sys.argv[1]))
        gc.collect()
        gc.freeze()  # else each fork's collector writes into all pages, and so copies them
        _serve(requests)
