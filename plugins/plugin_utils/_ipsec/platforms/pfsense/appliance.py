# SPDX-License-Identifier: GPL-3.0-or-later
"""What pfSense says of itself beside its tunnels: version, revisions, marks, its place in a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from ...model import Appliance, Carp, Problem, Reply
from .answer import ConfigXmlReply
from .interfaces import Interfaces

SKEWED = 100  # added to the advskew of every CARP address that a primary gives its secondary (xmlrpc.php)
SETTABLE = (
    *("version", "proposals", "encap", "mobike", "dpd_delay", "dpd_timeout", "rekey_time", "reauth_time", "rand_time"),
    "over_time",
    *("local_addrs", "remote_addrs", "local.id", "remote.id", "local.auth", "remote.auth", "aggressive"),
    *("local_ts", "remote_ts", "esp_proposals", "ah_proposals", "start_action", "close_action", "dpd_action"),
    *("life_time", "mode"),
)
_PLUS = re.compile(r"\d\d\.\d\d")
_LEADING = re.compile(r"\d+")


def build_appliance(reply: Reply, found: ConfigXmlReply, interfaces: Interfaces) -> Appliance:
    """All of it."""
    version, told = format_text(reply, "version"), format_text(reply, "marks").splitlines()
    return Appliance(
        product="pfSense Plus" if _PLUS.match(version) else "pfSense CE",
        version=version,
        config_version=found.config.text("version"),
        fingerprint=found.fingerprint,
        revision=found.revision,
        revisions=found.revisions,
        unapplied="dirty" in told,
        booting="booting" in told,
        role=_determine_role(found, interfaces),
        carp=tuple(_list_carp(interfaces)),
    )


def name_release(reply: Reply) -> tuple[int, ...]:
    """(2, 7, 2) of `2.7.2-RELEASE`."""
    return tuple(int(part) for part in _LEADING.findall(format_text(reply, "version").partition("-")[0]))


def find_warnings(about: Appliance) -> Iterator[Problem]:
    """What makes a change here unwise, or what is read doubtful."""
    if about.booting:
        yield Problem("booting", "pfSense is booting, so what is read may still change", hint="read again later")
    if about.role == "secondary":
        what = "this is the secondary of a cluster: its IPsec settings are replaced by those of the primary"
        yield Problem("ha-secondary", what, "hasync", "change the primary; here it is normal that tunnels are down")


def format_text(reply: Reply, name: str) -> str:
    """What a section says; nothing where it failed."""
    section = reply.sections.get(name)
    return section.text.strip() if section and not section.status else ""


def _determine_role(found: ConfigXmlReply, interfaces: Interfaces) -> Literal["alone", "primary", "secondary"]:
    """Only a primary sends its configuration. A secondary has none to send to, and addresses that are skewed."""
    sync = found.config.child("hasync")
    if sync.text("synchronizetoip"):
        return "primary"
    shared = [vip for vip in interfaces.vips if vip.text("mode") == "carp"]
    skewed = any(vip.number("advskew") >= SKEWED for vip in shared)
    return "secondary" if shared and (skewed or sync.text("pfsyncenabled") == "on") else "alone"


def _list_carp(interfaces: Interfaces) -> Iterator[Carp]:
    for vip in interfaces.vips:
        if vip.text("mode") == "carp":
            vhid = vip.text("vhid")
            yield Carp(vip.text("interface"), vhid, vip.text("subnet"), interfaces.carp.get(vhid, ""))
