# SPDX-License-Identifier: GPL-3.0-or-later
"""A wish for one connection as edits of config.xml, checked by what pfSense would generate after them."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import RefusedError
from ...model import Connection, Gateway, Reply
from ...swanctl.psk_digest import compute_digest, decode_secret
from ...swanctl.settings import Path
from ..charon import daemon_reply
from ..desired import DesiredConnection, validate_settings
from ..gather_options import GatherOptions
from . import actions, shape, translate, write
from .answer import PATH
from .candidate import ConfigXmlCandidate, diff_settings, refuse_state
from .edits import PSK, XmlEdit, list_edits
from .generate import GeneratedConnection
from .settings_diff import ABSENT, Values, find_surprises, find_unmet, is_same, list_changes
from .snapshot import PfsenseSnapshot, take_snapshot

_NAMED = 4  # of what would change beside


def prepare(
    wish: DesiredConnection, gateway: Gateway, connection: Connection, reply: Reply, options: GatherOptions
) -> ConfigXmlCandidate:
    """The edits that make a wish true after those that precede it, and nothing else other than what was.

    Raises:
        RefusedError: pfSense cannot have it, or it is no time to change it.
    """
    made: list[XmlEdit] = []
    for each in wish.preceding:
        made += _build_candidate(each, gateway, connection, reply, options, made).order.edits
    return _build_candidate(wish, gateway, connection, reply, options, made)


def _build_candidate(  # noqa: PLR0913, PLR0917  as above
    wish: DesiredConnection,
    gateway: Gateway,
    connection: Connection,
    reply: Reply,
    options: GatherOptions,
    made: Iterable[XmlEdit],
) -> ConfigXmlCandidate:
    here = take_snapshot(reply, options, made)
    one = next((each for each in here.configuration.made if each.name == wish.name), None)
    if one is None:
        hint = "mobile clients and what bypasses IPsec are left to the web interface"
        raise RefusedError(f"{wish.name} is not one that this can change", where=PATH, hint=hint)
    asked, before = _parse_wish(wish, gateway, connection) | shape.parse_shape(wish, one), here.after(())
    missing = {path: value for path, value in asked.items() if not is_same(path, before.get(path), value)}
    key = _list_psk_edits(wish, one, options)
    if missing or key:
        refuse_state(wish, gateway, reply)
    found = (_solve_edits(one, missing, asked, before, here) if missing else []) + key
    after = here.after(found)
    _refuse_surprises(asked, before, after)
    runs = here.runs(found)
    shape.refuse(wish, one, missing, here.interfaces, stops=here.configuration.enabled and not runs)
    return ConfigXmlCandidate(
        wish,
        options,
        write.WriteRequest(tuple(found), here.found.fingerprint, runs),
        list_changes(before, after),
        diff_settings(found, one),
        connection,
        gone=after["connections", wish.name, "enabled"] == "no",
        renamed=shape.find_renamed(wish.name, before, after),
    )


def _parse_wish(wish: DesiredConnection, gateway: Gateway, connection: Connection) -> Values:
    """What is asked for; that a setting be cleared can only be said of what pfSense may leave out."""
    asked: Values = {}
    for path, value in validate_settings(wish, connection, daemon_reply.parse_numbers(gateway.version)):
        where = ".".join(path[1:])
        if not gateway.can_set(path[-1] if "children" in path else ".".join(path[2:])):
            raise translate.refuse_setting(where)
        if value is None and path[-1] not in ABSENT:
            raise RefusedError(
                "pfSense always writes this setting", where=where, hint="give the value that it should have"
            )
        asked[path] = value or ABSENT[path[-1]]
    return asked


def _solve_edits(
    one: GeneratedConnection, missing: Values, asked: Values, before: Values, here: PfsenseSnapshot
) -> list[XmlEdit]:
    """The edits for what is missing, actions last."""
    found: list[XmlEdit] = []
    timers = _select_timers(asked)
    if any(path in timers for path in missing):
        found += translate.translate_timers({path[-1]: value for path, value in timers.items()}, one.phase1)
    for path, value in missing.items():
        if path not in timers and path[-1] not in translate.ACTIONS:
            found += _translate_setting(path, value, one, here)
    found = _drop_duplicates(found)
    if not any(path[-1] in translate.ACTIONS for path in missing):
        return found

    def fits(tried: list[XmlEdit]) -> bool:
        after = here.after([*found, *tried])
        return not find_unmet(asked, after) and not find_surprises(asked, before, after)

    tried = actions.try_actions(one, fits)
    if tried is None:
        raise _build_action_error(one, found, asked, before, here)
    return [*found, *tried]


def _translate_setting(path: Path, value: str, one: GeneratedConnection, here: PfsenseSnapshot) -> list[XmlEdit]:
    if "children" in path:
        return translate.translate_phase2(path[-2], path[-1], value, one)
    return translate.translate_phase1(".".join(path[2:]), value, one, here.interfaces)


def _select_timers(asked: Values) -> Values:
    """The timers of the connection, which are solved together where over_time is one of them."""
    found = {path: value for path, value in asked.items() if "children" not in path and path[-1] in translate.TIMERS}
    return found if any(path[-1] == "over_time" for path in found) else {}


def _drop_duplicates(found: list[XmlEdit]) -> list[XmlEdit]:
    """Each edit once."""
    return [edit for at, edit in enumerate(found) if edit not in found[:at]]


def _build_action_error(
    one: GeneratedConnection, found: list[XmlEdit], asked: Values, before: Values, here: PfsenseSnapshot
) -> RefusedError:
    """What pfSense would do beside, if it can do what is asked at all."""

    def meets(tried: list[XmlEdit]) -> bool:
        return not find_unmet(asked, here.after([*found, *tried]))

    tried = actions.try_actions(one, meets)
    named = ", ".join(
        f"{path[-2]}.{path[-1]} = {value}" for path, value in asked.items() if path[-1] in translate.ACTIONS
    )
    if tried is None:
        return RefusedError(
            f"pfSense cannot have {named}",
            where=one.phase1.path,
            hint="start and close actions are those of phase 1, and what follows a dead peer follows the close action",
        )
    after = here.after([*found, *tried])
    beside = ", ".join(f"{'.'.join(p[3:])} = {after.get(p, 'none')}" for p in find_surprises(asked, before, after))
    return RefusedError(
        f"pfSense cannot have {named} without {beside}", where=one.phase1.path, hint="ask for that too, if it is meant"
    )


def _list_psk_edits(wish: DesiredConnection, one: GeneratedConnection, options: GatherOptions) -> list[XmlEdit]:
    if wish.psk is None:
        return []
    if wish.psk_use != "only":
        raise RefusedError(
            "pfSense keeps one pre-shared key for a peer, so it cannot accept a new one as well as the old",
            where=one.phase1.origin(PSK),
            hint="leave psk_use out: both ends change one after the other, with a break",
        )
    plain = decode_secret(wish.psk.encode("utf-8", "surrogateescape"))
    if not plain or plain != plain.strip() or not (plain.isascii() and plain.decode().isprintable()):
        raise RefusedError(
            "pfSense takes a pre-shared key of printable ASCII characters alone, with no blank at its ends",
            where=one.phase1.origin(PSK),
        )
    return list_edits(one.phase1, "phase1", {PSK: compute_digest(options.digest_key, wish.psk)})


def _refuse_surprises(asked: Values, before: Values, after: Values) -> None:
    for path in find_unmet(asked, after):
        raise RefusedError(
            f"pfSense would make {after.get(path, 'nothing')} of {asked[path]}",
            where=".".join(path[1:]),
            hint="ask for a value that it can have",
        )
    beside = [f"{'.'.join(p[1:])} = {after.get(p, 'nothing')}" for p in find_surprises(asked, before, after)]
    if beside:
        more = f" and {len(beside) - _NAMED} more" if len(beside) > _NAMED else ""
        raise RefusedError(
            f"pfSense would also change {', '.join(beside[:_NAMED])}{more}",
            where=PATH,
            hint="ask for that too, if it is meant, or change it in the web interface",
        )
