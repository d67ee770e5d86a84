#!/bin/sh
# Prints the path of a Python of the version asked for: tests/tools/python.sh 3.13
set -eu

version=$1
for python in "/usr/bin/python$version" "$(command -v "python$version" || :)" "$PWD/.cache/python/$version/usr/bin/python$version" \
	"$HOME/.pyenv/versions/$version".*/bin/"python$version"; do
	if [ -x "$python" ] && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
		echo "$python"
		exit 0
	fi
done
echo "No Python $version with venv was found: install python$version-venv, or Python $version with pyenv." >&2
exit 1
