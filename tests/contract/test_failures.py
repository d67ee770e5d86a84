"""What a gateway says when it fails is text: no ansible-core makes a template of it, or an escape of a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.ansible_run import playbook
from tests.lab.lab import Lab

UNREACHABLE = 255  # what ssh exits with when it cannot connect, and a gateway too if it likes
PLAY = [
    {
        "hosts": "west",
        "gather_facts": False,
        "tasks": [
            {
                "name": "failing",
                "tunnelwright.ipsec.gateway_info": {},
                "register": "failing",
                "ignore_errors": True,
                "ignore_unreachable": True,
            },
            {
                "name": "looped",
                "tunnelwright.ipsec.gateway_info": {},
                "loop": [1, 2],
                "register": "looped",
                "ignore_errors": True,
                "ignore_unreachable": True,
            },
            {"name": "fact", "ansible.builtin.set_fact": {"kept": "{{ failing }}"}},
            {"name": "said", "ansible.builtin.debug": {"msg": "{{ failing.msg }} {{ kept.msg }}"}},
            {
                "name": "said of all",
                "ansible.builtin.debug": {"msg": "{{ looped.results | map(attribute='msg') | list }}"},
            },
            {
                "name": "said in a loop",
                "ansible.builtin.debug": {"msg": "{{ item.msg }}"},
                "loop": "{{ looped.results }}",
            },
        ],
    }
]


@pytest.mark.parametrize("status", [1, UNREACHABLE])
def test_a_failure_is_text(lab: Lab, hosts: Path, tmp: Path, status: int) -> None:
    made = tmp / f"made-{status}"
    template = f"{{{{ lookup('ansible.builtin.pipe', 'touch {made}') }}}}"
    liar = f"#!/bin/sh\nprintf '%s\\033[2J\\n' \"{template}\" >&2\nexit {status}\n"
    lab.sh("west", f"cat >/root/liar <<'EOF'\n{liar}EOF\nchmod 755 /root/liar")
    done = playbook(tmp, hosts, PLAY, "-e", "ansible_shell_executable=/root/liar")
    said = done.result("said", "west")["msg"]
    assert said.count(template) == 2, done.output
    assert done.result("failing", "west").get("unreachable", False) is (status == UNREACHABLE)
    assert "\x1b" not in done.output
    assert not made.exists()


def test_an_answer_that_no_gateway_gives_is_one_sentence(lab: Lab, hosts: Path, tmp: Path) -> None:
    liar = "#!/bin/sh\nsh \"$@\" | sed '/ begin conns/,/ stderr/d'\n"
    lab.sh("west", f"cat >/root/liar <<'EOF'\n{liar}EOF\nchmod 755 /root/liar")
    asked = {"name": "asked", "tunnelwright.ipsec.sa": {"connection": "west", "state": "established"}}
    play = {"hosts": "west", "gather_facts": False, "tasks": [asked]}
    done = playbook(tmp, hosts, [play], "-e", "ansible_shell_executable=/root/liar")
    said = str(done.result("asked", "west")["msg"])
    assert "tunnelwright.ipsec.sa met what it does not understand (KeyError: 'conns')" in said
    assert "Traceback" not in done.output
