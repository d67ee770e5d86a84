"""The reference corpora beside the project: read from there, never copied here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(os.environ.get("TUNNELWRIGHT_CORPUS", Path(__file__).parents[2].parent / "shared" / "corpus"))

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir() and not os.environ.get("CI"), reason=f"the corpora are not here: {CORPUS}"
)


def lines(name: str) -> Iterator[dict[str, Any]]:
    """The records of a JSON-lines file of the corpora."""
    with (CORPUS / name).open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)
