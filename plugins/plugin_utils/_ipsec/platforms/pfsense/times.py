# SPDX-License-Identifier: GPL-3.0-or-later
"""The four timers that pfSense makes of a lifetime (ipsec_get_rekey_time() and its neighbours of ipsec.inc)."""

from __future__ import annotations

from .element import Element

_RENEWED = 0.9  # of a lifetime
_IKE, _CHILD = (16000, 14400), (4000, 3600)  # life and rekey time where nothing is set


def compute_life(entry: Element) -> int:
    """Seconds until an SA is gone."""
    if entry.number("lifetime") > 0:
        return entry.number("lifetime")
    renewed = find_renewal(entry)
    return int(renewed / _RENEWED) if renewed > 0 else _choose_defaults(entry)[0]


def compute_rekey(entry: Element) -> int:
    """Seconds until an SA is rekeyed."""
    if entry.text("rekey_time"):
        return entry.number("rekey_time")
    return int(entry.number("lifetime") * _RENEWED) if entry.number("lifetime") > 0 else _choose_defaults(entry)[1]


def compute_reauth(entry: Element) -> int:
    """Seconds until an IKE_SA is reauthenticated."""
    if entry.text("reauth_time"):
        return entry.number("reauth_time")
    return int(entry.number("lifetime") * _RENEWED) if entry.text("iketype") == "ikev1" else 0


def compute_over(entry: Element) -> int:
    """Seconds that an IKE_SA may be late."""
    renewed = find_renewal(entry)
    return compute_life(entry) - renewed if renewed > 0 else int(compute_life(entry) * 0.1)


def compute_rand(entry: Element) -> int:
    """Seconds by which a rekeying is early, at random."""
    return entry.number("rand_time") if entry.text("rand_time") else compute_over(entry)


def find_renewal(entry: Element) -> int:
    """Seconds until an SA is rekeyed or reauthenticated, whichever is later."""
    return max(compute_rekey(entry), compute_reauth(entry))


def _choose_defaults(entry: Element) -> tuple[int, int]:
    return _IKE if entry.text("iketype") else _CHILD
