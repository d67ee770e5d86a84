# SPDX-License-Identifier: GPL-3.0-or-later
"""paramiko, which is asked for where it is needed: without it everything else of the collection works."""

from __future__ import annotations

import logging

from ..errors import IpsecError

try:
    import paramiko
except ImportError:
    paramiko = None  # type: ignore[assignment]

LOG = "tunnelwright.paramiko"
# What goes wrong is raised; without a handler Python prints paramiko's own log of it beside.
logging.getLogger(LOG).addHandler(logging.NullHandler())
logging.getLogger(LOG).propagate = False

__all__ = ["LOG", "paramiko", "require"]


def require() -> None:
    """Refuse to go on without it.

    Raises:
        IpsecError: it is not installed.
    """
    if paramiko is None:
        raise IpsecError(
            "the Python package paramiko is missing", where="the controller", hint="install it next to ansible-core"
        )
