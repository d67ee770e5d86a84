# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_TIMEOUT is assigned before this text
# pfSense's charon: whether it runs, and that it has loaded what was generated.

tw_answers() { swanctl --stats >/dev/null 2>&1; }

# tw_loads: pfSense has charon load in the background. The same again, to know when it is over and whether it went well.
tw_loads() {
	/usr/local/sbin/strongswanrc reload >/dev/null 2>&1
	swanctl --load-conns --file /var/etc/ipsec/swanctl.conf
}

# tw_started: pfSense starts charon where it did not run.
tw_started() {
	tw_waited=0
	until tw_answers; do
		[ "$tw_waited" -lt "$TW_TIMEOUT" ] || return 1
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
}
