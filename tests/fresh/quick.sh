#!/bin/sh
# Makes the quick part on a bare Debian 12, unless that was proven here for what decides it: what this commit has of packages,
# pins, Makefile and root. The proof is an empty file in the lab's cache, named by their hash: where a machine that runs CI keeps
# its cache nothing is proven twice, where it does not the proof is cheap enough, and no commit can claim a proof.
set -eu

cd "$(dirname "$0")/../.."
cache=${TUNNELWRIGHT_LAB_CACHE:-/var/cache/tunnelwright-lab}
decides="Makefile requirements tests/tools tests/fresh tests/lab/root.py"
# shellcheck disable=SC2086 # a list of words
tree=$(git -c safe.directory="$PWD" ls-tree -r HEAD -- $decides)
proof=$cache/fresh-proof-$(echo "$tree" | sha256sum | cut -c 1-16)
if [ -e "$proof" ]; then
	echo "proven before: $proof"
	exit 0
fi
sh tests/fresh/run.sh packages unit lint types docs
: >"$proof"
