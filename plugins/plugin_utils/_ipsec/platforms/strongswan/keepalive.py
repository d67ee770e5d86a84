# SPDX-License-Identifier: GPL-3.0-or-later
"""The periodic check of one child on Linux: what to install, by a systemd timer or by cron, and what became of it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...errors import IpsecError, RefusedError
from ...model import EndName, Reply, Script
from ...model.resources import read_beside
from ..charon.scripts import read_script

State = Literal["present", "absent"]
Means = Literal["auto", "systemd", "cron"]

CHECK = "/usr/local/lib/tunnelwright/keepalive"
FINEST = 10  # seconds
COARSEST = 86400
_CRON_STEPS = {60 * n: f"*/{n} * * * *" for n in range(2, 60) if 60 % n == 0} | {
    3600 * n: f"0 */{n} * * *" for n in range(2, 24) if 24 % n == 0
}
_CRON = {60: "* * * * *", 3600: "0 * * * *", 86400: "0 0 * * *"} | _CRON_STEPS


@dataclass(frozen=True, slots=True)
class DesiredKeepalive:
    """One keepalive as it is to be: `interval` and `timeout` in seconds."""

    gateway: str
    connection: str
    child: str
    state: State = "present"
    interval: int = 60
    means: Means = "auto"
    timeout: int = 20

    @property
    def name(self) -> str:
        """A name for files and units: readable, and unlike that of any other child."""
        readable = re.sub(r"[^A-Za-z0-9_]", "-", f"{self.connection}-{self.child}")[:80]
        both = f"{self.connection}\0{self.child}".encode("utf-8", "surrogateescape")
        return f"{readable}-{hashlib.sha256(both).hexdigest()[:8]}"

    @property
    def jitter(self) -> int:
        """Seconds by which a check is put off at random, so that a fleet does not knock at once."""
        return min(15, self.interval // 4)

    @property
    def end(self) -> str:
        """Where messages say it is."""
        return str(EndName(self.gateway, self.connection, self.child))


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a keepalive, before and after; None where there is none."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class KeepaliveResult:
    """What installing or removing a keepalive did, or in check mode would do."""

    changed: bool
    means: str | None
    files: tuple[FileChange, ...] = ()
    warnings: tuple[str, ...] = ()


def build_script(wish: DesiredKeepalive, *, dry: bool) -> Script:
    """The program that makes the gateway as wished; a dry one only looks.

    Raises:
        RefusedError: a name or an interval that no timer can hold.
    """
    _refuse_odd(wish)
    variables = {
        "TW_STATE": wish.state,
        "TW_MEANS": wish.means,
        "TW_DRY": "yes" if dry else "no",
        "TW_NAME": wish.name,
        "TW_CONNECTION": wish.connection,
        "TW_CHILD": wish.child,
        "TW_CHECK": read_beside(__name__, "keepalive_check.sh"),
        "TW_SERVICE": build_service(wish),
        "TW_TIMER": build_timer(wish),
        "TW_CRON": build_cron(wish) or "",
    }
    return Script(read_script("services.sh") + read_beside(__name__, "keepalive.sh"), variables)


def build_service(wish: DesiredKeepalive) -> str:
    """The unit that checks once. It starts no strongSwan: that a daemon is stopped is for others to judge."""
    words = " ".join(_quote_unit_word(word) for word in _build_command(wish, jitter=0))
    return f"""{_format_header(wish)}
[Unit]
Description=Keepalive of IPsec child {_format_unit_description(wish)}
After=network.target strongswan.service

[Service]
Type=oneshot
ExecStart={words}
TimeoutStartSec={wish.timeout + 120}
"""


def build_timer(wish: DesiredKeepalive) -> str:
    """The unit that says when. Without AccuracySec systemd may be a minute late."""
    return f"""{_format_header(wish)}
[Unit]
Description=Timer of the keepalive of IPsec child {_format_unit_description(wish)}

[Timer]
OnActiveSec={wish.jitter}
OnUnitActiveSec={wish.interval}
AccuracySec=1
RandomizedDelaySec={wish.jitter}

[Install]
WantedBy=timers.target
"""


def build_cron(wish: DesiredKeepalive) -> str | None:
    """The cron table; None where cron cannot keep such an interval."""
    if wish.interval not in _CRON:
        return None
    words = shlex.join(_build_command(wish, jitter=wish.jitter)).replace("%", r"\%")
    return f"""{_format_header(wish)}
MAILTO=""
{_CRON[wish.interval]} root [ ! -x {CHECK} ] || {words}
"""


def parse_result(wish: DesiredKeepalive, reply: Reply, *, dry: bool) -> KeepaliveResult:
    """What the gateway answered to the script of this wish.

    Raises:
        RefusedError: nothing was done: no right, no means, no such child.
        IpsecError: the gateway tried and failed.
    """
    means = _get_text(reply, "means")
    if _get_text(reply, "user") != "0":
        raise RefusedError(
            "a keepalive is installed by root, and this is another user", where=wish.gateway, hint="use become: true"
        )
    warnings: tuple[str, ...] = ()
    if wish.state == "present":
        _refuse_means(wish, means)
        warnings = _check_child_loaded(wish, reply, dry=dry)
    changed = reply.sections["needed"].status == 0
    wanted = _build_desired_files(wish, reply, means)
    if changed and not dry:
        _refuse_failure(wish, reply, wanted)
    before = _parse_files(reply, "before")
    changes = [FileChange(p, before[p][1] if p in before else None, wanted[p]) for p in wanted]
    return KeepaliveResult(
        changed, None if means == "none" else means, tuple(c for c in changes if c.before != c.after), warnings
    )


def _build_command(wish: DesiredKeepalive, *, jitter: int) -> tuple[str, ...]:
    return (CHECK, wish.name, wish.connection, wish.child, str(wish.timeout), *([str(jitter)] if jitter else ()))


def _format_header(wish: DesiredKeepalive) -> str:
    facts = {"child": wish.child, "connection": wish.connection, "interval": wish.interval}
    return f"""# tunnelwright keepalive: {json.dumps(facts, sort_keys=True)}
# Installed by tunnelwright.ipsec.keepalive. To hold it while the tunnel is down on purpose, touch
# /run/tunnelwright/down-{wish.name} (until the next boot) or /etc/tunnelwright/down-{wish.name}."""


def _format_unit_description(wish: DesiredKeepalive) -> str:
    return f"{wish.child} of connection {wish.connection}, by tunnelwright".replace("%", "%%")


def _quote_unit_word(word: str) -> str:
    """A word of ExecStart as systemd.service(5) unquotes it."""
    for char, written in (("\\", r"\\"), ('"', r"\""), ("%", "%%"), ("$", "$$")):
        word = word.replace(char, written)
    return f'"{word}"'


def _get_text(reply: Reply, section: str) -> str:
    return reply.sections[section].text.strip() if section in reply.sections else ""


def _refuse_odd(wish: DesiredKeepalive) -> None:
    for what, name in (("connection", wish.connection), ("child", wish.child)):
        if not name or not name.isprintable():
            raise RefusedError(
                f"{name!r} is not a name of a {what}", where=wish.gateway, hint="give it as swanctl.conf has it"
            )
    if not FINEST <= wish.interval <= COARSEST:
        raise RefusedError(
            f"an interval of {wish.interval} s is outside {FINEST} to {COARSEST} s",
            where=wish.end,
            hint="60 suits most",
        )
    if not 1 <= wish.timeout <= 600:  # noqa: PLR2004
        raise RefusedError(f"a timeout of {wish.timeout} s is outside 1 to 600 s", where=wish.end, hint="20 suits most")


def _refuse_means(wish: DesiredKeepalive, means: str) -> None:
    hint = "start one of them there, or have another end of the tunnel keep it alive"
    if means == "none" and wish.means == "auto":
        raise RefusedError(
            "neither systemd nor a cron daemon that reads /etc/cron.d runs", where=wish.gateway, hint=hint
        )
    if means == "none":
        runs = "systemd does not run" if wish.means == "systemd" else "no cron daemon that reads /etc/cron.d runs"
        raise RefusedError(runs, where=wish.gateway, hint="use means: auto to take what there is")
    if means == "cron" and build_cron(wish) is None:
        near = min(_CRON, key=lambda interval: abs(interval - wish.interval))
        raise RefusedError(f"cron cannot keep an interval of {wish.interval} s", where=wish.end, hint=f"use {near}")


def _check_child_loaded(wish: DesiredKeepalive, reply: Reply, *, dry: bool) -> tuple[str, ...]:
    known = reply.sections["known"]
    if known.status == 0:
        return ()
    if known.status not in (3, 4):
        return (f"the IKE daemon of {wish.gateway} does not answer, so it is unknown whether it has {wish.end}",)
    what = f"child {wish.child!r} of connection" if known.status == 4 else "connection"  # noqa: PLR2004
    said = f"the IKE daemon has no {what} {wish.connection!r}"
    if dry:
        return (f"{said} now; the keepalive will be refused unless it has by then",)
    there = ", ".join(known.text.split("\n")[:10]).strip(", ") or "none"
    raise RefusedError(said, where=wish.gateway, hint=f"it has {there}; load the configuration first if it is new")


def _build_desired_files(wish: DesiredKeepalive, reply: Reply, means: str) -> dict[str, str | None]:
    unit, present = f"/etc/systemd/system/tunnelwright-keepalive-{wish.name}", wish.state == "present"
    check = read_beside(__name__, "keepalive_check.sh") if present else None
    if not present and _get_text(reply, "others"):
        check = _parse_files(reply, "before").get(CHECK, ("", None))[1]
    return {
        CHECK: check,
        f"{unit}.service": build_service(wish) if present and means == "systemd" else None,
        f"{unit}.timer": build_timer(wish) if present and means == "systemd" else None,
        f"/etc/cron.d/tunnelwright-keepalive-{wish.name}": build_cron(wish) if present and means == "cron" else None,
    }


def _parse_files(reply: Reply, when: str) -> dict[str, tuple[str, str]]:
    """Mode and owner, and the content, of each file there is."""
    found = {}
    for name, section in reply.sections.items():
        if name.startswith(f"{when} /") and section.status == 0:
            mode, content = section.text.split("\n", 1)
            found[name.partition(" ")[2]] = (mode, content)
    return found


def _refuse_failure(wish: DesiredKeepalive, reply: Reply, wanted: Mapping[str, str | None]) -> None:
    done = reply.sections[wish.state]
    verb = "installed" if wish.state == "present" else "removed"
    if done.status != 0:
        said = done.err.splitlines()[-1] if done.err else f"exit status {done.status}"
        raise IpsecError(f"the keepalive could not be {verb}", where=wish.end, hint=said)
    after = {path: content for path, (dummy, content) in _parse_files(reply, "after").items()}
    wrong = [path for path, content in wanted.items() if after.get(path) != content]
    if wrong:
        raise IpsecError(f"the keepalive was {verb}, and {wrong[0]} is not as it was meant", where=wish.end)
