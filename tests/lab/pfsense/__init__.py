"""A stand-in for pfSense: files laid over a Debian root that behave as pfSense is documented to. None of it is pfSense's."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent / "root"
VERSIONS = {  # what /etc/version says, and the version that config.xml then has
    "2.6.0": ("2.6.0-RELEASE", "22.2"),
    "2.7.2": ("2.7.2-RELEASE", "23.3"),
    "2.8.0": ("2.8.0-RELEASE", "24.0"),
    "2.9.0": ("2.9.0-DEVELOPMENT", "24.5"),
}


def tree(version: str) -> dict[str, tuple[str, int]]:
    """The files of a box of a release: by path their text and mode."""
    files = {
        str(path.relative_to(ROOT)): (path.read_text(encoding="utf-8"), 0o755 if path.stat().st_mode & 0o100 else 0o644)
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
    }
    return {**files, "etc/version": (f"{VERSIONS[version][0]}\n", 0o644)}
