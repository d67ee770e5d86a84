"""What is asked of every ansible-core: each module foretold, done, and done again, and its results in templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Task = dict[str, Any]
Step = tuple[str, dict[str, Any]]  # a module, its arguments

DIGEST_KEY = "0123456789abcdef" * 4
OURS = {"connection": "west", "child": "net"}
WATCH = {**OURS, "from": "10.0.1.1", "to": "10.0.0.1"}

# What changes something: `--check --diff` says what the run does, and the run after it changes nothing.
BY_SSH: dict[str, Step] = {  # and sudo, on strongSwan
    "setting": ("connection", {"name": "west", "settings": {"dpd_delay": "20s"}}),
    "raised": ("logging", {"levels": {"cfg": 2}}),
    "lowered": ("logging", {"state": "absent"}),
    "checked": ("keepalive", OURS),
    "unchecked": ("keepalive", {**OURS, "state": "absent"}),
    "down": ("sa", {"connection": "west", "state": "terminated"}),
    "up": ("sa", {**OURS, "state": "established"}),
    "confirmed": ("rollback_guard", {"state": "confirmed"}),
}
BY_PARAMIKO: dict[str, Step] = {  # on a pfSense
    "setting there": ("connection", {"name": "con1", "settings": {"dpd_delay": "20s"}, "reason": "contract"}),
    "daemon there": ("daemon", {"settings": {"retransmit_tries": 4}, "reason": "contract"}),
    "checked there": (
        "keepalive",
        {"connection": "con1", "child": "con1", "means": "pinghost", "target": "10.0.0.1", "reason": "contract"},
    ),
}
# What only reads changes nothing, in check mode or not.
READING: dict[str, Step] = {
    "read": ("gateway_info", {"digest_key": DIGEST_KEY}),
    "proof": ("probe", {"connection": "{{ to_peer }}", "peer": "{{ hostvars[peer].read.gateway }}"}),
}
ONCE: dict[str, Step] = {
    "fleet": ("fleet_info", {"hosts": ["all"], "digest_key": DIGEST_KEY}),
    "audit": (
        "tunnel_audit",
        {"gateways": "{{ gateways }}", "policy": "baseline", "sides": True, "show": True},
    ),
    "audit by fleet_info": ("tunnel_audit", {"fleet": "{{ fleet }}"}),
    "window": (
        "change_window",
        {"window": {"start": "22:00", "end": "05:00", "timezone": "Europe/Berlin"}, "fail": False},
    ),
    "declared": (
        "validate",
        {
            "tunnels": [
                {
                    "name": "t",
                    "ends": [{"gateway": "west", "connection": "east"}, {"gateway": "east", "connection": "west"}],
                }
            ],
            "psks": {"t": "a key of the contract"},
            "policy": "baseline",
        },
    ),
    "record": (
        "change_record",
        {
            "event": "planned",
            "order": {"ticket": "CHG-1", "by": "alice", "serial": ["1"], "hosts": "{{ ansible_play_hosts_all }}"},
            "audit": "{{ audit }}",
            "gateways": "{{ gateways }}",
        },
    ),
}
REPORT: dict[str, Step] = {
    "report": (
        "report",
        {
            "audit": "{{ audit }}",
            "folder": "{{ folder }}",
            "formats": ["json", "junit", "sarif", "markdown", "csv", "prometheus", "html", "notice"],
        },
    )
}
WATCHING: dict[str, Step] = {
    "armed": ("rollback_guard", {"seconds": 900}),
    "watch": ("outage_probe", {**WATCH, "state": "started"}),
    "loaded": ("daemon", {"state": "loaded"}),
    "watched": ("outage_probe", {**WATCH, "state": "stopped"}),
}
CHANGES = BY_SSH | BY_PARAMIKO
STEPS = CHANGES | READING | ONCE | REPORT | WATCHING


def thrice(steps: dict[str, Step]) -> Iterator[Task]:
    """Each step as check mode foretells it, as it is done, and again."""
    for name, step in steps.items():
        yield _task(f"{name} foretold", step, check_mode=True, diff=True)
        yield _task(name, step, diff=True)
        yield _task(f"{name} again", step)


def registered(steps: dict[str, Step], **more: object) -> Iterator[Task]:
    """Each step in check mode, then as it is, its result registered under its name."""
    for name, step in steps.items():
        yield _task(f"{name} foretold", step, check_mode=True, **more)
        yield _task(name, step, register=name.replace(" ", "_"), **more)


def _task(name: str, step: Step, **more: object) -> Task:
    module, arguments = step
    return {"name": name, f"tunnelwright.ipsec.{module}": arguments, **more}


def _say(name: str, msg: object, **more: object) -> Task:
    return {"name": name, "ansible.builtin.debug": {"msg": msg}, **more}


TEMPLATES: list[Task] = [
    _say("names in a loop", "{{ item.name }}", loop="{{ read.gateway.connections }}"),
    _say("peers", "{{ read.gateway.connections | map(attribute='remote') | flatten | map(attribute='id') | list }}"),
    _say("peer of the SA", "{{ read.gateway.sas | map(attribute='remote_id') | join(' and ') }}"),
    {"name": "fact", "ansible.builtin.set_fact": {"kept": "{{ read.gateway.connections[0] }}"}},
    _say("kept", "{{ kept.remote[0].id }} of {{ kept.name }}"),
    _say("through JSON", "{{ (read | to_json | from_json).gateway == read.gateway }}"),
    _say("through YAML", "{{ (read.gateway.connections | to_yaml | from_yaml) == read.gateway.connections }}"),
    _say("condition", "true", when="read.gateway.connections | selectattr('loaded') | list | length > 0"),
    _say("template", "{{ lookup('ansible.builtin.template', folder ~ '/contract.j2') }}"),
    {
        "name": "in a loop",
        "tunnelwright.ipsec.sa": {"connection": "{{ item.name }}", "state": "established"},
        "loop": "{{ read.gateway.connections }}",
        "register": "looped",
    },
    _say(
        "of a loop",
        "{{ looped.results | map(attribute='item.name') | zip(looped.results | map(attribute='changed')) | list }}",
    ),
    _say("digests", "{{ {'t': 'a key'} | tunnelwright.ipsec.psk_digests(digest_key) }}"),
    _say(
        "message", "{{ read.gateway.sas | map(attribute='remote_id') | join(' ') | tunnelwright.ipsec.chat_message }}"
    ),
    _say("conf", "{{ 'connections { a { version = 2 } }' | tunnelwright.ipsec.from_swanctl_conf }}"),
]
TEMPLATE = "{% for one in read.gateway.connections %}{{ one.name }}: {{ one.remote[0].id }}\n{% endfor %}"
_GATEWAYS = "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, ['read', 'gateway']))) }}"


def _play(hosts: str, tasks: list[Task], **more: object) -> Task:
    return {"name": hosts, "hosts": hosts, "gather_facts": False, "tasks": tasks, **more}


PLAYS: list[Task] = [
    _play("all", [*registered(READING), *registered(ONCE, run_once=True)], vars={"gateways": _GATEWAYS}),
    _play("west", [*thrice(REPORT), *TEMPLATES], vars={"digest_key": DIGEST_KEY}),
    _play("east", [*registered(WATCHING), *thrice(BY_SSH)]),
    _play("fw", list(thrice(BY_PARAMIKO))),
]
