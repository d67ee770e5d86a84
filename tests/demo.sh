#!/bin/sh
# The whole story on real gateways: two broken tunnels are audited, repaired, proven, and stay repaired.
# `make demo` has installed what this needs and put the virtual environment first in PATH.
set -eu

# The lab is there for as long as this runs, and goes however this ends.
[ -n "${LAB-}" ] || exec python -m tests.lab during tests/lab/topologies/demo.yml sh "$0"
out=${DEMO_OUTPUT:-tests/output/demo}
mkdir -p "$out"

lab() { python -m tests.lab "$@"; }
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# Only what changes and what fails; the tables are printed by the audit itself.
export ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false
play() {
	name=$1
	shift
	ansible-playbook "tunnelwright.ipsec.$name" -i "$out/inventory.yml" "$@"
}

say "A hub and three branches in network namespaces, branch3 behind a NAT router"
lab inventory "$LAB" >"$out/inventory.yml"

say "Break two of the three tunnels"
lab fault "$LAB" ike-proposals-disjoint --on hub-branch1
lab fault "$LAB" selectors-not-mirrored --on hub-branch3

say "audit"
play audit -e ipsec_report_dir="$PWD/$out"

say "remediate --check --diff: what would change"
play remediate --check --diff

say "remediate"
play remediate --diff -e ipsec_report_dir="$PWD/$out"

say "Traffic from host to host"
for branch in 1 2 3; do
	lab ping "$LAB" "host$branch" hub-host
done

say "remediate again: nothing left to change"
play remediate | tee "$out/second-run.txt"
if grep -q 'changed=[1-9]' "$out/second-run.txt"; then
	echo "The second run changed something." >&2
	exit 1
fi

say "Findings before and after: $out/before.json $out/after.json"
