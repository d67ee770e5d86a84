"""What a caller may ask of a gateway."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GatherOptions:
    """How much of a gateway to read."""

    digest_key: str = field(repr=False)
    config: str = "/etc/swanctl/swanctl.conf"
    sas: bool = True
    certificates: bool = False
    log_lines: int = 0  # 0: no log
    log_from: str = ""  # Gateway.log_end of an earlier reading: only what was logged since
