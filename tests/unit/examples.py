"""How many examples a property is shown: a share of what the profile of tests/conftest.py says."""

from __future__ import annotations

from hypothesis import settings


def examples(share: float) -> settings:
    """For properties whose examples take long, or are worth more than others."""
    return settings(max_examples=round(settings().max_examples * share))
