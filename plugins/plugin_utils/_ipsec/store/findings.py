# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of a large fleet in a file, each on a line as soon as it is found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import IpsecError
from ..model import Finding, to_plain


@contextmanager
def open_findings(path: str | None) -> Iterator[Callable[[Finding], object] | None]:
    """What takes findings, each as a line of JSON; None without a path.

    Raises:
        IpsecError: the file cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w", buffering=1) as file:
            yield lambda finding: file.write(f"{json.dumps(to_plain(finding), separators=(',', ':'))}\n")
    except OSError as error:
        hint = "let findings_file be in a folder that you may write"
        raise IpsecError(f"findings cannot be written: {error.strerror}", where=path, hint=hint) from error
