# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway is known well enough to be changed, and its daemon can be asked."""

from __future__ import annotations

from ..errors import RefusedError
from ..model import Gateway


def refuse_unusable(gateway: Gateway, *, configuration: bool = True) -> None:
    """Nothing, where the daemon can be asked and, unless that does not matter, the configuration was read whole.

    Raises:
        RefusedError: why not, in the words of whoever read the gateway.
    """
    for problem in gateway.problems:
        if problem.bars_daemon or (configuration and problem.bars_configuration):
            raise RefusedError(problem.what, where=problem.where or gateway.name, hint=problem.hint)
