# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154  # follow.sh and owned.sh come before this text, starter.sh after it
# Reads of strongswan.conf its loggers and how long the daemon waits for answers, and nothing else: it may hold secrets.

# tw_told PROCESS: strongswan.conf as root told its daemon. Anybody may call a process charon, and have a program that
# becomes root do so: what is not root's in every way is not believed.
tw_told() {
	[ "$(readlink "$1/ns/pid")" = "$(readlink /proc/self/ns/pid)" ] || return
	grep -Eq '^Uid:([[:blank:]]+0){4}$' "$1/status" || return
	tw_named=$(tr '\000' '\n' <"$1/environ" | sed -n 's/^STRONGSWAN_CONF=//p')
	case $tw_named in /*) ;; *) return 1 ;; esac
	[ -f "$tw_named" ] && [ -z "$(tw_foreign "$tw_named")" ] && printf '%s\n' "$tw_named"
}

# tw_main_conf: strongswan.conf as the running daemon was told, else where packages and strongSwan's own build put it.
tw_main_conf() {
	# shellcheck disable=SC2013  # paths of /proc, which have no blanks
	for tw_comm in $(grep -lx -e charon -e charon-systemd /proc/[0-9]*/comm 2>/dev/null); do
		tw_told "${tw_comm%/comm}" && return
	done 2>/dev/null
	for tw_conf in /etc/strongswan.conf /etc/strongswan/strongswan.conf /usr/local/etc/strongswan.conf; do
		[ -f "$tw_conf" ] && printf '%s\n' "$tw_conf" && return
	done
	return 1
}

# tw_some FILE: those settings of it, each on the line that it has in the file.
tw_some() {
	grep -Eq '^[^#]*(filelog|syslog|journal|retransmit_|include)' "$1" || return 0
	printf '%b' "$(tw_lex settings "$1")"
}

# tw_until: of each file that raises levels for a time (log_levels.py), when that ends, and its path.
tw_until() {
	printf '%s' "$tw_files" | grep '/zz-tunnelwright-logging[.]conf$' | while IFS= read -r tw_file; do
		tw_time=$(sed -n '1s/^# tunnelwright logging: until \([0-9]\{1,\}\) .*/\1/p' "$tw_file")
		[ -z "$tw_time" ] || printf '%s %s\n' "$tw_time" "$tw_file"
	done
}

# tw_folders: the folders in which include statements look, those of them that are there.
tw_folders() {
	printf '%s' "$tw_files" | while IFS= read -r tw_file; do
		grep -q include "$tw_file" || continue
		tw_lex setting-includes "$tw_file" | while IFS= read -r tw_pattern; do
			tw_pattern_of "$tw_file" "$tw_pattern"
			[ ! -d "${tw_pattern%/*}" ] || printf '%s\n' "${tw_pattern%/*}"
		done
	done | sort -u
}

# Sections conf-files, the first of which is strongswan.conf, and conf-0, conf-1, ...; tw_conf_files become those files.
tw_settings() {
	tw_conf=$(tw_main_conf) || tw_conf=''
	tw_files='' tw_unread=''
	if [ -n "$tw_conf" ] && ! tw_follow setting-includes "$tw_conf" 2>/dev/null; then
		tw_files='' tw_unread="large $tw_conf"
	fi
	tw_conf_files=$tw_files tw_conf_unread=$tw_unread # without "conf_" they are those of swanctl.conf later
	section conf-files printf '%s' "$tw_conf_files"
	section conf-unread printf '%s' "$tw_unread"
	section conf-folders tw_folders
	section logging-until tw_until
	tw_index=0
	printf '%s' "$tw_conf_files" | while IFS= read -r tw_file; do
		section "conf-$tw_index" tw_some "$tw_file"
		tw_index=$((tw_index + 1))
	done
}
