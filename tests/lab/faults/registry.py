"""What a fault is, and a healthy variant; both are put on one tunnel of a running lab, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..lab import Lab, LabError
from ..topology import Tunnel

Put = Callable[[Lab, Tunnel], None]
Side = Literal["initiator", "responder", "either"]
Sure = Literal["certain", "observed", "inferred"]
Version = Literal["5.9", "6.0"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a tunnel, and what must be said of it."""

    name: str
    about: str
    side: Side  # the end that the finding must name
    finds: str  # the id of that finding
    carries: bool  # whether traffic still passes
    put: Put
    sure: Sure = "certain"
    cure: str = ""  # a setting that is changed, or a step such as `sa established`; empty: nothing but advice
    advice: str = ""  # words of that advice
    beside: frozenset[str] = frozenset()  # findings that may come with it
    heard: bool = False  # told by the daemons' logs alone: `diagnose` finds it and `audit` does not
    psk: bool = False  # the user gives the right pre-shared key
    differs: bool = False  # the two versions of strongSwan behave or log differently
    since: Version = "5.9"  # the first version on which the lab can make it
    asked: str = ""  # the class of its repair, where that is made only if ipsec_repair names it
    returns: bool = False  # the initiator's own retries may bring it up before the repair's step does


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to configure a tunnel that has nothing wrong."""

    name: str
    about: str
    carries: bool  # whether traffic passes; a tunnel that waits for traffic it cannot see here does not
    put: Put
    kept: bool = False  # a periodic check belongs to it, which whoever puts it installs with the module
    since: Version = "5.9"
    beside: frozenset[str] = frozenset()  # findings that are true in the lab alone


Case = Fault | Variant
FAULTS: dict[str, Fault] = {}
VARIANTS: dict[str, Variant] = {}


def inject(lab: Lab, name: str, tunnel: str | None = None) -> Case:
    """Put a fault or a variant on a tunnel, the first one if none is named.

    Raises:
        LabError: there is no such fault or tunnel, or it did not take.
    """
    known: dict[str, Case] = {**FAULTS, **VARIANTS}
    if name not in known:
        raise LabError(f"no fault is called {name}; known are {', '.join(known)}")
    on = tunnel or next(iter(lab.topology.tunnels))
    if on not in lab.topology.tunnels:
        raise LabError(f"no tunnel is called {on}; there are {', '.join(lab.topology.tunnels)}")
    known[name].put(lab, lab.topology.tunnels[on])
    return known[name]


def fault(  # noqa: PLR0913  a row of a table
    about: str,
    side: Side,
    finds: str = "",
    *,
    carries: bool,
    cure: str = "",
    advice: str = "",
    sure: Sure = "certain",
    beside: tuple[str, ...] = (),
    heard: bool = False,
    psk: bool = False,
    differs: bool = False,
    since: Version = "5.9",
    returns: bool = False,
    asked: str = "",
) -> Callable[[Put], Put]:
    """Register the decorated function as a fault, called as it is."""

    def register(put: Put) -> Put:
        name = _name(put)
        if bool(cure) == bool(advice):
            raise ValueError(f"fault {name} is either repaired or advised on")
        row = (name, about, side, finds or name, carries, put, sure, cure, advice, frozenset(beside))
        FAULTS[name] = Fault(*row, heard=heard, psk=psk, differs=differs, since=since, asked=asked, returns=returns)
        return put

    return register


def variant(
    about: str, *, carries: bool = True, kept: bool = False, since: Version = "5.9", beside: tuple[str, ...] = ()
) -> Callable[[Put], Put]:
    """Register the decorated function as a healthy variant, called as it is."""

    def register(put: Put) -> Put:
        VARIANTS[_name(put)] = Variant(_name(put), about, carries, put, kept, since, frozenset(beside))
        return put

    return register


def _name(put: Put) -> str:
    name = put.__name__.strip("_").replace("_", "-")
    if name in FAULTS or name in VARIANTS:
        raise ValueError(f"two faults are called {name}")
    return name
