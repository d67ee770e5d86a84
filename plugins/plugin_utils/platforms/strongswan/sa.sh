# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (sa.py)
# One operation on the SAs of one connection. Never initiates a child that is installed.

tw_sas() { swanctl --list-sas --pretty --ike "$TW_NAME"; }

# tw_installed CHILD: does the connection have a CHILD_SA of it that carries traffic?
tw_installed() {
	swanctl --list-sas --ike "$TW_NAME" 2>/dev/null | grep -F "  $1: #" | grep -Eq ', (INSTALLED|REKEYING|UPDATING),'
}

# With force the daemon gives the peer as long as the timeout is, then drops the SA (vici_control.c).
tw_terminate() {
	if [ "$TW_FORCE" = 1 ]; then
		swanctl --terminate "$@" --timeout 2 --force
	else
		swanctl --terminate "$@" --timeout "$TW_TIMEOUT"
	fi
}

# tw_initiate: every child of TW_CHILDREN that is not installed.
tw_initiate() {
	tw_number=0
	tw_rest=$TW_CHILDREN
	while [ -n "$tw_rest" ]; do
		tw_child=${tw_rest%%"$tw_nl"*}
		tw_rest=${tw_rest#*"$tw_nl"}
		if ! tw_installed "$tw_child"; then
			section "initiate-$tw_number" swanctl --initiate --ike "$TW_NAME" --child "$tw_child" --timeout "$TW_TIMEOUT"
		fi
		tw_number=$((tw_number + 1))
	done
}

# tw_stuck: IKE_SAs that are still being made, as by the daemon's own close action, have a moment to finish: a second
# attempt beside them would make duplicates. Those left would hold the new attempt until their own retransmission.
tw_stuck() {
	tw_waited=0
	while tw_connecting | grep -q . && [ "$tw_waited" -lt 3 ]; do
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
	tw_connecting | while IFS= read -r tw_id; do swanctl --terminate --ike-id "$tw_id" --force --timeout 1; done
}

# tw_connecting: the ids of such IKE_SAs.
tw_connecting() {
	swanctl --list-sas --ike "$TW_NAME" 2>/dev/null | sed -n 's/^[^[:space:]].*: #\([0-9]*\), CONNECTING,.*/\1/p'
}

tw_rekey() {
	tw_before=$(swanctl --list-sas --ike "$TW_NAME" | grep -E '#[0-9]|_i\*?|^ +in ' | sed 's/,  *[0-9]* bytes.*//; s/ago.*//')
	if [ -n "$TW_CHILDREN" ]; then
		swanctl --rekey --ike "$TW_NAME" --child "${TW_CHILDREN%%"$tw_nl"*}" || return
	else
		swanctl --rekey --ike "$TW_NAME" || return
	fi
	tw_waited=0
	while [ "$tw_waited" -lt "$TW_TIMEOUT" ]; do
		tw_now=$(swanctl --list-sas --ike "$TW_NAME" | grep -E '#[0-9]|_i\*?|^ +in ' | sed 's/,  *[0-9]* bytes.*//; s/ago.*//')
		if [ "$tw_now" != "$tw_before" ] && ! swanctl --list-sas --ike "$TW_NAME" | grep -q REKEYING; then return 0; fi
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
	echo "no new SA within $TW_TIMEOUT s" >&2
	return 1
}

tw_nl='
'
case $TW_DO in
look) ;;
initiate)
	section stuck tw_stuck
	tw_initiate
	;;
terminate) section terminate tw_terminate --ike "$TW_NAME" ;;
terminate-child) section terminate tw_terminate --ike "$TW_NAME" --child "${TW_CHILDREN%%"$tw_nl"*}" ;;
reinitiate)
	section terminate tw_terminate --ike "$TW_NAME"
	section stuck tw_stuck
	tw_initiate
	;;
rekey) section rekey tw_rekey ;;
drop)
	for tw_id in $TW_CHILD_IDS; do section "drop-$tw_id" tw_terminate --child-id "$tw_id"; done
	for tw_id in $TW_IKE_IDS; do section "drop-ike-$tw_id" tw_terminate --ike-id "$tw_id"; done
	;;
esac
section stats-reply swanctl --stats --pretty
section conns swanctl --list-conns --pretty
section sas tw_sas
