# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (parallel_connection.py); loading.sh and sas.sh come before
# Carries the traffic of a connection over its change. Its twin, which is the connection with the settings of the change
# under another name, is established beside it; then the old SAs go, the change is loaded, the connection itself comes
# up anew, and last its twin goes. The twin is in a file of its own only for as long as it takes to load it.
tw_twin_file=${TW_CONFIG%/*}/.${TW_CONFIG##*/}.tunnelwright-next tw_again='' tw_settled='' tw_parks=0

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

# tw_prove CONNECTION: each child of TW_PROVE is rekeyed. The first CHILD_SA of an IKE_SA has no key exchange of its own
# (RFC 7296 section 1.2), so whether the peer takes the one that is configured (PFS) shows no earlier. No packet is lost.
tw_prove() {
	printf '%s' "$TW_PROVE" | while IFS= read -r tw_child; do
		tw_rekey "$1" "$tw_child" || { printf '%s' "$tw_child" && break; }
	done
}

# tw_rekey CONNECTION CHILD: fails where its SA is what it was.
tw_rekey() {
	tw_before=$(tw_child_ids "$1" "$2" INSTALLED)
	swanctl --rekey --ike "$1" --child "$2" >/dev/null 2>&1
	tw_waited=0
	while [ "$tw_waited" -lt "$TW_TIMEOUT" ]; do
		sleep 1
		tw_now=$(tw_child_ids "$1" "$2" INSTALLED)
		if [ -n "$tw_now" ] && [ "$tw_now" != "$tw_before" ]; then return 0; fi
		[ -n "$(tw_child_ids "$1" "$2" REKEYING)" ] || return 1
		tw_waited=$((tw_waited + 1))
	done
	return 1
}

# tw_child_ids CONNECTION CHILD STATE
tw_child_ids() {
	swanctl --list-sas --ike "$1" 2>/dev/null | grep -F "  $2: #" | sed -n "s/^ *[^#]*#\([0-9]*\), .*, $3, .*/\1/p"
}

# tw_load_beside STEP TEXT: loads a configuration that includes the gateway's own.
tw_load_beside() {
	(umask 077 && printf '%s' "$2" >"$tw_twin_file") 2>/dev/null || tw_fail "$tw_twin_file cannot be written"
	tw_said=$(tw_parses "$tw_twin_file" 2>&1) || tw_fail "strongSwan's parser does not accept $tw_twin_file: $tw_said"
	section "$1" swanctl --load-conns --file "$tw_twin_file" || tw_fail "the daemon does not load the change"
	rm -f "$tw_twin_file"
}

# tw_answered CONNECTION: the ids of its IKE_SAs that the peer has initiated.
tw_answered() { swanctl --list-sas --ike "$1" 2>/dev/null | sed -n 's/^[^[:space:]].*: #\([0-9]*\), .*_r[*].*/\1/p'; }

# tw_over: the twin carries the traffic, and the old SAs are gone. Packets on their way still find the SA that they are
# for. What somebody has started meanwhile has the old settings: that is tw_again.
tw_over() {
	trap '' PIPE # nobody may be listening any more, and a hop that has begun is to end
	tw_hopping=begun
	tw_load_beside twin-load "$TW_TWIN"
	tw_initiate "$TW_NEXT"
	tw_up "$TW_NEXT" || tw_fail "$TW_NAME/$tw_down was not established with the new settings"
	tw_down=$(tw_prove "$TW_NEXT")
	[ -z "$tw_down" ] || tw_fail "the peer does not rekey $TW_NAME/$tw_down with the new settings, so its key exchange (PFS) is another"
	sleep 1
	tw_hopping=gone
	# shellcheck disable=SC2046  # numbers
	tw_retire $(tw_ikes "$TW_NAME")
	if tw_restarted; then tw_park; fi
	tw_again=$(tw_ikes "$TW_NAME")
}

# tw_restarted: has the peer initiated something since the last that we closed? Until it says who it is it has no name.
tw_restarted() {
	sleep 2
	tw_waited=0
	while swanctl --list-sas 2>/dev/null | grep -q '^(unnamed): #.*, CONNECTING' && [ "$tw_waited" -lt 3 ]; do
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
	[ -n "$(tw_answered "$TW_NAME")$(tw_answered "$TW_NEXT")" ]
}

# tw_doubled: one SA is enough, whichever end has started it.
tw_doubled() { [ "$(tw_ikes "$TW_NAME" | wc -w)" -gt 1 ]; }

# tw_park: a peer that starts again what is closed makes an SA for each that we close, so there would always be one too
# many. It is refused for as long as the connection is one that matches no peer: a short break, and then one SA. A peer
# that is busy may come too late for that; if there are two then, it is refused again, and for longer.
tw_park() {
	tw_parks=$((tw_parks + 1))
	[ "$tw_parks" -lt 3 ] || tw_settled=yes
	tw_load_beside twin-park "$TW_PARKED"
	# shellcheck disable=SC2046  # numbers
	tw_retire $(tw_ikes "$TW_NAME") $(tw_ikes "$TW_NEXT")
	if [ "$tw_parks" = 1 ]; then sleep 0.3 2>/dev/null || sleep 1; else sleep "$tw_parks"; fi
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
	if [ -z "$tw_settled" ] && tw_restarted && tw_doubled; then
		tw_park
		section load swanctl --load-conns && tw_back
	fi
}

# tw_return: as it was, without another try of anything. Once the old SAs are gone, what there is of the connection may have the settings of the change.
tw_return() {
	tw_settled=yes
	# shellcheck disable=SC2046  # numbers
	[ "$tw_hopping" = begun ] || tw_retire $(tw_ikes "$TW_NAME")
	tw_back
}
