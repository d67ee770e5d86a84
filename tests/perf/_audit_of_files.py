"""Audits the gateways in a folder of files; prints seconds of CPU, and MiB beside those of Python and the code."""

from __future__ import annotations

import json
import resource
import sys
import time

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_rules
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import terminal as as_table
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store import gateways as gathers
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task.audit_arguments import parse_gateways
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify.ping_targets import list_probes


def main() -> None:
    list_rules()
    before, begun = _memory(), time.process_time()
    read, unreadable = parse_gateways(gathers.read_file([sys.argv[1]]))
    were_read = time.process_time()
    found = audit(read, unreadable=unreadable)
    list_probes(found.tunnels, found.proofs)
    as_table.render(found)
    ended = time.process_time()
    if found.findings or found.unpaired or not all(proof.crosswise for proof in found.proofs.values()):
        sys.exit(f"healthy tunnels were not audited as such: {found.findings[:1]}, {found.unpaired[:1]}")
    taken = {"reading": were_read - begun, "audit": ended - were_read, "memory": _memory() - before}
    print(json.dumps({"tunnels": len(found.tunnels), **taken}))


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
