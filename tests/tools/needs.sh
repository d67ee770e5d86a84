#!/bin/sh
# Says what this machine lacks, on each line a Debian package and why: tests/tools/needs.sh [unit|lab|browser|tools|fresh]...
# A check looks for the very thing that is used: many a machine has php-cli and no XML parser in it.
set -eu

has() { command -v "$1" || says "there is no $1"; }
file() { [ -s "$1" ] || says "there is no $1"; }
library() { ldconfig -p | grep -q "$1" || says "there is no $1"; }
function_of_php() { php -r "exit((int) !function_exists('$1'));" || says "php has no $1"; }
python() { sh tests/tools/python.sh "$1" || says "there is no Python $1 with venv"; }
says() { echo "$package $1" >&3; }

cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- unit lab browser tools fresh
while read -r package used check; do
	for part; do
		case $used in *"$part"*) ;; *) continue ;; esac
		$check 3>&1 >/dev/null 2>&1 </dev/null
		break
	done
done <<-END
	busybox          unit           has busybox
	ca-certificates  tools          file /etc/ssl/certs/ca-certificates.crt
	chromium         browser        has chromium
	cron             lab            has cron
	dash             unit           has dash
	debootstrap      lab,fresh      has debootstrap
	gawk             unit           has gawk
	git              unit,tools     has git
	iproute2         lab,fresh      has ip
	iputils-ping     lab            has ping
	libatomic1       browser        library libatomic.so.1
	make             tools          has make
	mawk             unit           has mawk
	nftables         lab            has nft
	openssh-client   unit,lab       has ssh-keygen
	openssl          unit,lab       has openssl
	patchelf         tools          has patchelf
	php-cli          unit           has php
	php-xml          unit           function_of_php xml_parser_create
	python3.11-venv  tools          python 3.11
	slirp4netns      fresh          has slirp4netns
	sshpass          lab            has sshpass
	systemd          unit           has systemd-analyze
	util-linux       lab,fresh      has nsenter
END
