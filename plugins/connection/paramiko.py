# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH by paramiko for any task: the same login as fleet_info makes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: paramiko
short_description: SSH by the Python library paramiko, with the settings of the ssh connection
version_added: 0.1.0
description:
  - Runs tasks over SSH from Ansible's own process, without an C(ssh) program for each. It is the transport of
    P(tunnelwright.ipsec.fleet_info#module) for other tasks, and takes the variables and settings that Ansible's
    C(ssh) connection takes.
  - What OpenSSH's arguments and configuration files mean for a host is asked of C(ssh -G), so ProxyJump,
    ProxyCommand, known_hosts, host key checking, revoked keys and the algorithms that are allowed are as with C(ssh).
    What only OpenSSH can do, such as C(KnownHostsCommand), is refused. Multiplexing is not for this plugin.
  - Never asks anything on a terminal.
author: Tunnelwright contributors (@tunnelwright)
requirements:
  - paramiko 3.2 or newer on the controller
  - OpenSSH's client on the controller
extends_documentation_fragment:
  - connection_pipelining
options:
  host:
    description: Name or address to connect to.
    type: string
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_ssh_host
      - name: delegated_vars['ansible_host']
      - name: delegated_vars['ansible_ssh_host']
  port:
    description: Port to connect to.
    type: int
    ini: [{section: defaults, key: remote_port}]
    env: [{name: ANSIBLE_REMOTE_PORT}]
    vars: [{name: ansible_port}, {name: ansible_ssh_port}]
    keyword: [{name: port}]
  remote_user:
    description: User to log in as. Without it, OpenSSH's configuration decides, and at last who runs Ansible.
    type: string
    ini: [{section: defaults, key: remote_user}]
    env: [{name: ANSIBLE_REMOTE_USER}]
    vars: [{name: ansible_user}, {name: ansible_ssh_user}]
    cli: [{name: user}]
    keyword: [{name: remote_user}]
  password:
    description: Password of O(remote_user), offered after keys.
    type: string
    vars: [{name: ansible_password}, {name: ansible_ssh_pass}, {name: ansible_ssh_password}]
  private_key_file:
    description: Private key to log in with.
    type: string
    ini: [{section: defaults, key: private_key_file}]
    env: [{name: ANSIBLE_PRIVATE_KEY_FILE}]
    vars: [{name: ansible_private_key_file}, {name: ansible_ssh_private_key_file}]
    cli: [{name: private_key_file, option: --private-key}]
  private_key_passphrase:
    description: Passphrase of O(private_key_file). Without it a key that has one is not used.
    type: string
    env: [{name: ANSIBLE_PRIVATE_KEY_PASSPHRASE}]
    vars: [{name: ansible_private_key_passphrase}, {name: ansible_ssh_private_key_passphrase}]
  host_key_checking:
    description: With V(false), C(StrictHostKeyChecking=no) as OpenSSH has it. Otherwise OpenSSH's own settings hold.
    type: bool
    default: true
    ini: [{section: defaults, key: host_key_checking}, {section: ssh_connection, key: host_key_checking}]
    env: [{name: ANSIBLE_HOST_KEY_CHECKING}, {name: ANSIBLE_SSH_HOST_KEY_CHECKING}]
    vars: [{name: ansible_host_key_checking}, {name: ansible_ssh_host_key_checking}]
  ssh_args:
    description: Arguments for OpenSSH, before all others.
    type: string
    default: ""
    ini: [{section: ssh_connection, key: ssh_args}]
    env: [{name: ANSIBLE_SSH_ARGS}]
    vars: [{name: ansible_ssh_args}]
  ssh_common_args:
    description: Arguments for OpenSSH, after those that follow from other options.
    type: string
    default: ""
    ini: [{section: ssh_connection, key: ssh_common_args}]
    env: [{name: ANSIBLE_SSH_COMMON_ARGS}]
    vars: [{name: ansible_ssh_common_args}]
    cli: [{name: ssh_common_args}]
  ssh_extra_args:
    description: Arguments for OpenSSH, after all others.
    type: string
    default: ""
    ini: [{section: ssh_connection, key: ssh_extra_args}]
    env: [{name: ANSIBLE_SSH_EXTRA_ARGS}]
    vars: [{name: ansible_ssh_extra_args}]
    cli: [{name: ssh_extra_args}]
  reconnection_retries:
    description: How often to try again to connect, while no login has begun.
    type: int
    default: 0
    ini: [{section: connection, key: retries}, {section: ssh_connection, key: retries}]
    env: [{name: ANSIBLE_SSH_RETRIES}]
    vars: [{name: ansible_ssh_retries}]
  timeout:
    description: Seconds in which the gateway must be connected to and logged in to.
    type: int
    default: 10
    ini: [{section: defaults, key: timeout}, {section: ssh_connection, key: timeout}]
    env: [{name: ANSIBLE_TIMEOUT}, {name: ANSIBLE_SSH_TIMEOUT}]
    vars: [{name: ansible_ssh_timeout}]
    cli: [{name: timeout}]
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

from ..plugin_utils._ipsec.errors import IpsecError, TransportError
from ..plugin_utils._ipsec.task.inventory import PLUGIN, resolve_target
from ..plugin_utils._ipsec.transport import sftp
from ..plugin_utils._ipsec.transport.exec_channel import ExecLimits, run
from ..plugin_utils._ipsec.transport.optional_paramiko import require
from ..plugin_utils._ipsec.transport.ssh_client import connect, disconnect, log_in, open_pool
from ..plugin_utils._ipsec.transport.target import BecomeSession

_NO_LIMITS = ExecLimits(threading.TIMEOUT_MAX, sys.maxsize)  # a task has Ansible's own
_ALIVE = 10  # seconds between two signs of life


class Connection(ConnectionBase):
    """One login, for as long as the task lasts."""

    transport = PLUGIN
    has_pipelining = True
    has_tty = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._login: Any = None
        self._ways = open_pool()

    def _connect(self) -> Connection:
        if not self._connected:
            with _translated():
                require()
                self._login = log_in(connect(resolve_target(self.get_option("host"), self.get_option), self._ways))
                self._login.set_keepalive(_ALIVE)
            self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command, as the other user if it becomes one."""
        self._connect()
        privilege = None
        if sudoable and self.become and self.become.success and self.become.success in cmd:
            privilege = BecomeSession(self.become, self.become.get_option("become_pass") or "")
        with _translated():
            done = run(self._login, cmd, in_data or b"", limits=_NO_LIMITS, privilege=privilege)
            if done.status is None:
                raise TransportError("the connection broke off before the command had ended")
        return done.status, done.output, done.errors

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file to the gateway, by SFTP."""
        self._connect()
        with _translated():
            sftp.put(self._login, in_path, out_path)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file from the gateway, by SFTP."""
        self._connect()
        with _translated():
            sftp.fetch(self._login, in_path, out_path)

    def reset(self) -> None:
        """Log in anew for what comes next."""
        self.close()

    def close(self) -> None:
        """Log out."""
        if self._login is not None:
            disconnect(self._login)
        self._ways.close()
        self._ways = open_pool()
        self._login, self._connected = None, False


@contextmanager
def _translated() -> Iterator[None]:
    """Our errors as Ansible's: what is no connection makes a host unreachable, and anything else fails the task."""
    try:
        yield
    except TransportError as error:
        raise AnsibleConnectionFailure(str(error)) from error
    except IpsecError as error:
        raise AnsibleError(str(error)) from error
