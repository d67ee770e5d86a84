#!/bin/sh
# The whole story on real gateways: two broken tunnels are audited, repaired, proven, and stay repaired.
# `make demo` has installed what this needs and put the virtual environment first in PATH.
set -eu

lab=demo-$$
out=${DEMO_OUTPUT:-tests/output/demo}
mkdir -p "$out"

if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
	echo "The demo makes network namespaces, so it needs root on Linux." >&2
	exit 1
fi

lab() { python -m tests.lab "$@"; }
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# Only what changes and what fails; the tables are printed by the audit itself.
export ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false
play() {
	name=$1
	shift
	ansible-playbook "tunnelwright.ipsec.$name" -i "$out/inventory.yml" "$@"
}
trap 'lab down "$lab" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

say "A hub and three branches in network namespaces, branch3 behind a NAT router"
lab up tests/lab/topologies/demo.yml --name "$lab"
lab inventory "$lab" >"$out/inventory.yml"

say "Break two of the three tunnels"
lab fault "$lab" ike-proposals-disjoint --on hub-branch1
lab fault "$lab" selectors-not-mirrored --on hub-branch3

say "audit"
play audit -e ipsec_report_dir="$PWD/$out"

say "remediate --check --diff: what would change"
play remediate --check --diff

say "remediate"
play remediate --diff -e ipsec_report_dir="$PWD/$out"

say "Traffic from host to host"
for branch in 1 2 3; do
	lab ping "$lab" "host$branch" hub-host
done

say "remediate again: nothing left to change"
play remediate | tee "$out/second-run.txt"
if grep -q 'changed=[1-9]' "$out/second-run.txt"; then
	echo "The second run changed something." >&2
	exit 1
fi

say "Findings before and after: $out/before.json $out/after.json"
