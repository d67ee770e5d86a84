"""The script that has a pfSense change itself, in the shells that gateways have, against a made-up PHP and daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import (
    read_script as of_strongswan,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.gather import read_script

from ..shells import Shell, shell

__all__ = ["shell"]

PHP = """#!/bin/sh
order=$(cat)
echo "php $order" >>{0}/log
if [ -n "$TW_UNDO" ]; then echo '{{"taken":"back"}}' >"$TW_UNDO"; fi
cat {0}/answer
[ ! -e {0}/refuses ]
"""
SWANCTL = """#!/bin/sh
echo "swanctl $*" >>{0}/log
case $1 in --load-conns) [ ! -e {0}/fails ] || {{ echo "loading connection 'con1' failed"; exit 1; }} ;; esac
[ ! -e {0}/stopped ]
"""
RELOAD = """#!/bin/sh
echo "strongswanrc $*" >>{0}/log
"""
Done = tuple[Reply, list[str]]


@pytest.fixture
def run(shell: Shell, tmp_path: Path) -> Callable[..., Done]:
    """The script's reply, and what it has run; `marks` are files that tell the made-up programs what to do."""

    def running(*marks: str, enabled: str = "1", answer: str = '{"done":true}') -> Done:
        for name, program in (("php", PHP), ("swanctl", SWANCTL), ("strongswanrc", RELOAD)):
            path = tmp_path / name
            path.write_text(program.format(tmp_path), encoding="utf-8")
            path.chmod(0o755)
        (tmp_path / "answer").write_text(answer, encoding="utf-8")
        for mark in marks:
            (tmp_path / mark).touch()
        whole = of_strongswan("loading.sh") + read_script("loads.sh") + read_script("write.sh")
        source = whole.replace("/usr/local/sbin", str(tmp_path)).replace("/var/run", str(tmp_path))
        source = f"PATH={tmp_path}:$PATH\ntw_php={tmp_path}/php\ntw_pfsense() {{ section read true; }}\n{source}"
        variables = {"TW_WRITE_PHP": "program", "TW_ENABLED": enabled, "TW_TIMEOUT": "1", "TW_TWIN": ""}
        reply = shell.run(Script(source, variables, {"TW_EDIT": '{"an":"order"}'}))
        assert not list(tmp_path.glob("tunnelwright-undo*"))
        return reply, (tmp_path / "log").read_text(encoding="utf-8").splitlines()

    return running


def test_what_was_written_is_loaded_and_read_again(run: Callable[..., Done]) -> None:
    reply, ran = run()
    assert list(reply.sections) == ["written", "started", "loading", "read"]
    assert ran == [
        'php {"an":"order"}',
        "swanctl --stats",
        "strongswanrc reload",
        "swanctl --load-conns --file /var/etc/ipsec/swanctl.conf",
    ]


def test_what_was_refused_is_not_loaded(run: Callable[..., Done]) -> None:
    reply, ran = run("refuses", answer='{"refused":"moved"}')
    assert (list(reply.sections), ran) == (["written"], ['php {"an":"order"}'])


def test_what_the_daemon_does_not_load_is_taken_back(run: Callable[..., Done]) -> None:
    reply, ran = run("fails")
    assert "loading connection 'con1' failed" in reply.sections["loading"].text
    assert {"undone", "restored", "read"} <= set(reply.sections)
    assert [line for line in ran if line.startswith("php")] == ['php {"an":"order"}', 'php {"taken":"back"}']


def test_a_daemon_that_does_not_start_is_told(run: Callable[..., Done]) -> None:
    reply, dummy = run("stopped")
    assert reply.sections["started"].status
    assert "loading" not in reply.sections


def test_where_nothing_is_for_the_daemon_it_is_left_alone(run: Callable[..., Done]) -> None:
    reply, ran = run(enabled="0")
    assert (list(reply.sections), ran) == (["written", "read"], ['php {"an":"order"}'])
