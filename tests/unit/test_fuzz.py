"""What is fuzzed by night reads what it begins with by day."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError

from tests.fuzz.targets import TARGETS

SOME = 30


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_reads_its_seeds(name: str) -> None:
    seeds = list(islice(TARGETS[name].seeds(), SOME))
    assert seeds
    for seed in seeds:
        with suppress(IpsecError):
            TARGETS[name].read(seed)
