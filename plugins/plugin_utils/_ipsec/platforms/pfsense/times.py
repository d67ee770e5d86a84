# SPDX-License-Identifier: GPL-3.0-or-later
"""The four timers that pfSense makes of a lifetime (ipsec_get_rekey_time() and its neighbours of ipsec.inc)."""

from __future__ import annotations

from .element import Element

_RENEWED = 0.9  # of a lifetime
_IKE, _CHILD = (16000, 14400), (4000, 3600)  # life and rekey time where nothing is set


def life(entry: Element) -> int:
    """Seconds until an SA is gone."""
    if entry.number("lifetime") > 0:
        return entry.number("lifetime")
    renewed = renewal(entry)
    return int(renewed / _RENEWED) if renewed > 0 else _defaults(entry)[0]


def rekey(entry: Element) -> int:
    """Seconds until an SA is rekeyed."""
    if entry.text("rekey_time"):
        return entry.number("rekey_time")
    return int(entry.number("lifetime") * _RENEWED) if entry.number("lifetime") > 0 else _defaults(entry)[1]


def reauth(entry: Element) -> int:
    """Seconds until an IKE_SA is made anew."""
    if entry.text("reauth_time"):
        return entry.number("reauth_time")
    return int(entry.number("lifetime") * _RENEWED) if entry.text("iketype") == "ikev1" else 0


def over(entry: Element) -> int:
    """Seconds that an IKE_SA may be late."""
    renewed = renewal(entry)
    return life(entry) - renewed if renewed > 0 else int(life(entry) * 0.1)


def rand(entry: Element) -> int:
    """Seconds by which a rekeying is early, at random."""
    return entry.number("rand_time") if entry.text("rand_time") else over(entry)


def renewal(entry: Element) -> int:
    """Seconds until an SA is rekeyed or made anew, whichever is later."""
    return max(rekey(entry), reauth(entry))


def _defaults(entry: Element) -> tuple[int, int]:
    return _IKE if entry.text("iketype") else _CHILD
