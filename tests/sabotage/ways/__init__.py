"""The ways, found by being in this folder."""

from importlib import import_module
from pkgutil import iter_modules

from ..way import WAYS

for found in iter_modules(__path__):
    import_module(f"{__name__}.{found.name}")

__all__ = ["WAYS"]
