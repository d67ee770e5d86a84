#!/bin/sh
# Makes a virtual environment from pinned requirements: tests/tools/venv.sh FOLDER PYTHON-VERSION REQUIREMENTS
set -eu

folder=$1 version=$2 requirements=$3
python=$(sh tests/tools/python.sh "$version")
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --requirement "$requirements"
said=$("$folder/bin/python" -m pip check --disable-pip-version-check) || {
	echo "$said" >&2
	exit 1
}
