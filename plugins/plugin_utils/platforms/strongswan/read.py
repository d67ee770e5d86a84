"""A gateway's answer to the gather script as a model value: configured, loaded and installed, each by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeVar

from ...errors import IpsecError, ParseError
from ...model import (
    Connection,
    Daemon,
    Gateway,
    Keepalive,
    Problem,
    Reply,
    Secret,
    restore,
)
from ...secrets import key_id
from ...swanctl import listings
from ...swanctl.certificates import certificates
from ...swanctl.compare import merged
from ...swanctl.configured import connections
from ...swanctl.output import messages, number, section, text, texts
from ...swanctl.settings import Settings, load
from ..options import GatherOptions
from . import levels, standing
from .conf import Conf, conf, retransmission
from .files import TOKEN, read_files
from .machine import system

T = TypeVar("T")
_VERSION = re.compile(r"strongSwan (\S+) swanctl")
_DAEMONS = frozenset({"charon-systemd", "charon", "charon-nm", "charon-cmd"})
_MARK = "# tunnelwright keepalive: "
LOG_MAX = 2_000_000  # bytes, as gather.sh has it


def read(name: str, reply: Reply, options: GatherOptions) -> Gateway:
    """The gateway of this inventory name that gave the reply. What could not be read is in `problems`."""
    problems: list[Problem] = []
    version = _version(reply)
    settings = _settings(reply, options, problems)
    configured, wrong = connections(settings, _numbers(version)) if settings else ((), ())
    problems += [*(settings.warnings if settings else ()), *wrong]
    machine, found = system(reply), _conf(reply)
    daemon = _daemon(reply, found, problems)
    loggers = None if found is None else levels.loggers(found)
    problems += [
        *levels.hidden(loggers or ()),
        *levels.left(reply, machine.time),
        *standing.dead(standing.guard(reply)),
    ]
    log = _log(reply, options, problems)
    return Gateway(
        name=name,
        platform="strongswan",
        daemon=daemon,
        version=version,
        connections=_connections(reply, configured, problems),
        sas=_parsed(reply, "sas", listings.ike_sas, problems),
        policies=_parsed(reply, "policies", listings.policies, problems),
        secrets=_secrets(settings, options.digest_key) if settings else (),
        keepalives=_keepalives(reply, problems),
        certificates=_parsed(reply, "certificates", certificates, problems),
        log=log,
        log_end=reply.sections["log-end"].text.strip() if "log-end" in reply.sections else None,
        loggers=loggers,
        guard=standing.guard(reply),
        rollback=standing.rollback(reply),
        system=machine,
        problems=tuple(problems),
    )


# ---- the file


def _settings(reply: Reply, options: GatherOptions, problems: list[Problem]) -> Settings | None:
    root = options.config
    for line in reply.sections["unread"].text.splitlines():
        why, path = line.split(" ", 1)
        hint = "use become" if why == "denied" else "give the option config if it is elsewhere"
        what = "the file must not be read" if why == "denied" else "there is no such file"
        problems.append(Problem("config-unreadable", what, path, hint))
    if reply.sections["whole"].status:
        problems.append(Problem("config-unreadable", "the configuration is too large to be read whole", root))
    if reply.sections["config"].status:
        problems.append(Problem("config-changing", "the configuration changed while it was read", root, "read again"))
    try:
        files = read_files(reply, options.digest_key)
        return load(root, {path: file.text for path, file in files.items()}) if root in files else None
    except ParseError as error:
        hint = f"{error.hint}; " if error.hint else ""
        hint += "do not reload before it is corrected: strongSwan would unload every connection and report success"
        problems.append(Problem("config-broken", error.what, error.where, hint))
    except IpsecError as error:
        problems.append(Problem("config-unreadable", error.what, error.where, error.hint))
    return None


def _secrets(settings: Settings, digest_key: str) -> tuple[Secret, ...]:
    """The pre-shared keys for IKE: sections of `secrets` named `ike…` (swanctl/commands/load_creds.c)."""
    found = []
    for name in settings.sections(("secrets",)):
        secret = settings.get(("secrets", name, "secret"))
        if not name.startswith("ike") or secret is None:
            continue
        ids = (settings.get(("secrets", name, key)) for key in settings.keys(("secrets", name)) if key.startswith("id"))
        digest = secret.value.removeprefix(TOKEN) if secret.value.startswith(TOKEN) else ""
        found.append(
            Secret(
                name=name,
                ids=tuple(setting.value for setting in ids if setting),
                digest=digest or None,
                key_id=key_id(digest_key),
                origin=secret.origin,
            )
        )
    return tuple(found)


# ---- the daemon


def _version(reply: Reply) -> str | None:
    """The daemon's version; where it does not answer, swanctl's, which stands over the usage it then prints."""
    answered = reply.sections.get("daemon-version")
    for message in messages(answered.text) if answered else ():
        if found := text(message.body, "version"):
            return found
    refused = reply.sections.get("stats-reply")
    printed = _VERSION.search(f"{refused.text}\n{refused.err}") if refused else None
    return printed[1] if printed else None


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version or "")[:3])


def _conf(reply: Reply) -> Conf | None:
    """What was read of strongswan.conf; None where it could not be: that keeps nothing else from being read."""
    try:
        return conf(reply)
    except IpsecError:
        return None


def _daemon(reply: Reply, found: Conf | None, problems: list[Problem]) -> Daemon:
    runs = bool(_DAEMONS & set(reply.sections["commands"].text.split("\n")))
    if reply.sections["swanctl"].status:
        problems.append(
            Problem("no-swanctl", "there is no swanctl", hint="install strongSwan's swanctl, or leave this host out")
        )
        return Daemon(installed=False, running=runs)
    stats = reply.sections["stats-reply"]
    if stats.status:
        problem, running = _silent(stats.status, stats.err, runs=runs)
        problems.append(problem)
        return Daemon(installed=True, running=running)
    body = next((message.body for message in messages(stats.text)), {})
    uptime, sas, workers = section(body, "uptime"), section(body, "ikesas"), section(body, "workers")
    queues = section(body, "queues")
    return Daemon(
        installed=True,
        running=True,
        since=text(uptime, "since") or None,
        uptime=text(uptime, "running") or None,
        ike_sas=number(sas, "total"),
        half_open=number(sas, "half-open"),
        plugins=texts(body, "plugins"),
        workers=number(workers, "total"),
        idle=number(workers, "idle"),
        queued=sum(number(queues, priority) or 0 for priority in queues) if queues else None,
        retransmission=retransmission(found),
    )


def _silent(status: int, said: str, *, runs: bool) -> tuple[Problem, bool | None]:
    """Why the daemon did not answer, and whether it runs."""
    if "Permission denied" in said or "Operation not permitted" in said:
        return Problem(
            "no-permission", "the daemon's socket must not be opened by this user", hint="use become"
        ), runs or None
    if status == 124:  # noqa: PLR2004 - timeout(1)
        return Problem("daemon-hangs", "the daemon does not answer within 30 s", hint="look at its log"), True
    if runs:
        last = said.splitlines()[-1] if said else f"exit status {status}"
        hint = "is its vici plugin loaded, and its socket the default one?"
        return Problem("no-vici", f"the daemon runs and does not answer swanctl ({last})", hint=hint), True
    return Problem(
        "daemon-stopped", "the IKE daemon does not run", hint="start it, with the module daemon for example"
    ), False


def _connections(reply: Reply, configured: tuple[Connection, ...], problems: list[Problem]) -> tuple[Connection, ...]:
    held = _parsed(reply, "conns", listings.loaded, problems)
    return configured if held is None else merged(configured, held)


def _parsed(reply: Reply, name: str, parse: Callable[[str], T], problems: list[Problem]) -> T | None:
    """What a listing says; None where it was not asked for or did not come."""
    listing = reply.sections.get(name)
    if listing is None:
        return None
    if listing.status:
        last = listing.err.splitlines()[-1] if listing.err else f"exit status {listing.status}"
        problems.append(Problem("listing-failed", f"swanctl did not list {name}: {last}"))
        return None
    try:
        return parse(listing.text)
    except ParseError as error:
        problems.append(Problem("listing-unreadable", f"swanctl's list of {name}: {error.what}", error.where))
        return None


# ---- what surrounds it


def _keepalives(reply: Reply, problems: list[Problem]) -> tuple[Keepalive, ...]:
    found = []
    for line in reply.sections["keepalives"].text.splitlines():
        path, said = line.split(f":{_MARK}", 1)
        means = "systemd" if path.endswith(".timer") else "cron"
        try:
            found.append(restore(Keepalive, {**json.loads(said), "means": means, "origin": f"{path}:1"}, path))
        except (ValueError, TypeError, ParseError) as error:
            problems.append(
                Problem(
                    "keepalive-unreadable", f"its first line is not what the keepalive module writes ({error})", path
                )
            )
    return tuple(found)


def _log(reply: Reply, options: GatherOptions, problems: list[Problem]) -> tuple[str, ...] | None:
    log = reply.sections.get("log")
    if log is None:
        return None
    lines = tuple(log.out.decode("utf-8", "backslashreplace").splitlines())
    most = options.log_lines
    if not options.log_from or (len(lines) <= most and len(log.out) < LOG_MAX):
        return lines
    what = "more was logged since the position given than is read: the first lines are missing"
    problems.append(Problem("log-cut", what, hint=f"log_lines is {most}, and no more than {LOG_MAX} bytes are read"))
    return lines[-most:]
