#!/bin/sh
# Gives a root this machine's configuration of pip, so that a mirror is reached there as here: tests/fresh/carry.sh ROOT BOUND
# Certificates and folders of wheels that it names come too; what is not below /etc is listed in BOUND, to be mounted.
set -eu

root=$1 bound=$2
# tar writes to no file that a link of the root names, as cp would: that file would be this machine's.
copy() { tar -chf - -C / "${1#/}" | tar -xf - -C "$root"; }

# A mirror that stands still has lists that are out of date; where this machine takes them, the root does.
apt-config dump Acquire::Check-Valid-Until >"$root/etc/apt/apt.conf.d/90-of-this-machine"

{
	for file in /etc/pip.conf /etc/xdg/pip/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf"; do
		[ ! -e "$file" ] || { copy "$file" && cat "$file"; }
	done
	env | grep -E '^(PIP_|UV_|SSL_CERT_|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)' || :
} | grep -oE '/[^][:space:],:"]+' | sed 's,^//*,/,; s,/simple$,,' | sort -u | while read -r path; do
	case $path in
	/etc/*) [ ! -e "$path" ] || copy "$path" ;;
	/dev/*) ;;
	*) [ ! -e "$path" ] || echo "$path" ;; # of an index, its files beside it too
	esac
done >"$bound"
