"""One section of a page of measurements, written by whoever measures it; the others stay."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PERFORMANCE = ROOT / "docs" / "performance.md"


def begin(page: Path, head: str) -> None:
    """Put what stands before the first section."""
    dummy, *sections = _parts(page)
    _write(page, head, sections)


def put(page: Path, section: str) -> None:
    """Put a section, which begins with its heading, in the place of the one of that heading, or behind all others."""
    head, *others = _parts(page)
    heading = section.splitlines()[0]
    found = [section if other.splitlines()[0] == heading else other for other in others]
    _write(page, head, found if section in found else [*found, section])


def _parts(page: Path) -> list[str]:
    return re.split(r"(?m)^(?=## )", page.read_text(encoding="utf-8"))


def _write(page: Path, head: str, sections: list[str]) -> None:
    page.write_text("\n\n".join(part.strip() for part in (head, *sections)) + "\n", encoding="utf-8")
