#!/bin/sh
# Installs the Debian packages that tests/tools/needs.sh misses. What needs a lab also needs Linux and root.
set -eu

refuse() {
	echo "$1" >&2
	exit 1
}
[ "$(uname -s)" = Linux ] || refuse "This needs Linux, for its network namespaces; 'make check' does not."
[ "$(id -u)" = 0 ] || refuse "This needs root, for network namespaces and packages; 'make check' does not."

lacking=$(sh tests/tools/needs.sh)
[ -n "$lacking" ] || exit 0
packages=$(echo "$lacking" | cut -d ' ' -f 1 | tr '\n' ' ')
command -v apt-get >/dev/null || refuse "Install these first (their names on Debian): $packages"
# A machine that has just booted may be upgrading itself.
apt-get -o DPkg::Lock::Timeout=600 update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install -qq --yes --no-install-recommends $packages
lacking=$(sh tests/tools/needs.sh)
[ -z "$lacking" ] || refuse "All was installed, and yet: $lacking"
