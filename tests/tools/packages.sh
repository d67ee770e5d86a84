#!/bin/sh
# Installs the Debian packages whose commands are missing. What needs a lab also needs Linux and root.
set -eu

refuse() {
	echo "$1" >&2
	exit 1
}
[ "$(uname -s)" = Linux ] || refuse "This needs Linux, for its network namespaces; 'make check' runs anywhere."
[ "$(id -u)" = 0 ] || refuse "This needs root, for network namespaces and packages; 'make check' does not."

missing=
while read -r command package; do
	command -v "$command" >/dev/null || missing="$missing $package"
done <<-END
	busybox busybox
	chromium chromium
	dash dash
	debootstrap debootstrap
	gawk gawk
	git git
	ip iproute2
	make make
	nft nftables
	nsenter util-linux
	openssl openssl
	php php-cli
	ping iputils-ping
	ssh openssh-client
	sshpass sshpass
	systemd-analyze systemd
END
sh tests/tools/python.sh 3.11 >/dev/null 2>&1 || missing="$missing python3.11-venv"
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || refuse "Install these first (their names on Debian):$missing"
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $missing
