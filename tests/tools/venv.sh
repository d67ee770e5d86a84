#!/bin/sh
# Makes a virtual environment from pinned requirements, whose first line names its Python: tests/tools/venv.sh FOLDER REQUIREMENTS
set -eu

folder=$1 requirements=$2
version=$(sed -n '1s/^# Python \(3\.[0-9]*\);.*/\1/p' "$requirements")
sh tests/tools/fetch_python.sh "$version"
python=$(sh tests/tools/python.sh "$version")
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --requirement "$requirements"
said=$("$folder/bin/python" -m pip check --disable-pip-version-check) || {
	echo "$said" >&2
	exit 1
}
