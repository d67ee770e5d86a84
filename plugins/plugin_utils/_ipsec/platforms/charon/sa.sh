# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (sa.py), and sas.sh comes before
# One operation on the SAs of one connection.

# With force the daemon gives the peer as long as the timeout is, then drops the SA (vici_control.c).
tw_terminate() {
	if [ "$TW_FORCE" = 1 ]; then
		swanctl --terminate "$@" --timeout 2 --force
	else
		swanctl --terminate "$@" --timeout "$TW_TIMEOUT"
	fi
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

case $TW_DO in
look) ;;
initiate)
	section stuck tw_stuck "$TW_NAME"
	tw_initiate "$TW_NAME"
	;;
terminate) section terminate tw_terminate --ike "$TW_NAME" ;;
terminate-child) section terminate tw_terminate --ike "$TW_NAME" --child "${TW_CHILDREN%%"$tw_nl"*}" ;;
reinitiate)
	section terminate tw_terminate --ike "$TW_NAME"
	section stuck tw_stuck "$TW_NAME"
	tw_initiate "$TW_NAME"
	;;
rekey) section rekey tw_rekey ;;
drop)
	for tw_id in $TW_CHILD_IDS; do section "drop-$tw_id" tw_terminate --child-id "$tw_id"; done
	for tw_id in $TW_IKE_IDS; do section "drop-ike-$tw_id" tw_terminate --ike-id "$tw_id"; done
	;;
esac
tw_show "$TW_NAME"
