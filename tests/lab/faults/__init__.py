"""What breaks tunnels, by name, and what does not: tests, matrix and demo share this one list.

Each fault is put on one tunnel of a running lab and leaves it broken as it breaks in the field: files changed
and loaded, SAs up or down as they would be. It says which finding it must lead to, on which end, how sure, and
what is done about it. A healthy variant must lead to none. One file per family, found by being here.
"""

from importlib import import_module
from pkgutil import iter_modules

from .registry import FAULTS, VARIANTS, Case, Fault, Variant, inject

for _family in iter_modules(__path__):
    import_module(f"{__name__}.{_family.name}")

__all__ = ["FAULTS", "VARIANTS", "Case", "Fault", "Variant", "inject"]
