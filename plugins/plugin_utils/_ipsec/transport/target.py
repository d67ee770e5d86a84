# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a gateway: what the inventory says of it, in Ansible's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

# A script prints in dozens of small pieces, each a packet to be decrypted and a thread to be woken. dd, which by
# POSIX gathers what it reads into blocks of `obs`, halves what a gateway costs the controller.
SCRIPT = "/bin/sh -s | dd obs=65536 2>/dev/null"
SHELL = f"/bin/sh -c '{SCRIPT}'"  # as Ansible's own connections run a command: by a shell of the login shell


class Become(Protocol):
    """How a command becomes another user: what Ansible's become plugins offer."""

    success: str

    def expect_prompt(self) -> bool:
        """Whether a password is asked for, and there is one to give."""

    def check_success(self, output: bytes, /) -> bool:
        """Whether the command has begun as the other user."""

    def check_password_prompt(self, output: bytes, /) -> bool:
        """Whether the password is asked for."""

    def check_incorrect_password(self, output: bytes, /) -> bool:
        """Whether it was a wrong one."""

    def check_missing_password(self, output: bytes, /) -> bool:
        """Whether a password is needed that was not given."""


@dataclass(frozen=True, slots=True)
class BecomeSession:
    """A command that becomes another user by itself, the conversation it begins with, and the password for that."""

    become: Become
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """One gateway. `before` and `after` are arguments for OpenSSH, in front of and behind what the variables say."""

    name: str
    host: str
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    key_file: str | None = None
    passphrase: str | None = field(default=None, repr=False)
    host_key_checking: bool = True
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    timeout: float = 10.0  # seconds to connect and log in
    tries: int = 1
    command: str = SHELL
    privilege: BecomeSession | None = None
