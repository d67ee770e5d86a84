"""The audit of up to 10,000 synthetic healthy tunnels in each shape: work is to grow with the number of tunnels.

`python -m tests.perf.tunnel_audit 100 300` does it with so many tunnels, to see that it runs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify.ping_targets import list_probes

from tests.unit.shapes import SHAPES

from ._curve import exponent

TUNNELS = (1_000, 3_000, 10_000)
ROUNDS = 3
LIMIT = 1.2  # of the exponents; 1 is linear
PRINTED = """## Audit of many tunnels

Pairing, every rule, plan, proofs and what to ping, over synthetic healthy tunnels with all their SAs, in memory;
seconds are of CPU, the median of {rounds} rounds in turn. A mesh has some tunnels more.

| gateways | {sizes} | exponent |
|---|{columns}---|
{rows}

The exponent (least squares over logarithms; 1 is linear) may be at most {limit}."""


def main() -> None:
    """Measure all shapes at all sizes and print them; an exponent over the limit is a failure."""
    sizes = [int(text) for text in sys.argv[1:]] or TUNNELS
    rows, exponents = [], []
    for name, fleet in SHAPES.items():
        fleets = [fleet(size) for size in sizes]
        rounds = [[_taken(each) for each in fleets] for dummy in range(ROUNDS)]
        numbers = [number for number, dummy in rounds[0]]
        seconds = [statistics.median(taken for dummy, taken in each) for each in zip(*rounds, strict=True)]
        exponents.append(exponent(numbers, seconds))
        rows.append(f"| {name} | {' | '.join(f'{each:.1f} s' for each in seconds)} | {exponents[-1]:.2f} |")
    print(_page(sizes, rows))
    sys.exit(max(exponents) > LIMIT)


def _taken(gateways: Sequence[Gateway]) -> tuple[int, float]:
    """How many tunnels there are, and the seconds that they took."""
    begun = time.process_time()
    found = audit(gateways)
    list_probes(found.tunnels, found.proofs)
    taken = time.process_time() - begun
    wrong = found.findings or found.unpaired or found.steps
    if wrong or not all(proof.crosswise for proof in found.proofs.values()):
        sys.exit(f"{len(found.tunnels)} healthy tunnels were not audited as such: {found.findings[:1]}")
    return len(found.tunnels), taken


def _page(sizes: Sequence[int], rows: Sequence[str]) -> str:
    return PRINTED.format(
        rounds=ROUNDS,
        sizes=" | ".join(f"{size:,} tunnels" for size in sizes),
        columns="---|" * len(sizes),
        rows="\n".join(rows),
        limit=LIMIT,
    )


if __name__ == "__main__":
    main()
