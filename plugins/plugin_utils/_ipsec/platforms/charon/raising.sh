# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_..., loading.sh, services.sh and owned.sh come before this text (log_levels.py)
# Writes the file that raises log levels, and what removes it after TW_SECONDS; or, with an empty TW_TEXT, removes it.
# The daemon then reads its settings again.
umask 022
tw_path=$TW_FILE
tw_new=${tw_path%/*}/.${tw_path##*/}.tunnelwright-new

# tw_beside FILE: where it is kept while it is being removed.
tw_beside() { printf '%s' "${1%/*}/.${1##*/}.tunnelwright-old"; }

# tw_ended WHY TEXT HINT
tw_ended() {
	tw_refuse "$1" "$2
$3"
}

tw_reload() { tw_said=$(swanctl --reload-settings 2>&1) || { tw_said=$(printf '%s\n' "$tw_said" | grep . | tail -n 1) && return 1; }; }

# tw_aside FILE...: out of the daemon's way, but not gone until it has read that; lower.sh ends what is interrupted.
tw_aside() {
	for tw_one; do
		[ "$tw_one" = "$tw_stays" ] || [ ! -e "$tw_one" ] || mv -f "$tw_one" "$(tw_beside "$tw_one")" 2>/dev/null || return
	done
}

tw_gone() {
	for tw_one; do rm -f "$(tw_beside "$tw_one")"; done
}

tw_drop() {
	tw_stays=''
	tw_aside "$@" || return
	tw_back=0
	! tw_answers || tw_reload || tw_back=1
	tw_gone "$@"
	return "$tw_back"
}

# tw_with_held COMMAND...: with the files of TW_HELD behind it.
tw_with_held() {
	tw_ifs=$IFS
	IFS='
'
	set -f
	# shellcheck disable=SC2086  # one word for every line
	set -- "$@" $TW_HELD
	set +f
	IFS=$tw_ifs
	"$@"
}

# What earlier raises have left goes too, so that levels are as strongswan.conf has them.
tw_fail() {
	trap '' HUP INT TERM
	tw_why=$1
	rm -f "$tw_new"
	tw_with_held tw_drop "$tw_path" || tw_ended not-restored "$tw_why" "the daemon did not read its settings again: $tw_said"
	tw_ended restored "$tw_why" "the file is removed again"
}

# tw_lower_later: beyond this session, also where its end kills what it started.
tw_lower_later() {
	tw_run=/run/tunnelwright
	[ -d /run ] || tw_run=/var/run/tunnelwright
	tw_lower=$tw_run/lower-$TW_MARK_OF_RAISE
	mkdir -p "$tw_run" && printf '%s' "$TW_LOWER_SOURCE" >"$tw_lower" || return
	set -- /bin/sh "$tw_lower" "$tw_path" "$TW_MARK_OF_RAISE" "$TW_SECONDS"
	if [ -d /run/systemd/system ] && systemd-run --quiet --collect --unit="tunnelwright-lower-$TW_MARK_OF_RAISE" "$@" >/dev/null 2>&1; then
		return
	fi
	tw_detach "$@"
}

# tw_safe PATH: ends the run where others than root could choose what root's daemon reads, or what root writes.
tw_safe() {
	tw_theirs=$(tw_foreign "$1")
	[ -z "$tw_theirs" ] || tw_ended refused "not only root may change $tw_theirs" "chown it to root, and chmod go-w"
}

# As strongswan.conf for mode and owner: the daemon, which may not be root, reads both.
tw_write() {
	rm -f "$tw_new"
	cp -p "$TW_CONF" "$tw_new" && printf '%s' "$TW_TEXT" | cat >"$tw_new" || return
	sync "$tw_new" 2>/dev/null || sync
}

tw_raise() {
	[ -d "${tw_path%/*}" ] || tw_ended refused "there is no folder ${tw_path%/*}, which strongswan.conf includes" "make it"
	tw_safe "$TW_CONF"
	tw_safe "${tw_path%/*}"
	tw_said=$(tw_write 2>&1) || {
		rm -f "$tw_new" 2>/dev/null
		tw_ended refused "$tw_path cannot be written: $tw_said" "only root may; use become: true"
	}
	trap 'tw_fail interrupted' HUP INT TERM
	tw_lower_later 2>/dev/null || tw_fail "what puts the levels back after $TW_SECONDS s cannot be started"
	mv -f "$tw_new" "$tw_path" 2>/dev/null || tw_fail "$tw_path cannot be written"
	tw_stays=$tw_path
	tw_with_held tw_aside || tw_fail "an earlier file that raises levels cannot be removed"
	tw_said=$(tw_parses "$TW_CONF" 2>&1) || tw_fail "strongSwan's parser does not accept $TW_CONF with $tw_path: $tw_said"
	tw_reload || tw_fail "the daemon does not read its settings again: $tw_said"
	trap '' HUP INT TERM
	tw_with_held tw_gone
}

# tw_lower FILE...
tw_lower() {
	tw_drop "$@" && return
	for tw_one; do
		[ ! -e "$tw_one" ] || tw_ended refused "$tw_one cannot be removed" "only root may; use become: true"
	done
	tw_ended not-restored "$TW_HELD is removed, and the daemon does not read its settings again: $tw_said" "restart it"
}

if [ -n "$TW_TEXT" ]; then tw_raise; else tw_with_held tw_lower; fi
section levels-set true
