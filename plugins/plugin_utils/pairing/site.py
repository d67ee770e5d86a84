"""What rules ask of a gateway for each of its ends, looked up once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from ..model import Gateway, Problem, Site
from ..swanctl.certificates import moment
from ..swanctl.words import interfaces, outside
from .keys import Keys

REFUSED = ("unknown-setting", "invalid-setting")


def site_of(gateway: Gateway, keys: Keys) -> Site:
    """All of it at once, since a hub has an end in very many tunnels."""
    found = interfaces(gateway.system.addresses)
    reachable = [str(each.ip) for each in found if not each.ip.is_loopback and not each.ip.is_link_local]
    return Site(
        addresses=frozenset(str(each.ip) for each in found),
        reachable=frozenset(reachable),
        outside=tuple(filter(outside, reachable)),
        networks=frozenset(each.network for each in found),
        whole=any(each.ip.is_loopback for each in found),
        keys=keys.by_who,
        keys_for=frozenset(keys.naming),
        certificates=tuple(
            each
            for each in gateway.certificates or ()
            if each.private_key and each.type == "X509" and moment(each.not_after)
        ),
        problems=_grouped(gateway.problems, lambda problem: problem.kind),
        refused=_grouped((p for p in gateway.problems if p.kind in REFUSED), lambda problem: problem.where),
    )


def _grouped(problems: Iterable[Problem], by: Callable[[Problem], str]) -> Mapping[str, tuple[Problem, ...]]:
    found: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[by(problem)].append(problem)
    return {key: tuple(each) for key, each in found.items()}
