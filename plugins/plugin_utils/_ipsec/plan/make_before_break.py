# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a tunnel that is changed without a break: expand on both ends, make before break, contract on both.

The responder accepts the new values as well as the old ones where both ends must agree (proposals, version, pre-shared
key), and everything else at once; nothing is re-initiated for that. The initiator takes the new values and establishes
the tunnel again next to the old one, which then goes. What the responder still has of the old goes last. So at no step
do the two ends lack something in common, whoever starts an exchange, and the next run completes one that was cut off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..model import End, Phase, PskUse, Step, Tunnel
from ..swanctl.keys import split_list
from ..swanctl.normalize import list_explicit
from .desired import DesiredSettings, find_missing

LISTS = ("proposals", "esp_proposals", "ah_proposals")  # both ends must have one in common
AGREED = (*LISTS, "version")
SOFT = frozenset(
    (
        *AGREED,
        *("rekey_time", "reauth_time", "over_time", "rand_time", "life_time"),
        *("rekey_bytes", "life_bytes", "rand_bytes", "rekey_packets", "life_packets", "rand_packets"),
        *("dpd_delay", "dpd_timeout", "keyingtries", "unique", "start_action", "close_action", "dpd_action"),
        *("encap", "mobike"),
    )
)


def find_obstacle(
    tunnel: Tunnel, wanted: Mapping[str, DesiredSettings], others: list[Step], findings: Collection[str]
) -> str:
    """Why a tunnel that is up cannot be changed so; empty where it can."""
    if why := _find_blocking_step(others):
        return why
    for end in tunnel.ends:
        asked = wanted[end.gateway.name]
        keys = [*asked.settings, *(key for given in asked.children.values() for key in given)]
        if hard := [key for key in keys if key not in SOFT]:
            return f"{hard[0]} of {end.name()} cannot be changed while the old value is still accepted"
    if why := _explain_restart(tunnel, wanted):
        return why
    if any(each.psk for each in wanted.values()) and (why := _explain_single_key(tunnel, wanted, findings)):
        return why
    return _explain_no_twin(tunnel, wanted)


def _find_blocking_step(others: list[Step]) -> str:
    """What of the steps that are no settings comes first, or ends live SAs."""
    if any(step.phase == "prepare" for step in others):
        return "a daemon must be started or loaded first"
    kept = [
        step for step in others if step.phase == "persist" or (step.phase, step.state) == ("establish", "reinitiated")
    ]
    return "its live SAs must be ended" if len(kept) < len(others) else ""


def _explain_restart(tunnel: Tunnel, wanted: Mapping[str, DesiredSettings]) -> str:
    """Why more than the old SAs would go: an end starts again what its peer closes, or closes them itself."""
    end, peer = tunnel.answering, tunnel.initiating
    if _restarts(end, wanted[end.gateway.name]):
        return f"{end.name()} starts the tunnel again when it is closed"
    if not _ends_its_own(end, wanted[end.gateway.name]):
        return ""
    if not _can_initiate(end):
        return f"{end.name()} ends its SAs when it is loaded, and does not know its peer's address"
    again = _restarts(peer, wanted[peer.gateway.name])
    return f"{end.name()} ends its SAs when it is loaded, and {peer.name()} starts them again" if again else ""


def _explain_no_twin(tunnel: Tunnel, wanted: Mapping[str, DesiredSettings]) -> str:
    """Why the initiator cannot make a second IKE_SA beside the first, or an end not have old and new values."""
    for end in tunnel.ends:
        if end.gateway.generates and (why := _find_single_value(end, wanted[end.gateway.name])):
            return f"{why} of {end.name()} has one value at a time"
    version = wanted[tunnel.initiator].settings.get("version", str(tunnel.initiating.connection.version))
    if version == "1":
        return "IKEv1 takes a second IKE_SA for a reauthentication of the first"
    if not _can_initiate(tunnel.initiating):
        return f"{tunnel.initiating.name()} does not know its peer's address"
    keeping = [end for end in tunnel.ends if end.connection.unique == "keep"]
    return f"unique = keep of {keeping[0].name()} refuses a second IKE_SA" if keeping else ""


def _find_single_value(end: End, wanted: DesiredSettings) -> str:
    """What an end that generates its configuration cannot have old and new at a time; empty where it can."""
    if any(not child.policies for child in end.connection.children):
        return "a routed child"
    asked = [*wanted.settings, *(key for given in wanted.children.values() for key in given)]
    single = [key for key in asked if key in ("version", "esp_proposals", "ah_proposals")]
    return single[0] if single else "the pre-shared key" if wanted.psk else ""


def _explain_single_key(tunnel: Tunnel, wanted: Mapping[str, DesiredSettings], findings: Collection[str]) -> str:
    """Why two pre-shared keys cannot be in force at a time."""
    if not (tunnel.psk and tunnel.psk.digest) or {"psk-mismatch", "psk-changed", "psk-missing"} & set(findings):
        return "the two ends have no pre-shared key in common"
    versions = {end.connection.version for end in tunnel.ends} | {w.settings.get("version") for w in wanted.values()}
    return "IKEv1 tries one pre-shared key only" if versions & {1, "1"} else ""


def plan_without_break(
    tunnel: Tunnel, wanted: Mapping[str, DesiredSettings], others: list[Step], mine: Collection[str]
) -> list[Step]:
    """The steps on those of the tunnel's gateways that are ours to change (`mine`)."""
    ours = [end for end in (tunnel.answering, tunnel.initiating) if end.gateway.name in mine]
    if not ours:
        return []
    end, peer = (ours[0], tunnel.other(ours[0]))
    asked, there = wanted[end.gateway.name], wanted[peer.gateway.name]
    during = _build_transitional(tunnel, end, asked, there)
    if len(ours) == 1:
        keys = _choose_psk_use(tunnel, end) if asked.psk else None
        phase: Phase = "initiator" if end is tunnel.initiating else "responder"
        step = _build_step(tunnel, phase, end, during, keys, hop=phase == "initiator" or _has_final_setting(during))
        return [] if step is None else [step]
    steps = [
        _build_step(tunnel, "responder", end, during, _accept_new_key(tunnel, end) if asked.psk else None),
        _build_step(
            tunnel, "initiator", peer, there, _sign_with_new_key(tunnel, peer) if there.psk else None, hop=True
        ),
    ]
    last = [
        _build_step(tunnel, "contract", end, _find_remaining(asked, during), "only" if asked.psk else None),
        _build_step(tunnel, "finish", peer, DesiredSettings(findings=there.findings), "only" if there.psk else None),
    ]
    anew = [step for step in others if step.state == "reinitiated"]
    if steps[1] is None and (anew or last[0] or (steps[0] and not steps[0].reinitiate)):
        steps.append(_build_reinitiate_step(tunnel, [*steps, *last, *anew]))
    return [step for step in (*steps, *last) if step is not None]


def estimate_cost(tunnel: Tunnel, wanted: Mapping[str, DesiredSettings], steps: list[Step]) -> str:
    """Why such steps break the tunnel after all: the responder makes it anew, and its peer starts what it closes."""
    peer = tunnel.initiating
    alone = {step.gateway for step in steps if step.reinitiate} == {tunnel.answering.gateway.name}
    again = alone and _restarts(peer, wanted[peer.gateway.name])
    return f"{peer.name()} starts the tunnel again when it is closed" if again else ""


def _has_final_setting(during: DesiredSettings) -> bool:
    """Whether there is something that a tunnel made anew has, and not just more that it may have."""
    children = during.children.values()
    return any(key not in AGREED for key in (*during.settings, *(key for given in children for key in given)))


def _build_transitional(tunnel: Tunnel, end: End, asked: DesiredSettings, there: DesiredSettings) -> DesiredSettings:
    """What an end is to have while its peer may still have the old values."""
    found = DesiredSettings(findings=asked.findings)
    for key, value in asked.settings.items():
        held = end.connection.proposals if key == "proposals" else ()
        if key == "version":
            value = _choose_version(tunnel, end, value, there)  # noqa: PLW2901
        elif key in LISTS:
            value = _expand(value, held, both=key in there.settings)  # noqa: PLW2901
        found.settings[key] = value
    for own, other in tunnel.pairs(end):
        also = there.children.get(other.name, {})
        for key, value in asked.children.get(own.name, {}).items():
            wanted = _expand(value, getattr(own, key), both=key in also) if key in LISTS else value
            found.children.setdefault(own.name, {})[key] = wanted
    return found


def _expand(value: str, held: Collection[str], *, both: bool) -> str:
    """New proposals first, then the old ones: where both ends change, and where only the old ones are to go."""
    new = split_list(value) or ("default",)  # which a value that is to go leaves (swanctl.conf(5))
    expands = both or set(new) < set(held)
    return ",".join((*new, *(old for old in held if old not in new))) if expands else value


def _choose_version(tunnel: Tunnel, end: End, value: str, there: DesiredSettings) -> str:
    """0 answers both versions; what initiates keeps its version until its peer answers the new one."""
    if end is tunnel.answering:
        return "0" if "version" in there.settings or end.connection.version == 0 else value
    reached = tunnel.answering.connection.version in (0, int(value or 0))
    return value if reached else str(end.connection.version)


def _find_remaining(asked: DesiredSettings, during: DesiredSettings) -> DesiredSettings:
    """Of what an end is to have at last, what it had not during the change."""
    left = DesiredSettings(
        {k: v for k, v in asked.settings.items() if during.settings[k] != v}, findings=asked.findings
    )
    for child, given in asked.children.items():
        if rest := {k: v for k, v in given.items() if during.children[child][k] != v}:
            left.children[child] = rest
    return left


def _accept_new_key(tunnel: Tunnel, end: End) -> PskUse | None:
    """The end accepts the new key beside the one it signs with; None where it does already."""
    digest = tunnel.psk.digest if tunnel.psk else ""
    return None if digest in {secret.digest for secret in end.accepts} else "accept"


def _sign_with_new_key(tunnel: Tunnel, end: End) -> PskUse | None:
    """The end signs with the new key and accepts the old one; None where it does already."""
    digest = tunnel.psk.digest if tunnel.psk else ""
    return None if end.secret is not None and end.secret.digest == digest else "sign"


def _choose_psk_use(tunnel: Tunnel, end: End) -> PskUse | None:
    """How far one end can go while its peer is somebody else's."""
    digest = tunnel.psk.digest if tunnel.psk else ""
    peer = tunnel.other(end)
    if peer.secret is not None and peer.secret.digest == digest:
        return "only"
    if digest in {secret.digest for secret in peer.accepts}:
        return _sign_with_new_key(tunnel, end)
    return _accept_new_key(tunnel, end)


def _build_step(  # noqa: PLR0913  what a step consists of
    tunnel: Tunnel, phase: Phase, end: End, wanted: DesiredSettings, psk: PskUse | None, *, hop: bool = False
) -> Step | None:
    """The step that gives an end what it has not yet; None where it has all of it."""
    missing = find_missing(end, wanted.settings, wanted.children)
    if not (missing.settings or missing.children or psk):
        return None
    hopping = hop and _can_initiate(end)
    again = hopping or _ends_its_own(end, missing)
    return Step(
        phase,
        end.gateway.name,
        "connection",
        end.connection.name,
        settings=missing.settings,
        children=missing.children,
        psk=psk is not None,
        psk_use=psk or "only",
        reinitiate=again,
        make_before_break=again,
        tunnel=tunnel.name,
        findings=tuple(wanted.findings),
    )


def _build_reinitiate_step(tunnel: Tunnel, steps: list[Step | None]) -> Step:
    """The initiator makes the tunnel anew beside the old one."""
    end = tunnel.initiating
    ids = tuple(dict.fromkeys(name for step in steps if step is not None for name in step.findings))
    return Step(
        "establish",
        end.gateway.name,
        "sa",
        end.connection.name,
        state="reinitiated",
        make_before_break=True,
        tunnel=tunnel.name,
        findings=ids,
    )


def _can_initiate(end: End) -> bool:
    """Whether an end can initiate: it knows an address of its peer."""
    return bool(list_explicit(end.connection.remote_addrs))


def _restarts(end: End, wanted: DesiredSettings) -> bool:
    """Whether an end's live SAs, or those it is to have, are started again when the peer closes them."""
    actions: list[str] = [child.close_action for child in end.connection.children]
    actions += [given.get("close_action", "") for given in wanted.children.values()]
    return any("start" in action for action in actions)


def _ends_its_own(end: End, wanted: DesiredSettings) -> bool:
    """Whether an end ends live SAs when it loads this: strongSwan undoes a start action that was (vici_config.c)."""
    changes = bool(wanted.settings or wanted.children)
    return changes and bool(end.sas) and any("start" in child.start_action for child in end.connection.children)
