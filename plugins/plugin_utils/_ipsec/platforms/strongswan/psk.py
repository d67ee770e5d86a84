# SPDX-License-Identifier: GPL-3.0-or-later
"""The edits that give a connection's two identities a pre-shared key: instead of the old one, or beside it for a while.

Of several secrets for the same identities charon signs with the one that stands last in the file, and accepts each
(psk_authenticator.c, mem_cred.c; measured on 5.9.8 and 6.0.1, also after further loads and a restart). So the place of
a second section decides which of two keys signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...errors import RefusedError
from ...model import Auth, Connection, PskUse, Secret
from ...swanctl import editor
from ...swanctl.editor import TextEdit
from ...swanctl.normalize import normalize_identities, normalize_identity
from ...swanctl.psk_digest import compute_digest
from ...swanctl.settings import Settings
from ..charon.redacted_files import TOKEN

BESIDE = "-tunnelwright"  # a section of ours beside that of the same name without this


def list_edits(  # noqa: PLR0913, PLR0917  the key and how it is to be used, then all that was read of the gateway
    psk: str, use: PskUse, settings: Settings, key: str, secrets: Iterable[Secret], connection: Connection
) -> tuple[TextEdit, ...]:
    """The edits; none where the key is already used so.

    Raises:
        RefusedError: there is no secret to put the key beside.
    """
    known = list(secrets)
    made = compute_digest(key, psk)
    found = _find_secret(known, connection)
    if not found:
        return _add_secret(made, settings, known, connection)
    beside = [s for s in known if s.name == found.name + BESIDE]
    if settings.assignment(("secrets", found.name, "secret")) is None:
        return ()
    if use == "only":
        gone = [editor.remove_section(settings, ("secrets", secret.name)) for secret in beside]
        return (*_set(settings, found, made), *gone)
    held = [secret for secret in known if secret.name in (found.name, found.name + BESIDE)]  # in the order of the file
    return _add_key_beside(settings, found, held, made, sign=use == "sign")


def build_new_ids(connection: Connection, given: Mapping[str, str]) -> Connection:
    """The connection with the identities that settings such as `remote.id` give it: a key given with them is theirs."""

    def each(rounds: tuple[Auth, ...]) -> tuple[Auth, ...]:
        return tuple(replace(auth, id=given.get(f"{auth.section}.id", auth.id) or None) for auth in rounds)

    return replace(connection, local=each(connection.local), remote=each(connection.remote))


def _find_secret(known: list[Secret], connection: Connection) -> Secret | None:
    """The secret of these identities, ours beside it left out."""
    names = {secret.name for secret in known}
    theirs = [s for s in known if not (s.name.endswith(BESIDE) and s.name.removesuffix(BESIDE) in names)]
    own, peer = normalize_identities(connection)
    named = [s for s in theirs if peer and peer in map(normalize_identity, s.ids)]
    best = [s for s in named if own is None or own in map(normalize_identity, s.ids)] or named
    anybody = theirs if len(theirs) == 1 and not theirs[0].ids else []
    found = best or anybody
    return found[-1] if found else None


def _add_key_beside(
    settings: Settings, found: Secret, held: list[Secret], made: str, *, sign: bool
) -> tuple[TextEdit, ...]:
    """The key in the section that signs, or in the one that does not."""
    if made in [secret.digest for secret in (held[-1:] if sign else held)]:
        return ()
    both = len(held) > 1
    if both and not (sign and held[0].digest == made):
        return _set(settings, held[-1 if sign else 0], made)
    ids = {f"id-{number}": identity for number, identity in enumerate(found.ids, 1)}
    tree = {found.name + BESIDE: {**ids, "secret": TOKEN + made}}
    moved = (editor.remove_section(settings, ("secrets", found.name + BESIDE)),) if both else ()
    return (*moved, editor.insert_section(settings, ("secrets", found.name), tree, after=sign))


def _set(settings: Settings, secret: Secret, made: str) -> tuple[TextEdit, ...]:
    found = settings.assignment(("secrets", secret.name, "secret"))
    if found is None or secret.digest == made:
        return ()
    assignment = found[0]
    return (
        TextEdit(assignment.source.name, assignment.value_start, assignment.value_end, f'"{TOKEN}{made}"'.encode()),
    )


def _add_secret(made: str, settings: Settings, known: list[Secret], connection: Connection) -> tuple[TextEdit, ...]:
    """A secret for these identities beside those of others."""
    if not known:
        raise RefusedError(
            "there is no secret next to which the pre-shared key could be written",
            where=connection.name,
            hint="write a secrets section with an ike secret by hand once, into a file that only root may read",
        )
    ids = {
        f"id-{number}": identity for number, identity in enumerate(filter(None, normalize_identities(connection)), 1)
    }
    section = {**ids, "secret": TOKEN + made}
    return editor.set_values(
        settings, {("secrets", f"ike-{connection.name}", name): value for name, value in section.items()}
    )
