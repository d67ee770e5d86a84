# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenSSH's configuration files and arguments mean for a host, as OpenSSH itself says (`ssh -G`).

So an inventory that works with Ansible's own ssh connection works here: ProxyJump, ProxyCommand, `-F`, Include and
Match are read by the program that they were written for.
"""

from __future__ import annotations

import functools
import os
import pwd
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import iglob
from pathlib import Path

from ..errors import TransportError
from . import keywords
from .bounds import Bounds, parse_bounds
from .target import Target

_BRACKETS = re.compile(r"\[(.+)\](?::(\d+))?")
_PLAIN = re.compile(r"([^:]+)(?::(\d+))?")
_PORT = 22
_SYSTEM = Path("/etc/ssh")
_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
_DEEPEST = 16  # files that include each other
_ANY = "tunnelwright-any-host"
_asking = threading.Lock()
_WITHIN = 20.0  # seconds; a `Match exec` runs commands


@dataclass(frozen=True, slots=True)
class SshSettings:
    """What a connection needs of `ssh -G`. `proxy` is a command, `jumps` are hosts on the way, the nearest first."""

    host: str
    port: int
    user: str
    identities: tuple[str, ...]
    identities_only: bool
    agent: bool
    known_hosts: tuple[str, ...]
    strict: str  # yes, ask, accept-new or no
    alias: str
    jumps: tuple[str, ...]
    proxy: str
    config: tuple[str, ...]  # `-F FILE`, which also holds for hosts on the way
    bounds: Bounds
    methods: frozenset[str]  # of publickey and password, those that may be tried
    hash_known_hosts: bool

    @property
    def where(self) -> str:
        """The address as people write it."""
        return f"{self.host} port {self.port}"

    @property
    def known_as(self) -> str:
        """The name that the host's key is filed under (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        name = (self.alias or self.host).lower()
        return name if self.alias or self.port == _PORT else f"[{name}]:{self.port}"


def build_arguments(target: Target) -> list[str]:
    """The arguments that Ansible's ssh connection gives to ssh, in its order: the first value of an option holds."""
    given = [*target.before]
    if not target.host_key_checking:
        given += ["-o", "StrictHostKeyChecking=no"]
    if target.port is not None:
        given += ["-o", f"Port={target.port}"]
    if target.key_file:
        given += ["-o", f'IdentityFile="{expand_home(target.key_file)}"']
    if target.user:
        given += ["-o", f'User="{target.user}"']
    return [*given, *target.after]


def ask_settings(target: Target) -> SshSettings:
    """What holds for a target.

    Raises:
        TransportError: OpenSSH is not there, or refuses the arguments.
    """
    given = tuple(build_arguments(target))
    with _asking:  # one for all, and not all at once
        general = None if _tells_hosts_apart(_extract_config_option(given)) else _ask_general_settings(given)
    if general is not None:
        return replace(general, host=target.host)
    return parse_answer(_asked(given, target.host), _extract_config_option(given))


@functools.lru_cache(maxsize=256)
def _ask_general_settings(given: tuple[str, ...]) -> SshSettings | None:
    """What holds for every host, asked once for all with the same arguments; None if it is not the same for all."""
    try:
        said = _asked(given, _ANY)
        settings = parse_answer(said, _extract_config_option(given))
    except TransportError:  # which is said of each host, by its name
        return None
    rest = [line for line in said.splitlines() if line not in (f"host {_ANY}", f"hostname {_ANY}")]
    told_apart = settings.host != _ANY or any(_ANY in line or "%" in line for line in rest)
    return None if told_apart else settings


@functools.lru_cache(maxsize=16)
def _tells_hosts_apart(config: tuple[str, ...]) -> bool:
    """Whether a configuration file says of some host what it does not say of another."""
    own = "".join(config)[2:]
    roots = [Path(own)] if own else [_HOME / ".ssh/config", _SYSTEM / "ssh_config"]
    lines = [words for path in roots for words in _read_lines(path, _DEEPEST)]
    return any(words[0] == "match" or (words[0] == "host" and words[1:] != ["*"]) for words in lines)


def _read_lines(path: Path, depth: int) -> Iterator[list[str]]:
    """The words of each line of a file of configuration and of those it includes (ssh_config(5), Include)."""
    if not (depth and path.is_file() and os.access(path, os.R_OK)):
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.replace("=", " ").replace('"', " ").split()
        if not words:
            continue
        words[0] = words[0].lower()
        yield words
        if words[0] == "include":
            base = _SYSTEM if _SYSTEM in path.parents else _HOME / ".ssh"
            for pattern in words[1:]:
                for found in sorted(iglob(str(base / expand_home(pattern)))):  # noqa: PTH207 - patterns may be absolute
                    yield from _read_lines(Path(found), depth - 1)


def expand_home(path: str) -> Path:
    """A path as OpenSSH takes it: `~` and `%d` are the home of the user's account, whatever HOME says."""
    text = path.strip('"').replace("%d", str(_HOME))
    return _HOME / text[2:] if text.startswith("~/") else Path(text)


def ask_jump_settings(jump: str, before: tuple[str, ...], config: tuple[str, ...]) -> SshSettings:
    """What holds for a host on the way, `[user@]host[:port]`, over those before it.

    That is what the files say, and nothing that is said of the target, as OpenSSH has it.

    Raises:
        TransportError: OpenSSH is not there, or refuses it.
    """
    user, dummy, address = jump.removeprefix("ssh://").rpartition("@")
    found = _BRACKETS.fullmatch(address) or _PLAIN.fullmatch(address)
    host, port = (found[1], found[2]) if found else (address, None)
    given = [*config, *(["-l", user] if user else []), *(["-p", port] if port else [])]
    settings = parse_answer(_asked(given, host), config)
    return replace(settings, jumps=before, proxy="") if before else settings


def parse_answer(said: str, config: tuple[str, ...] = ()) -> SshSettings:
    """The settings that `ssh -G` printed: a keyword and its value on each line.

    Raises:
        TransportError: one of them only OpenSSH itself can keep to.
    """
    values: dict[str, list[str]] = {}
    for line in said.splitlines():
        key, dummy, value = line.partition(" ")
        values.setdefault(key, []).append(value.strip())
    one = {key.lower(): each[0] for key, each in values.items()}
    keywords.refuse(one)
    user_files, global_files = (one.get(key, "").split() for key in ("userknownhostsfile", "globalknownhostsfile"))
    return SshSettings(
        host=one["hostname"],
        port=int(one["port"]),
        user=one["user"],
        identities=tuple(values.get("identityfile", ())) if "publickey" in _list_methods(one) else (),
        identities_only=_is_yes(one.get("identitiesonly", "no")),
        agent=_uses_agent(one),
        known_hosts=tuple(str(expand_home(file)) for file in (*user_files, *global_files) if file != "none"),
        strict=_STRICT.get(one.get("stricthostkeychecking", ""), one.get("stricthostkeychecking", "ask")),
        alias=one.get("hostkeyalias", ""),
        jumps=tuple(each for each in one.get("proxyjump", "none").split(",") if each != "none"),
        proxy="" if one.get("proxycommand", "none") == "none" else one["proxycommand"],
        config=config,
        bounds=parse_bounds(one),
        methods=_list_methods(one),
        hash_known_hosts=_is_yes(one.get("hashknownhosts", "no")),
    )


_ALLOWED = {"publickey": "pubkeyauthentication", "password": "passwordauthentication"}
_STRICT = {"true": "yes", "false": "no", "off": "no"}  # as `ssh -G` prints them


def _is_yes(value: str) -> bool:
    return value in ("yes", "true")


def _list_methods(one: Mapping[str, str]) -> frozenset[str]:
    allowed = {name for name in ("publickey", "password") if _is_yes(one.get(_ALLOWED[name], "yes"))}
    preferred = one.get("preferredauthentications")
    return frozenset(allowed if preferred is None else allowed.intersection(preferred.split(",")))


def _uses_agent(one: Mapping[str, str]) -> bool:
    """Whether the agent of the environment is to be asked; paramiko knows no other."""
    wanted = one.get("identityagent", "SSH_AUTH_SOCK") == "SSH_AUTH_SOCK"
    return wanted and "publickey" in _list_methods(one) and bool(os.environ.get("SSH_AUTH_SOCK"))


def _extract_config_option(given: Sequence[str]) -> tuple[str, ...]:
    for index, argument in enumerate(given):
        if argument.startswith("-F"):
            return (argument,) if argument != "-F" else tuple(given[index : index + 2])
    return ()


def _asked(given: Sequence[str], host: str) -> str:
    # Between arguments and destination, so that a host named like an option is none.
    command = ["ssh", "-G", "-T", *given, "--", host]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own arguments, and no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_WITHIN
        )
    except FileNotFoundError as error:
        raise TransportError(
            "there is no ssh program",
            where="the controller",
            hint="install OpenSSH's client, which reads its own settings",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TransportError("ssh -G took too long", where=host, hint="look for a Match exec that waits") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise TransportError("ssh refuses its arguments", where=host, hint=said[-1][:300])
    return done.stdout
