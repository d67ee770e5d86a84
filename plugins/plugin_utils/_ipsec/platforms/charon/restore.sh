# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_..., loading.sh and follow.sh come before; what guard_watchdog.sh defines is there when this is called
# How a guard puts back what keep.sh has kept, and has the daemon load it (guard_watchdog.sh).

# shellcheck disable=SC2012,SC2034  # of one file; stat has other options on FreeBSD
tw_mode() { ls -ldn "$1" | { read -r tw_bits tw_links tw_user tw_group tw_rest && echo "$tw_bits $tw_user $tw_group"; }; }

tw_alike() { [ ! -L "$2" ] && cmp -s "$1" "$2" && [ "$(tw_mode "$1")" = "$(tw_mode "$2")" ]; }

# tw_changing: a file is another than it was; also who goes on after this one was killed has to know.
tw_changing() {
	tw_changed=yes
	rm -f unchanged
}

# tw_put_back NUMBER PATH: a second name of what is kept, where that is on the same file system, needs no space.
tw_put_back() {
	tw_beside=${2%/*}/.${2##*/}.tunnelwright
	rm -f "$tw_beside-old" "$tw_beside-new" # of a change that was cut off (apply.sh)
	! tw_alike "kept/$1" "$2" || return 0
	[ ! -d "$2" ] || return 1
	[ -d "${2%/*}" ] || (umask 022 && mkdir -p "${2%/*}") || return 1
	tw_changing
	if { ln "kept/$1" "$tw_beside-new" || cp -a "kept/$1" "$tw_beside-new"; } 2>/dev/null && mv -f "$tw_beside-new" "$2"; then
		rm -f "$tw_beside-new"
		tw_did "did put back $2"
	else
		rm -f "$tw_beside-new"
		return 1
	fi
}

# tw_link_back PATH TARGET
tw_link_back() {
	[ "$(readlink "$1")" != "$2" ] || return 0
	tw_changing
	rm -f "$1" && ln -s "$2" "$1" && tw_did "did put back $1"
}

# tw_remove PATH: what the includes of the files that are kept find, and did not when they were.
tw_remove() {
	! grep -Fqx -e "$1" known || return 0
	tw_changing
	case $1 in
	*.timer) ! tw_systemd_runs || systemctl disable --quiet --now "${1##*/}" ;;
	esac
	rm -f "$1" && tw_did "did remove $1"
}

# tw_restore: all files as they were; fails where one cannot be.
tw_restore() {
	tw_failed=no
	while IFS= read -r tw_line; do
		tw_put_back "${tw_line%% *}" "${tw_line#* }" || tw_failed=yes
	done <manifest
	while IFS= read -r tw_path && IFS= read -r tw_target; do
		tw_link_back "$tw_path" "$tw_target" || tw_failed=yes
	done <links
	while IFS= read -r tw_path; do
		[ -z "$tw_path" ] || tw_remove "$tw_path" || tw_failed=yes
	done <<EOF
$(while IFS= read -r tw_line; do tw_matches "$tw_line"; done <patterns)
EOF
	sync
	[ "$tw_failed" = no ]
}

tw_restore_all() {
	until tw_restore; do
		tw_say "a file cannot be put back; trying again"
		sleep 10 9>&-
	done
}

# Timers of keepalives (keepalive.sh) run again as they did.
tw_timers() {
	tw_systemd_runs || return 0
	case $tw_log in *' /etc/systemd/system/'*) ;; *) return 0 ;; esac
	systemctl daemon-reload
	grep '^/etc/systemd/system/.*[.]timer$' known | while IFS= read -r tw_path; do
		systemctl enable --quiet "${tw_path##*/}" && systemctl restart "${tw_path##*/}"
	done
}

# tw_loadable: whether the daemon may load what was put back.
tw_loadable() {
	tw_parses "$(cat config)" 2>/dev/null && return
	tw_did "failed strongSwan's parser does not accept the files, so they are not loaded"
	return 1
}

# tw_load: the daemon loads what was put back; fails where it dies of that.
tw_load() {
	if tw_said=$(tw_swanctl --load-all --noprompt 2>&1); then
		tw_did "did load $(cat config)"
	else
		tw_answers || return
		tw_did "failed to load all: $(printf '%s\n' "$tw_said" | grep failed | tail -n 1)"
	fi
}
