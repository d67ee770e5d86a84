#!/bin/sh
# Runs ansible-test sanity with the ansible-core of a virtual environment: tests/tools/sanity.sh .venv/main [OPTION ...]
set -eu

venv=$PWD/$1
shift
# The pinned shellcheck is in main: without one ansible-test warns and passes. pyenv's shims are there also for a Python
# that they do not run.
PATH=$(echo "$PATH" | tr : '\n' | grep -v '/shims$' | paste -s -d : -)
PATH=$venv/bin:$PWD/.venv/main/bin:$PATH
for bin in "$HOME"/.pyenv/versions/3.*/bin; do
	PATH=$PATH:$bin
done
command -v shellcheck >/dev/null

# ansible-test fetches pip's bootstrap script from a host that not every machine can reach, unless it finds it here.
requirements=$("$venv/bin/python" -c 'from ansible_test._internal import python_requirements as r; print(r.__file__)')
pip=$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$requirements" | tr . _)
[ -n "$pip" ]
cache=$HOME/.ansible/test/cache/get_pip_$pip.py
mkdir -p "${cache%/*}"
[ -e "$cache" ] || cp tests/tools/get_pip.py "$cache"
# ansible-core 2.22.0rc1 pins a dill of no release, which lies on such a host too. Up to Python 3.14 the released one does.
sed -i 's/^dill @ .*/dill/' "$("$venv/bin/python" -c 'import ansible_test as t; print(t.__path__[0])')/_data/requirements/sanity.pylint.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
sh tests/tools/collection.sh "$work"
cd "$work/ansible_collections/tunnelwright/ipsec"
# Findings come on standard output, and the log of all its installing on the other.
ansible-test sanity --color no --lint "$@" 2>"$work/log" && echo "no findings" && exit
status=$?
sed -n '/^FATAL/,$p' "$work/log" >&2
exit "$status"
