# SPDX-License-Identifier: GPL-3.0-or-later
"""What a daemon has installed: IKE_SAs, their CHILD_SAs, and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ChildSa:
    """One CHILD_SA as the daemon lists it."""

    name: str
    id: int
    state: str
    mode: str = "TUNNEL"
    protocol: str = "ESP"
    encap: bool = False  # ESP in UDP in fact, whoever asked for it
    reqid: int | None = None
    spi_in: str | None = None
    spi_out: str | None = None
    encr: str | None = None
    integ: str | None = None
    dh_group: str | None = None  # only after a rekey with PFS
    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0
    idle_out: float | None = None  # seconds since it last sent
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()
    install_time: float | None = None  # seconds ago
    rekey_time: float | None = None  # seconds from now
    life_time: float | None = None

    @property
    def carries(self) -> bool:
        """Whether it carries traffic (child_sa.h)."""
        return self.state in ("INSTALLED", "REKEYING", "UPDATING")


@dataclass(frozen=True, slots=True)
class IkeSa:
    """One IKE_SA as the daemon lists it."""

    connection: str
    id: int
    state: str
    version: int = 2
    initiator: bool = False
    local_host: str = ""
    local_port: int = 500
    local_id: str = ""
    remote_host: str = ""
    remote_port: int = 500
    remote_id: str = ""
    initiator_spi: str = ""
    responder_spi: str = ""
    nat_local: bool = False
    nat_remote: bool = False
    nat_fake: bool = False
    encr: str | None = None
    integ: str | None = None
    prf: str | None = None
    dh_group: str | None = None
    established: float | None = None  # seconds ago
    rekey_time: float | None = None
    reauth_time: float | None = None
    tasks: tuple[str, ...] = ()
    children: tuple[ChildSa, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy installed without an SA: a trap, a drop or a pass."""

    connection: str
    child: str
    kind: Literal["trap", "drop", "pass"]
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()
