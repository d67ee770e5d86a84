#!/bin/sh
# STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code.
# Pings, from an address of ours, whom /var/db/ipsecpinghosts names.
[ -r /var/db/ipsecpinghosts ] || exit 0
while IFS='|' read -r from to count rest; do
	[ -z "$rest" ] || /usr/bin/ping -n -q -c "$count" -W 1 -I "$from" "$to" >/dev/null 2>&1
done </var/db/ipsecpinghosts
