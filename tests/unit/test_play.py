"""What a script travels over: a session whose path is gone ends by itself, and the user's own options win."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import task_connection


class Connection:
    """As much of Ansible's connection as a transport asks for."""

    def __init__(self, transport: str, **options: str) -> None:
        self.transport, self.options = transport, options

    def get_option(self, name: str) -> str | None:
        return self.options.get(name)

    def set_option(self, name: str, value: str) -> None:
        self.options[name] = value


class Action:
    """An action whose gateway answers every script with nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _low_level_execute_command(self, _command: str, in_data: bytes, **_more: Any) -> dict[str, Any]:
        found = re.search(rb"TW_MARK=(\S+)", in_data)
        assert found
        return {"rc": 0, "stdout": f"\n{found[1].decode()} done\n", "stderr": ""}


@pytest.mark.parametrize(
    ("transport", "given", "expected"),
    [
        ("ssh", {}, "-o ServerAliveInterval=10 -o ServerAliveCountMax=3"),
        ("ssh", {"ssh_extra_args": "-o X=y"}, "-o X=y -o ServerAliveInterval=10 -o ServerAliveCountMax=3"),
        ("local", {}, None),
    ],
)
def test_a_session_whose_path_is_gone_ends_by_itself(
    transport: str, given: dict[str, str], expected: str | None
) -> None:
    connection = Connection(transport, **given)
    for dummy in range(2):
        task_connection.run(Action(connection), Script("true"))
    assert connection.get_option("ssh_extra_args") == expected
