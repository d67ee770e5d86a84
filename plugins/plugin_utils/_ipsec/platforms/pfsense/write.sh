# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (write.py), and gather.sh, loads.sh, where TW_TWIN is twin.sh, come before
# Has pfSense change its config.xml and apply it, waits until charon has what was generated, and reads it all again.
# What charon does not take is taken back, by the same program. A twin (twin.sh) carries the traffic meanwhile: pfSense
# has its charon unload it with the change, and its SAs stay until the connection itself is up anew.

tw_writes() { printf '%s' "$1" | TW_UNDO=$2 "$tw_php" -d display_errors=stderr -d zend.exception_ignore_args=1 -d memory_limit=512M -r "$TW_WRITE_PHP"; }

# tw_fail TEXT: config.xml has what it had, and so has the connection.
tw_fail() {
	[ "$tw_done" = 0 ] || { section undone tw_writes "$(cat "$tw_undo")" '' && section reload tw_loads; }
	rm -f "$tw_undo"
	[ -z "$TW_TWIN" ] || rm -f "$tw_twin_file"
	[ -z "${tw_hopping:-}" ] || tw_return
	tw_pfsense
	section restored printf '%s' "$1"
	finish
}

tw_apply() {
	section started tw_wait "$TW_TIMEOUT" || return
	section loading tw_loads || tw_fail 'the daemon does not load the change'
	[ -z "$TW_TWIN" ] || tw_back || tw_fail "$TW_NAME/$tw_down was not established again"
}

trap '' HUP PIPE # a session that is cut off must not stop it half way
tw_done=0
tw_undo=$(mktemp /var/run/tunnelwright-undo.XXXXXX)
[ -z "$TW_TWIN" ] || tw_over
if section written tw_writes "$TW_EDIT" "$tw_undo"; then
	tw_done=1
	[ "$TW_ENABLED" = 0 ] || tw_apply
	tw_pfsense
	[ -z "$TW_TWIN" ] || tw_show "$TW_NAME"
elif [ -n "${tw_hopping:-}" ]; then
	tw_return
fi
rm -f "$tw_undo"
