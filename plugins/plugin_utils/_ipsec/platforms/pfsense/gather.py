# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that reads one pfSense in one round trip."""

from __future__ import annotations

import json

from ...model import Script
from ...model.resources import read_beside
from ...swanctl.psk_digest import compute_pads
from ..charon.gather import program as of_charon
from ..detection import Detection
from ..gather_options import GatherOptions
from ..gather_script import GatherScript, build_script

PATHS = {"config": "/cf/conf/config.xml", "backups": "/cf/conf/backup/backup.cache"}


DETECTION = Detection("tw_pfsense_here", read_beside(__name__, "here.sh"))


def gather(options: GatherOptions) -> Script:
    """A script that changes nothing and shows no secret."""
    return build_script([program(options)])


def program(options: GatherOptions) -> GatherScript:
    """How pfSense is read: as strongSwan, and config.xml by PHP. The keys of digests go over its standard input."""
    base = of_charon(options)
    ipad, opad = (block.hex() for block in compute_pads(options.digest_key))
    return GatherScript(
        texts=(*base.texts, DETECTION.text, read_script("gather.sh")),
        run="tw_pfsense",
        here=DETECTION.here,
        variables={**base.variables, "TW_READ_PHP": read_script("read.php").removeprefix("<?php")},
        secrets={**base.secrets, "TW_ASKED": json.dumps({"paths": PATHS, "ipad": ipad, "opad": opad})},
    )


def read_script(name: str) -> str:
    """A program that lies beside this file."""
    return read_beside(__name__, name)
