#!/bin/sh
# Prints where the bare Debian 12 is, made if it is not there yet: tests/fresh/root.sh CACHE
# It has what debootstrap calls minimal, and what the README has people install to clone the project and type make.
set -eu

made=$1/fresh-bookworm
if [ ! -d "$made" ]; then
	rm -rf "$made.part"
	mirror=$(python3 -c 'from tests.lab.root import mirror; print(mirror())')
	debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$made.part" "$mirror" >"$made.log" 2>&1 || {
		echo "debootstrap failed; see $made.log" >&2
		exit 1
	}
	chroot "$made.part" apt-get clean
	mv "$made.part" "$made"
fi
echo "$made"
