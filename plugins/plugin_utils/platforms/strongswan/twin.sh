# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (twin.py); guard.sh and sas.sh come before
# Carries the traffic of a connection over its change. Its twin, which is the connection with the settings of the change
# under another name, is established beside it; then the old SAs go, the change is loaded, the connection itself comes
# up anew, and last its twin goes. The twin is in a file of its own only for as long as it takes to load it.
tw_twin_file=${TW_CONFIG%/*}/.${TW_CONFIG##*/}.tunnelwright-next tw_again=''

# tw_retire ID...: ends these IKE_SAs; for one that the peer has lost there is no answer to wait for.
tw_retire() {
	for tw_id in "$@"; do section "retire-$tw_id" swanctl --terminate --ike-id "$tw_id" --force --timeout 3; done
}

# tw_up CONNECTION: whether all children of TW_CHILDREN carry traffic; section `down` names one that does not.
tw_up() {
	tw_down=$(printf '%s' "$TW_CHILDREN" | while IFS= read -r tw_child; do
		tw_installed "$1" "$tw_child" || { printf '%s' "$tw_child" && break; }
	done)
	[ -z "$tw_down" ]
}

tw_load_twin() {
	(umask 077 && printf '%s' "$TW_TWIN" >"$tw_twin_file") 2>/dev/null || tw_fail "$tw_twin_file cannot be written"
	tw_said=$(tw_parses "$tw_twin_file" 2>&1) || tw_fail "strongSwan's parser does not accept $tw_twin_file: $tw_said"
	section twin-load swanctl --load-conns --file "$tw_twin_file" || tw_fail "the daemon does not load the change"
	rm -f "$tw_twin_file"
}

# tw_over: the twin carries the traffic, and the old SAs are gone. Packets on their way still find the SA that they are
# for. A peer may start again what is closed, with the settings that are loaded: that is tw_again.
tw_over() {
	trap '' PIPE # nobody may be listening any more, and a hop that has begun is to end
	tw_hopping=begun
	tw_load_twin
	tw_initiate "$TW_NEXT"
	tw_up "$TW_NEXT" || tw_fail "$TW_NAME/$tw_down was not established with the new settings"
	sleep 1
	tw_hopping=gone
	# shellcheck disable=SC2046  # numbers
	tw_retire $(tw_ikes "$TW_NAME")
	sleep 1
	tw_again=$(tw_ikes "$TW_NAME")
}

# tw_back: the connection itself carries the traffic, and the twin is gone; where that fails the twin goes on carrying it.
tw_back() {
	# shellcheck disable=SC2086  # numbers
	tw_retire $tw_again
	section stuck tw_stuck "$TW_NAME"
	tw_initiate "$TW_NAME"
	tw_up "$TW_NAME" || return 1
	sleep 1
	# shellcheck disable=SC2046  # numbers
	tw_retire $(tw_ikes "$TW_NEXT")
}

# tw_return: as it was. Once the old SAs are gone, what there is of the connection may have the settings of the change.
tw_return() {
	# shellcheck disable=SC2046  # numbers
	[ "$tw_hopping" = begun ] || tw_retire $(tw_ikes "$TW_NAME")
	tw_back
}
