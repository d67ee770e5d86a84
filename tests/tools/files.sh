#!/bin/sh
# Lists the files of the checkout, also those not yet added: tests/tools/files.sh [PATTERN...]
set -eu

git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
	[ ! -e "$file" ] || echo "$file"
done
