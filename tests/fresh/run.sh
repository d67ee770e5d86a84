#!/bin/sh
# Makes targets of the Makefile on a bare Debian 12, in a clone of the last commit: tests/fresh/run.sh demo test
# What it has is in tests/fresh/root.sh. Its files are a copy, all that runs is in namespaces of its own: when process 1 is
# killed, all of it is gone, and nothing was ever mounted on this machine.
set -eu

cd "$(dirname "$0")/../.."
cache=${TUNNELWRIGHT_LAB_CACHE:-/var/cache/tunnelwright-lab}
mkdir -p "$cache"

exec 8>"$cache/fresh.lock"
flock 8
base=$(sh tests/fresh/root.sh "$cache")
for left in "$cache"/fresh-run.*; do # by a run that was killed: it no longer holds its folder
	[ ! -e "$left" ] || flock --nonblock "$left" rm -rf "$left" || :
done
own=$(mktemp -d "$cache/fresh-run.XXXXXX")
exec 9<"$own"
flock 9
exec 8>&-

machine=
# shellcheck disable=SC2317,SC2329 # it is called by the trap
end() {
	[ -z "$machine" ] || kill -KILL "$machine" 2>/dev/null || :
	exec 9>&-
	flock "$own" rm -rf "$own" # when the last process of it is gone
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cp -a "$base" "$own/root"
mkdir -p "$own/root$HOME"
git clone -q --depth 1 --upload-pack "git -c safe.directory='*' upload-pack" "file://$PWD" "$own/root$HOME/ipsec"
sh tests/fresh/carry.sh "$own/root" "$own/bound"

# Killed with this process, and with it process 1; waited for, since a shell hears signals only between commands.
setpriv --pdeathsig KILL unshare --mount --pid --uts --ipc --fork --kill-child \
	sh tests/fresh/machine.sh "$own" "$@" &
machine=$!
status=0
wait "$machine" || status=$?
machine=
exit "$status"
