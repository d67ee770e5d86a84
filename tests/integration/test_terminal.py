"""The table of an audit on a terminal: as wide as that is, in colours by severity only where the user wants some."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from .ansible_run import environment

WIDTH = 90  # Ansible takes every terminal for at least 79 wide
CODES = re.compile("\x1b\\[[0-9;]*m")
UNREAD = {"fw-hq": {"failed": True, "msg": "it did not answer. " * 9}}
AUDIT = {"name": "Compare the ends", "tunnelwright.ipsec.tunnel_audit": {"gateways": UNREAD, "show": True}}
WRITE = {
    "name": "Write the report",
    "tunnelwright.ipsec.report": {"audit": "{{ audit }}", "folder": "out", "formats": ["json", "markdown", "notice"]},
}
PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "tasks": [AUDIT | {"register": "audit"}, WRITE],
    }
]


def shown(tmp: Path, *, terminal: bool, **settings: str) -> str:
    """What ansible-playbook shows of that audit."""
    (tmp / "play.json").write_text(json.dumps(PLAY), encoding="utf-8")
    given = {name: value for name, value in environment(tmp).items() if name != "ANSIBLE_NOCOLOR"}
    env = {**given, "TERM": "xterm", "ANSIBLE_LOG_PATH": str(tmp / "log"), **settings}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "play.json"]
    if not terminal:
        return subprocess.run(command, cwd=tmp, env=env, capture_output=True, text=True, check=True).stdout
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    with subprocess.Popen(command, cwd=tmp, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # Linux's way to say that the other end is closed
            pass
        assert running.wait() == 0, text.decode()
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def headline(text: str) -> str:
    (line,) = [line for line in text.splitlines() if "gateway-unreadable  on fw-hq" in line]
    return line


def test_a_terminal_that_wants_colours_gets_them_and_no_file_does(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=True)
    assert headline(text).startswith("\x1b[")
    table = CODES.sub("", text[text.index("TUNNEL ") : text.index("0 tunnels, 0 down")])
    assert max(map(len, table.splitlines())) <= WIDTH
    assert table.splitlines()[1:3] == ["", "CRITICAL  gateway-unreadable  on fw-hq"]
    assert not CODES.search((tmp_path / "log").read_text(encoding="utf-8"))
    assert not [path for path in (tmp_path / "out").iterdir() if "\x1b" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(("terminal", "settings"), [(True, {"ANSIBLE_NOCOLOR": "1"}), (False, {})], ids=["no", "pipe"])
def test_where_no_colour_is_wanted_there_is_none(tmp_path: Path, terminal: bool, settings: dict[str, str]) -> None:
    text = shown(tmp_path, terminal=terminal, **settings)
    assert headline(text).startswith("CRITICAL")
    assert not CODES.search(text)
