"""Hosts for an inventory, each sick in one of five ways, and what is to be said of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import paramiko

from tests.lab.lab import Lab

from . import hostile

TIMEOUT = 4  # seconds to connect and log in
SAID = {  # how the reason begins
    "unreachable": ("nothing answers at ", "it cannot be reached (No route to host) at "),
    "hanging": ("it takes connections and says nothing at ",),
    "rejecting": ("the login as root fails at ",),
    "closing": ("the gateway's answer ended early: the connection was closed; ",),
    "garbling": ("the gateway's answer ended early: exit status 0; its last words: ",),
}
_PASSWORD = "let me in please"  # noqa: S105 - of servers that are made here


@contextmanager
def sick(lab: Lab, tmp: Path, times: int = 1, timeout: int = TIMEOUT) -> Iterator[dict[str, dict[str, Any]]]:
    """So many hosts of each way, with their variables; they are there until the block ends."""
    key = paramiko.RSAKey.generate(2048)
    ways: Mapping[str, hostile.Serve] = {
        "hanging": hostile.says_nothing,
        "rejecting": hostile.ssh(key, None, hostile.prints_garbage),
        "closing": hostile.ssh(key, _PASSWORD, hostile.closes_mid_output),
        "garbling": hostile.ssh(key, _PASSWORD, hostile.prints_garbage),
    }
    known = tmp / "known_hosts_of_the_sick"
    first, *dummy = lab.topology.gateways
    hosts: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack, known.open("w", encoding="utf-8") as file:
        for number in range(times):
            nobody = str(lab.management(first) + 1000 + number)
            hosts[f"unreachable-{number}"] = {"ansible_host": nobody}
            for way, serve in ways.items():
                port = stack.enter_context(hostile.serving(serve)).port
                hosts[f"{way}-{number}"] = {"ansible_host": "127.0.0.1", "ansible_port": port}
                file.write(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
        file.flush()
        common = {
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes",
            "ansible_password": _PASSWORD,
            "ansible_ssh_timeout": timeout,
        }
        yield {name: common | values for name, values in hosts.items()}


def wrong(reasons: Mapping[str, str]) -> dict[str, str]:
    """The sick ones of which something else is said than what they do."""
    return {name: said for name, said in reasons.items() if not said.startswith(SAID[name.partition("-")[0]])}
