"""One target until its time is over: `python -m tests.fuzz.one TARGET SEEDS [options of libFuzzer]`.

Writes the inputs to begin with into the folder SEEDS, where libFuzzer keeps what leads it further. In a process of its
own, since libFuzzer ends the process at the first defect, after it has written the input to a file.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ansible_collections.tunnelwright"], enable_loader_override=False):
    from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError

    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Mutate and read."""
    name, folder, *options = sys.argv[1:]
    target = TARGETS[name]
    seeds = Path(folder)
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (seeds / f"seed-{number}").write_bytes(seed)

    def read(given: bytes) -> None:
        with suppress(IpsecError):
            target.read(given)

    atheris.Setup([sys.argv[0], *options, folder], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
