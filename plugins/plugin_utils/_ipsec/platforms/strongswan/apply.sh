# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (write.py); where TW_TWIN is, twin.sh comes before
# Writes planned edits into configuration files and has the daemon load them; whatever fails puts back the old bytes.
tw_done='' tw_made='' # indices of files

# tw_piece FILE OPERATION...: one piece of the new content, on standard output.
tw_piece() {
	case $2 in
	copy) tail -c "+$(($3 + 1))" "$1" | head -c "$(($4 - $3))" ;;
	text) printf '%b' "$3" ;;
	psk) printf '%s' "$TW_PSK" ;;
	esac
}

tw_content() {
	printf '%s\n' "$2" | while IFS=' ' read -r tw_op tw_a tw_b; do
		tw_piece "$1" "$tw_op" "$tw_a" "$tw_b" || exit 1
	done
}

tw_cleanup() {
	for tw_i in $tw_made; do
		eval "tw_new=\$tw_new_$tw_i tw_old=\$tw_old_$tw_i"
		rm -f "$tw_new" "$tw_old"
	done
	[ -z "$TW_TWIN" ] || rm -f "$tw_twin_file"
}

# tw_restore: the old bytes come back, and the daemon loads them.
tw_restore() {
	trap '' HUP INT TERM
	for tw_i in $tw_done; do
		eval "tw_path=\$tw_path_$tw_i tw_old=\$tw_old_$tw_i"
		mv -f "$tw_old" "$tw_path" || section not-restored printf '%s' "$tw_path (its old bytes are in $tw_old)"
	done
	tw_cleanup
	[ "${tw_reload:-0}" = 0 ] || section reload swanctl --load-conns
	[ "${tw_reload:-0}" = 0 ] || [ "$TW_CREDS" = 0 ] || section reload-creds swanctl --load-creds --noprompt
	[ -z "${tw_hopping:-}" ] || tw_return
}

tw_fail() {
	tw_restore
	tw_refuse restored "$1"
}

tw_interrupted() {
	tw_restore
	exit 1
}
trap tw_interrupted HUP INT TERM

# tw_prepare I: the candidate of one file, beside it, under a name that no include matches.
tw_prepare() {
	eval "tw_given=\$TW_PATH_$1 tw_want=\$TW_PRINT_$1 tw_ops=\$TW_OPS_$1 tw_size=\$TW_SIZE_$1"
	tw_path=$(readlink -f "$tw_given" 2>/dev/null) || tw_path=$tw_given
	tw_new=${tw_path%/*}/.${tw_path##*/}.tunnelwright-new
	tw_old=${tw_path%/*}/.${tw_path##*/}.tunnelwright-old
	eval "tw_path_$1=\$tw_path tw_new_$1=\$tw_new tw_old_$1=\$tw_old"
	[ "$(tw_fingerprint "$tw_path")" = "$tw_want" ] || tw_fail "$tw_given was changed by someone else meanwhile; read it again"
	tw_made="$tw_made $1"
	rm -f "$tw_new" "$tw_old" # what somebody has put there may lead elsewhere
	if ! { cp -p "$tw_path" "$tw_new" && cp -p "$tw_path" "$tw_old"; }; then tw_fail "a copy of $tw_given cannot be written next to it"; fi
	tw_content "$tw_path" "$tw_ops" >"$tw_new" || tw_fail "the new $tw_given cannot be written"
	[ "$(wc -c <"$tw_new")" -eq "$(($(wc -c <"$tw_path") + tw_size))" ] || tw_fail "the new $tw_given was not written whole"
	sync "$tw_new" 2>/dev/null || sync
	tw_said=$(tw_parses "$tw_new" 2>&1) || tw_fail "strongSwan's parser does not accept the new $tw_given: $tw_said"
}

tw_write() {
	tw_i=0
	while [ "$tw_i" -lt "$TW_COUNT" ]; do
		tw_prepare "$tw_i" 2>/dev/null
		tw_i=$((tw_i + 1))
	done
	tw_i=0
	while [ "$tw_i" -lt "$TW_COUNT" ]; do
		eval "tw_path=\$tw_path_$tw_i tw_new=\$tw_new_$tw_i"
		tw_done="$tw_done $tw_i"
		mv -f "$tw_new" "$tw_path" 2>/dev/null || tw_fail "$tw_path cannot be replaced"
		tw_i=$((tw_i + 1))
	done
	tw_said=$(tw_parses "$TW_CONFIG" 2>&1) || tw_fail "strongSwan's parser does not accept $TW_CONFIG with the change: $tw_said"
}

tw_load() {
	tw_lost=$(tw_would_lose)
	[ -z "$tw_lost" ] || tw_fail "loading the file would unload $(printf '%s' "$tw_lost" | tr '\n' ' ')which the daemon holds and the file does not"
	[ "$TW_TERMINATE" = 0 ] || section terminate-before swanctl --terminate --ike "$TW_NAME" --timeout "$TW_TIMEOUT"
	tw_reload=1
	if [ "$TW_CREDS" = 1 ]; then
		section creds swanctl --load-creds --noprompt || tw_fail "the daemon does not load the secrets"
	fi
	[ -z "$TW_TWIN" ] || tw_over
	section load swanctl --load-conns || tw_fail "the daemon does not load the change"
	tw_loaded | grep -Fqx -e "$TW_NAME" || tw_fail "the daemon does not hold $TW_NAME after the change"
	[ -z "$TW_TWIN" ] || tw_back || tw_fail "$TW_NAME/$tw_down was not established again"
}

tw_write
if tw_answers; then
	tw_load
	section running true
fi
trap '' HUP INT TERM
tw_cleanup
[ -z "$TW_TWIN" ] || tw_show "$TW_NAME"
section applied true
