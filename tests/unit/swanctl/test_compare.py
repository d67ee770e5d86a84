"""What a file says of a connection beside what the daemon holds, where the two cannot be the same."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Setting
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.drift import merge_loaded

from tests.unit.build import child, connection


@pytest.mark.parametrize(
    ("version", "differs"), [(1, ("dpd_timeout: 60s in the file, 0s in the daemon",)), (0, ()), (2, ())]
)
def test_a_dpd_timeout_drifts_with_ikev1_alone(version: int, differs: tuple[str, ...]) -> None:
    given = {"dpd_timeout": Setting("60s", "swanctl.conf:3")}
    file = connection(version=version, dpd_timeout=60.0, settings=given)
    (both,) = merge_loaded((file,), ((connection(version=version), {"children": {"net": {}}}),))
    assert both.differs == differs


def test_a_network_that_lies_in_another_is_none_to_the_daemon() -> None:
    """It prints the widest alone (child_cfg.c), so a file that has both does not differ."""
    wide, narrow, other = "10.1.0.0/16", "10.1.7.0/24", "fd00::/64"
    file = connection(children=(child(local_ts=(narrow, wide, other)),))
    held = connection(children=(child(local_ts=(wide, other)),))
    (both,) = merge_loaded((file,), ((held, {"children": {"net": {}}}),))
    assert both.differs == ()
