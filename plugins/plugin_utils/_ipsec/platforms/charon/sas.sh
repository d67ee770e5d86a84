# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text
# The SAs of one connection: which carry traffic, and initiating those that do not.
tw_nl='
'

# tw_installed CONNECTION CHILD: has it a CHILD_SA that carries traffic?
tw_installed() {
	swanctl --list-sas --ike "$1" 2>/dev/null | grep -F "  $2: #" | grep -Eq ', (INSTALLED|REKEYING|UPDATING),'
}

# tw_initiate CONNECTION: every child of TW_CHILDREN that is not installed. What is would become a duplicate.
tw_initiate() {
	tw_number=0
	tw_rest=$TW_CHILDREN
	while [ -n "$tw_rest" ]; do
		tw_child=${tw_rest%%"$tw_nl"*}
		tw_rest=${tw_rest#*"$tw_nl"}
		if ! tw_installed "$1" "$tw_child"; then
			section "initiate-$1-$tw_number" swanctl --initiate --ike "$1" --child "$tw_child" --timeout "$TW_TIMEOUT"
		fi
		tw_number=$((tw_number + 1))
	done
}

# tw_stuck CONNECTION: IKE_SAs that are still being made, as by the daemon's own close action, have a moment to finish: a
# second attempt beside them would make duplicates. Those left would hold the new attempt until their own retransmission.
tw_stuck() {
	tw_waited=0
	while tw_connecting "$1" | grep -q . && [ "$tw_waited" -lt 3 ]; do
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
	tw_connecting "$1" | while IFS= read -r tw_id; do swanctl --terminate --ike-id "$tw_id" --force --timeout 1; done
}

# tw_ikes CONNECTION, tw_connecting CONNECTION: the ids of its IKE_SAs, and of those that are being made.
tw_ikes() { swanctl --list-sas --ike "$1" 2>/dev/null | sed -n 's/^[^[:space:]].*: #\([0-9]*\), .*/\1/p'; }
tw_connecting() { swanctl --list-sas --ike "$1" 2>/dev/null | sed -n 's/^[^[:space:]].*: #\([0-9]*\), CONNECTING,.*/\1/p'; }

# tw_show CONNECTION: what there is, for sa.py.
tw_show() {
	section stats-reply swanctl --stats --pretty
	section conns swanctl --list-conns --pretty
	section sas swanctl --list-sas --pretty --ike "$1"
}
