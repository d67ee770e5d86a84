# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an IKE_SA and a CHILD_SA may last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....analysis.evidence import find_installed, locate
from ....model import Fault, Tunnel
from ..profile import PolicyRule, format_duration
from . import check

_SPREAD = 10.0  # seconds: an SA's age and its time left are rounded, and read one after the other


@check("ike-lifetime-long")
def ike_lifetime(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An IKE_SA is rekeyed, or authenticated again, later than the policy allows, or never.

    Judged by the shorter of `rekey_time` and `reauth_time`, and by when a live IKE_SA will be.
    """
    limit = _find_limit(demand)
    for end in tunnel.ends:
        connection = end.connection
        lasts = min((time for time in (connection.rekey_time, connection.reauth_time) if time), default=None)
        standing = [ike for ike in end.sas if ike.state == "ESTABLISHED"]
        old = _measure_lifetimes(
            (ike.established, [ike.rekey_time, ike.reauth_time]) for ike in standing if ike.rekey_time
        )
        over = connection.configured and (lasts is None or lasts > limit)
        if over or any(total > limit for total in old):
            yield Fault(
                end.name(),
                _describe_lifetime(str(end.name()), "IKE_SA", lasts, limit, over=over),
                (locate(end, "rekey_time"), locate(end, "reauth_time")),
                no_fix=f"set rekey_time = {format_duration(limit)} or less" if over else _AGAIN,
                confidence="certain" if over else "observed",
            )


@check("esp-lifetime-long")
def esp_lifetime(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A CHILD_SA is rekeyed later than the policy allows, or never.

    Judged by `rekey_time`, and by when a live CHILD_SA will be.
    """
    limit = _find_limit(demand)
    for end in tunnel.ends:
        for child, dummy in tunnel.pairs(end):
            lasts = child.rekey_time or None
            old = _measure_lifetimes(
                (sa.install_time, [sa.rekey_time]) for sa in find_installed(end, child) if sa.rekey_time
            )
            over = child.configured and (lasts is None or lasts > limit)
            if over or any(total > limit for total in old):
                yield Fault(
                    end.name(child),
                    _describe_lifetime(str(end.name(child)), "CHILD_SA", lasts, limit, over=over),
                    (locate(end, "rekey_time", child),),
                    no_fix=f"set rekey_time = {format_duration(limit)} or less" if over else _AGAIN,
                    confidence="certain" if over else "observed",
                )


_AGAIN = "re-initiate it: the live SA is older than its configuration"


def _find_limit(demand: PolicyRule) -> float:
    return float("inf") if demand.at_most is None else demand.at_most


def _measure_lifetimes(sas: Iterable[tuple[float | None, list[float | None]]]) -> list[float]:
    """For how long each live SA is to last in all: its age, and what is left until its next rekey."""
    return [age + min(left for left in lefts if left) - _SPREAD for age, lefts in sas if age is not None and any(lefts)]


def _describe_lifetime(name: str, what: str, lasts: float | None, limit: float, *, over: bool) -> str:
    if not over:
        longest = format_duration(limit)
        return f"the {what} that {name} has now lasts longer than {longest}, which its configuration would not"
    return f"{name} keeps an {what}".replace("an CHILD", "a CHILD") + (
        f" for {format_duration(lasts)} before it is rekeyed, and {format_duration(limit)} is allowed"
        if lasts
        else " for ever"
    )
