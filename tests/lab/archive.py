"""Files as a tar archive: what boot.sh lays over the shared root."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path


def tar(files: Mapping[str, tuple[str, int]]) -> bytes:
    """An archive of files: by path their text and mode."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in sorted({str(parent) for path in files for parent in Path(path).parents if str(parent) != "."}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, int(time.time())
            archive.addfile(entry)
        for path, (text, mode) in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(data), mode, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
