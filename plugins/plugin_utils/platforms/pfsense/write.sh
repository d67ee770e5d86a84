# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (write.py); gather.sh comes before
# Has pfSense change its config.xml and apply it, waits until charon has what was generated, and reads it all again.
# What charon does not take is taken back, by the same program.

tw_writes() { printf '%s' "$1" | TW_UNDO=$2 "$tw_php" -d display_errors=stderr -d zend.exception_ignore_args=1 -d memory_limit=512M -r "$TW_WRITE_PHP"; }

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

tw_take_back() {
	section undone tw_writes "$(cat "$tw_undo")" '' && section reload tw_loads
	section restored printf '%s' 'the daemon does not load the change'
}

trap '' HUP PIPE # a session that is cut off must not stop it half way
tw_undo=$(mktemp /var/run/tunnelwright-undo.XXXXXX)
if section written tw_writes "$TW_EDIT" "$tw_undo"; then
	if [ "$TW_ENABLED" = 1 ]; then
		section started tw_started && { section loading tw_loads || tw_take_back; }
	fi
	tw_pfsense
fi
rm -f "$tw_undo"
