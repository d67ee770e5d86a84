# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a gateway's pre-shared keys are for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from ..model import Secret
from ..swanctl.normalize import normalize_identity

Who = frozenset[str]  # identities in one spelling; none: anybody


class SharedKeys:
    """Pre-shared keys by the identities they are for: the one charon would take (psk_authenticator.c: best match).

    Of several that match equally well it signs with the last of the file, and accepts all of them (measured on 5.9.8
    and 6.0.1, whatever their names and however often they were loaded).
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        by_who: dict[Who, list[Secret]] = defaultdict(list)
        by_key: dict[tuple[str | None, str], list[Secret]] = defaultdict(list)
        self._last: dict[Who, int] = {}  # place in the file
        for place, secret in enumerate(secrets):
            who = frozenset(map(normalize_identity, secret.ids))
            by_who[who].append(secret)
            self._last[who] = place
            if secret.digest is not None:
                by_key[secret.digest, secret.key_id].append(secret)
        self.by_who = {who: tuple(each) for who, each in by_who.items()}
        self._by_key = {key: tuple(each) for key, each in by_key.items()}
        naming: dict[str, list[Who]] = defaultdict(list)
        for who in by_who:
            for identity in who:
                naming[identity].append(who)
        self.naming = dict(naming)

    def between(self, own: str | None, peer: str | None) -> tuple[Secret, ...]:
        """Those that name the peer, best with ourselves too; else those that name us, else those for anybody.

        All are for the same identities; the last is the one to sign with.
        """
        for wanted, also in ((peer, own), (own, None)):
            named = self._naming(wanted)
            if both := [who for who in min(named, self._naming(also), key=len) if {wanted, also} <= who]:
                return self.by_who[max(both, key=self._last.__getitem__)]
            if len(named) == 1:
                return self.by_who[next(iter(named))]
        return self.by_who.get(frozenset(), ())

    def same(self, secret: Secret) -> tuple[Secret, ...]:
        """All that have the same key; the same tuple for each of them, since a hub may have one key for everybody."""
        return self._by_key.get((secret.digest, secret.key_id), ())

    def _naming(self, identity: str | None) -> Collection[Who]:
        return self.naming.get(identity, ()) if identity is not None else ()
