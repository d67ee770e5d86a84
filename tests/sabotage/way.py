"""A way in which a change goes wrong: what is done, and what is right in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .picture import Picture
    from .scene import Scene


Pictures = Mapping[str, "Picture"]  # by gateway


class Right:
    """What is right in the end: in words, and as pictures, of which one must be met."""

    def __init__(self, text: str, *pictures: Callable[[Scene], Pictures]) -> None:
        self.text = text
        self.pictures = pictures


AS_BEFORE = Right("as before", lambda scene: scene.before)


@dataclass(frozen=True)
class Way:
    """One way. `undone` says that a guard has to undo something, so that without one it must end otherwise."""

    name: str
    about: str  # one sentence, from the docstring
    do: Callable[[Scene], None]
    right: Right
    pairs: int
    everywhere: bool  # also on strongSwan 5.9
    undone: bool
    times: float  # of a guard's usual time, where the run is to end in time


WAYS: dict[str, Way] = {}


def way(
    *, right: Right = AS_BEFORE, pairs: int = 1, everywhere: bool = False, undone: bool = False, times: float = 1
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """A function that sabotages a scene; its name and docstring are the row in the table."""

    def register(do: Callable[[Scene], None]) -> Callable[[Scene], None]:
        name = do.__name__.replace("_", "-")
        about = " ".join((do.__doc__ or "").split())
        if not about or name in WAYS:
            raise ValueError(f"{name} is there already, or says nothing of what it does")
        WAYS[name] = Way(name, about, do, right, pairs, everywhere, undone, times)
        return do

    return register
