# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a pfSense: what config.xml says, and what was generated of it last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...model import Problem, Reply, Secret
from ...swanctl.psk_digest import compute_key_id
from ...swanctl.section_tree import Sections, Tree
from ...swanctl.settings import Settings
from ..charon import swanctl_conf as config
from ..gather_options import GatherOptions
from . import unapplied as drift
from .answer import ConfigXmlReply
from .appliance import name_release
from .element import Element
from .generate import GeneratedConnection, generate_all
from .interfaces import Interfaces
from .phase1 import choose_peer_id
from .phase2 import GenerationContext

GENERATED = "/var/etc/ipsec/swanctl.conf"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Both, with the pre-shared keys of either as digests."""

    made: tuple[GeneratedConnection, ...] = ()
    generated: Sections = field(default_factory=Tree)
    keys: tuple[Secret, ...] = ()
    generated_keys: tuple[Secret, ...] = ()
    enabled: bool = True  # pfSense stops charon where no phase 1 is enabled, and leaves what it generated before

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys of config.xml, and those of mobile clients, which only the generated file has."""
        known = {frozenset(key.ids) for key in self.keys}
        return (*self.keys, *(key for key in self.generated_keys if frozenset(key.ids) not in known))

    @property
    def unapplied(self) -> Mapping[str, tuple[str, ...]]:
        """By connection, what config.xml has otherwise than the generated file."""
        if not self.enabled:
            return {each.name: () for each in self.made}
        other = set(drift.list_keys(self.keys, self.generated_keys))
        key = ("pre-shared key: another in config.xml than generated",)
        return {
            each.name: drift.find_unapplied(each, self.generated) + (key if each.name in other else ())
            for each in self.made
        }


def build_configuration(
    reply: Reply, options: GatherOptions, found: ConfigXmlReply, interfaces: Interfaces, problems: list[Problem]
) -> Configuration:
    """What was read of both."""
    generated = _parse_generated(reply, options, problems)
    around = GenerationContext(interfaces, generated or Tree(), name_release(reply))
    each = tuple(generate_all(found.config, around))
    if generated is None and any(not one.omitted for one in each) and not problems:
        hint = "apply the changes, VPN > IPsec, or wait until it has booted"
        problems.append(Problem("not-generated", "pfSense has not generated its IPsec configuration", GENERATED, hint))
    keys = (_build_secret(one, around, options.digest_key) for one in each if one.omitted != "disabled")
    return Configuration(
        each,
        generated or Tree(),
        tuple(key for key in keys if key.digest),
        config.parse_secrets(generated, options.digest_key) if generated else (),
        enabled=is_enabled(found.config),
    )


def is_enabled(config: Element) -> bool:
    """Whether any phase 1 is enabled, that of mobile clients too."""
    return any(not phase1.has("disabled") for phase1 in config.child("ipsec").listed("phase1"))


def _parse_generated(reply: Reply, options: GatherOptions, problems: list[Problem]) -> Settings | None:
    """The generated file; that there is none is no problem where nothing is to be generated."""
    found: list[Problem] = []
    settings = config.parse_settings(reply, GENERATED, options.digest_key, found)
    problems += [each for each in found if each.what != config.MISSING]
    return settings


def _build_secret(one: GeneratedConnection, around: GenerationContext, digest_key: str) -> Secret:
    """The pre-shared key of a phase 1: pfSense has it for the peer alone, whoever this end says it is."""
    peer = choose_peer_id(one.phase1, around)
    digest = one.phase1.text("@psk") if one.phase1.text("authentication_method") == "pre_shared_key" else ""
    origin = one.phase1.origin("pre-shared-key")
    return Secret(
        one.name, tuple(dict.fromkeys(("%any", peer.value))), digest or None, compute_key_id(digest_key), origin
    )
