# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files as a gateway showed them: without their secrets, with what leads back to its own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import IpsecError, RefusedError
from ...model import Reply, ReplySection
from ...swanctl.psk_digest import compute_fingerprint

TOKEN = "@psk:"  # noqa: S105 - what stands in place of a secret, followed by its digest
_TRAILER = b"\n@spans"
_STAT_WORDS = 4  # mode, user, group, size


@dataclass(frozen=True, slots=True)
class Span:
    """Where a gateway hid something: in its own file, and in what it showed. Byte offsets."""

    start: int
    end: int
    shown_start: int
    shown_end: int


@dataclass(frozen=True, slots=True)
class GatewayFile:
    """One configuration file: `text` is what may be seen of it, everything else is about the file itself."""

    path: str
    text: bytes
    fingerprint: str | None  # of the gateway's bytes, as tw_fingerprint of digest.sh; None where it has no tool
    mode: str  # octal digits; "" where the gateway has no stat
    owner: str  # user:group
    spans: tuple[Span, ...] = ()


def find_original_offset(file: GatewayFile, offset: int) -> int:
    """The offset in the gateway's own file of an offset in what it showed.

    Raises:
        RefusedError: the offset lies inside something hidden, a secret or a comment that may tell one.
    """
    shift = 0
    for span in file.spans:
        if offset <= span.shown_start:
            break
        if offset < span.shown_end:
            line = file.text.count(b"\n", 0, offset) + 1
            raise RefusedError(
                "a secret is in the way of the edit", where=f"{file.path}:{line}", hint="edit that line by hand"
            )
        shift = span.end - span.shown_end
    return offset + shift


def read_files(reply: Reply, digest_key: str) -> Mapping[str, GatewayFile]:
    """The files of a gather made with this key, by path.

    Raises:
        IpsecError: the gateway could not hide the secrets, so a file did not come whole.
    """
    paths = reply.sections["files"].text.splitlines()
    stats = reply.sections["stats"].text.splitlines() if "stats" in reply.sections else []
    return {
        path: _read_file(
            reply.sections[f"file-{index}"], path, digest_key, stats[index] if len(stats) == len(paths) else ""
        )
        for index, path in enumerate(paths)
    }


def _read_file(section: ReplySection, path: str, digest_key: str, stat: str) -> GatewayFile:
    text, mark, trailer = section.out.rpartition(_TRAILER)
    if not mark:
        hint = section.err or "the gateway needs od and awk to hide secrets"
        raise IpsecError("a configuration file did not come whole", where=path, hint=hint)
    mode, user, group, size = stat.split() if len(stat.split()) == _STAT_WORDS else ("", "", "", "")
    words = trailer.decode().split()
    numbers = [int(word) for word in words[1:]] or [len(text)]
    if size and int(size) != numbers[0]:
        what = f"{numbers[0]} of {size} bytes of a configuration file were read"
        raise IpsecError(what, where=path, hint="read the gateway again")
    return GatewayFile(
        path=path,
        text=text,
        fingerprint=_resolve_fingerprint(words, text, digest_key),
        mode=mode,
        owner=f"{user}:{group}" if user else "",
        spans=tuple(Span(*numbers[i : i + 4]) for i in range(1, len(numbers), 4)),
    )


def _resolve_fingerprint(words: list[str], text: bytes, digest_key: str) -> str | None:
    """The gateway makes it where the text is not whole; here it is the same of the same bytes."""
    if not words:
        return compute_fingerprint(digest_key, text)
    return None if words[0] == "-" else words[0]
