# SPDX-License-Identifier: GPL-3.0-or-later
"""What pfSense's PHP answered about config.xml (read.php), and why it did not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...model import Problem, Reply, Revision
from .element import Element

PATH = "/cf/conf/config.xml"
_PROBLEMS: Mapping[str, tuple[str, str, str]] = {
    "denied": (
        "config-unreadable",
        "this user may not read config.xml",
        "use become, or log in as root or admin",
    ),
    "missing": ("config-unreadable", "there is no config.xml", "if this is not a pfSense, give another platform"),
    "encrypted": (
        "config-encrypted",
        "config.xml is encrypted, so nothing of it can be read",
        "store it unencrypted, or leave this gateway out",
    ),
}


@dataclass(frozen=True, slots=True)
class ConfigXmlReply:
    """config.xml without its secrets, and what is kept of earlier ones, the newest first."""

    config: Element
    fingerprint: str  # keyed, of the whole file
    revisions: tuple[Revision, ...] = ()

    @property
    def revision(self) -> Revision | None:
        """Who wrote the file last, when and why."""
        last = self.config.child("revision")
        return parse_revision(last.value) if last.value else None


def parse_reply(reply: Reply, problems: list[Problem]) -> ConfigXmlReply | None:
    """What was read; None, and a problem, where it could not be."""
    section = reply.sections["config.xml"]
    try:
        told = json.loads(section.text)
    except ValueError:
        last = [line for line in section.err.splitlines() if line.strip()]
        what = f"pfSense's PHP did not read it: {last[-1] if last else f'exit status {section.status}'}"
        problems.append(Problem("config-unreadable", what, PATH, "read again, and look at /tmp/PHP_errors.log"))
        return None
    if found := _find_problem(told):
        problems.append(found)
        return None
    return ConfigXmlReply(
        Element("", told["config"]), told["fingerprint"], tuple(parse_revision(each) for each in told["revisions"])
    )


def parse_revision(about: Mapping[str, Any]) -> Revision:
    """One revision; pfSense puts who made it before what was done, with a colon between."""
    said, time = str(about.get("description", "")), str(about.get("time", ""))
    who, colon, what = said.partition(": ")
    named = str(about.get("username", ""))
    return Revision(
        time=float(time) if time.isdigit() else None,
        by=named or (who if colon else ""),
        description=what if colon and named in ("", who) else said,
    )


def _find_problem(told: Mapping[str, Any]) -> Problem | None:
    name = str(told.get("problem", ""))
    if name in _PROBLEMS:
        kind, what, hint = _PROBLEMS[name]
        return Problem(kind, what, PATH, hint)
    if name or told.get("root") != "pfsense":
        why = told.get("error") or f"it holds <{told.get('root')}>, not <pfsense>"
        hint = (
            "restore an earlier revision in Diagnostics > Backup & Restore: pfSense itself would do so at its next read"
        )
        return Problem("config-broken", f"config.xml cannot be parsed: {why}", PATH, hint)
    return None
