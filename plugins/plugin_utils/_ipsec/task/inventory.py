# SPDX-License-Identifier: GPL-3.0-or-later
"""How the inventory says that hosts are reached, resolved as Ansible resolves it for a task on each of them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import become_loader, connection_loader, get_shell_plugin, lookup_loader

from ..errors import IpsecError
from ..transport.target import SCRIPT, SHELL, BecomeSession, Target

PLUGIN = "tunnelwright.ipsec.paramiko"
_SPOKEN = frozenset(
    ("ssh", "ansible.builtin.ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.paramiko_ssh", PLUGIN)
)

# The command line's options that have a password for all hosts, and the variables that have one for a host.
_PASSWORD = ("ask_pass", "connection_password_file", "ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
_BECOME_PASSWORD = ("become_ask_pass", "become_password_file", "ansible_become_password", "ansible_become_pass")


def list_hosts(action: Any, patterns: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
    """The hosts of the inventory that the patterns name; without patterns those of the play that have not failed.

    Raises:
        IpsecError: there are none.
    """
    if not patterns:
        return list(variables["ansible_play_hosts"])
    known = variables["hostvars"]
    if all(pattern in known for pattern in patterns):  # names, as a play has them by the thousand
        return list(patterns)
    lookup = lookup_loader.get(
        "ansible.builtin.inventory_hostnames",
        loader=action._loader,  # noqa: SLF001
        templar=action._templar,  # noqa: SLF001
    )
    found = [str(host) for host in lookup.run(list(patterns), variables=variables)]
    if not found:
        raise IpsecError(
            f"no host matches {':'.join(patterns)}", where="the inventory", hint="name groups or hosts of it"
        )
    return found


def resolve_target(name: str, option: Callable[[str], Any], **more: Any) -> Target:
    """The target that options of the connection plugin of this collection describe."""

    def split(key: str) -> tuple[str, ...]:
        return tuple(word for word in shlex.split(option(key) or "") if word.strip())

    return Target(
        name,
        str(option("host")),
        port=option("port"),
        user=option("remote_user"),
        password=option("password"),
        key_file=option("private_key_file"),
        passphrase=option("private_key_passphrase"),
        host_key_checking=option("host_key_checking"),
        before=split("ssh_args"),
        after=(*split("ssh_common_args"), *split("ssh_extra_args")),
        timeout=float(option("timeout")),
        tries=int(option("reconnection_retries")) + 1,
        **more,
    )


def _is_typed(names: tuple[str, ...], variables: Mapping[str, Any]) -> bool:
    """Whether a password in the play context is what was typed for all hosts, and not a variable of this task's own."""
    options = [name for name in names if not name.startswith("ansible_")]
    return any(context.CLIARGS.get(name) for name in options) and not any(name in variables for name in names)


class ConnectionResolver:
    """Resolves hosts one by one, each with its own variables, those of the play and the keywords of the task."""

    def __init__(self, action: Any, variables: Mapping[str, Any], **instead: Any) -> None:
        """`action` is the task that asks; `instead` are fields of targets that hold instead of what variables say."""
        self._instead = {key: value for key, value in instead.items() if value is not None}
        self._task, self._templar = action._task, action._templar  # noqa: SLF001
        self._manager = self._task.get_variable_manager()
        self._hosts = variables["hostvars"]
        self._keywords = {
            key: getattr(self._task, key)
            for key in ("port", "remote_user", "become_user", "become_exe", "become_flags")
        }
        self._plugin = connection_loader.get(PLUGIN, action._play_context)  # noqa: SLF001
        self._shell = get_shell_plugin(shell_type="sh", executable="/bin/sh")
        typed = action._play_context  # noqa: SLF001
        self._password = typed.password if _is_typed(_PASSWORD, variables) else None
        self._become_password = typed.become_pass if _is_typed(_BECOME_PASSWORD, variables) else None

    def target(self, host: str) -> Target:
        """How to reach a host of the inventory.

        Raises:
            IpsecError: its variables do not say, or say what only other modules can do.
        """
        try:
            return self._target(host)
        except (AnsibleError, ValueError) as error:  # ValueError: a quote in arguments that does not end
            raise IpsecError(f"its variables cannot be resolved: {str(error).splitlines()[0]}") from error

    def _target(self, host: str) -> Target:
        variables = self._variables(host)
        resolve = self._templar.copy_with_new_env(available_variables=variables).template
        spoken = str(resolve(variables.get("ansible_connection") or "ssh"))
        if spoken not in _SPOKEN:
            raise IpsecError(f"its connection is {spoken}", hint="read it with gateway_info: this speaks only SSH")
        self._set_options(self._plugin, "connection", variables, resolve, password=self._password)
        option = self._plugin.get_option
        privilege, command = self._privilege(variables, resolve, option("remote_user"))
        return replace(resolve_target(host, option, privilege=privilege, command=command), **self._instead)

    def _variables(self, host: str) -> Mapping[str, Any]:
        known = self._hosts._inventory.get_host(host)  # noqa: SLF001 - hostvars leave out what a play says in `vars`
        if known is None:
            raise IpsecError(f"there is no host {host}", where="the inventory")
        found: dict[str, Any] = self._manager.get_vars(
            play=self._task.play, host=known, task=self._task, include_hostvars=False
        )
        return found

    def _set_options(
        self, plugin: Any, kind: str, variables: Mapping[str, Any], resolve: Callable[[Any], Any], **typed: Any
    ) -> None:
        names = constants.config.get_plugin_vars(kind, plugin._load_name)  # noqa: SLF001
        given = {key: value for key, value in typed.items() if value}
        plugin.set_options(
            task_keys={**self._keywords, **given},
            var_options={name: resolve(variables[name]) for name in names if name in variables},
        )

    def _privilege(
        self, variables: Mapping[str, Any], resolve: Callable[[Any], Any], user: str | None
    ) -> tuple[BecomeSession | None, str]:
        """How the script becomes another user, as Ansible's own `_low_level_execute_command` decides it."""
        wanted = variables.get("ansible_become")
        if not (self._task.become if wanted is None else boolean(resolve(wanted))):
            return None, SHELL
        method = str(resolve(variables.get("ansible_become_method") or self._task.become_method))
        become = become_loader.get(method)
        if become is None:
            raise IpsecError(f"there is no become method {method}")
        if become.require_tty:
            raise IpsecError(f"become method {method} needs a terminal", hint="read it with gateway_info")
        self._set_options(become, "become", variables, resolve, become_pass=self._become_password)
        if become.get_option("become_user") == user and not constants.config.get_config_value("BECOME_ALLOW_SAME_USER"):
            return None, SHELL
        command = become.build_become_command(SCRIPT, self._shell)
        return BecomeSession(become, become.get_option("become_pass") or ""), f"/bin/sh -c {shlex.quote(command)}"
