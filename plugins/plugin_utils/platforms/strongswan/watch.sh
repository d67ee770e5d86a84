# shellcheck shell=sh
# shellcheck disable=SC2154  # guard.sh, follow.sh, start.sh, services.sh, standing.sh and established.sh come before
# Watches over a change, from the folder of its guard: rolls it back unless that is confirmed in time, also after a
# restart of the gateway. Needs no network, no session and no space on the disk.
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
cd -P "${0%/*}" || exit 1
tw_here=$(pwd)
tw_tab=$(printf '\t')

# A daemon that hangs must not hang the rollback with it. What is started here must not hold the lock (9).
tw_swanctl() {
	if command -v timeout >/dev/null; then timeout "${tw_patient:-60}" swanctl "$@"; else swanctl "$@"; fi </dev/null 9>&-
}
# shellcheck disable=SC2034  # for established.sh
tw_ask=tw_swanctl

# shellcheck disable=SC2329  # for start.sh
tw_answers() { (tw_patient=10 && tw_swanctl --stats) >/dev/null 2>&1; }

# tw_did LINE: for the record, which is kept in memory until its own place on the disk takes it.
tw_did() { tw_log="$tw_log$1$tw_nl"; }

tw_say() {
	[ ! -S /dev/log ] || logger -t tunnelwright-guard -p daemon.warning -- "$1" 2>/dev/null
}

# ---- files

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

# ---- the daemon

# tw_made_since: the ids of IKE_SAs that were not there when the guard was armed; they have the settings of the change.
tw_made_since() {
	# shellcheck disable=SC2034  # the name is read so that the SPIs are one word
	tw_sas | while IFS=$tw_tab read -r tw_kind tw_id tw_spis tw_name; do
		[ "$tw_kind" != ike ] || grep -Fq "$tw_tab$tw_spis$tw_tab" sas || echo "$tw_id"
	done
}

# tw_daemon: the daemon holds what the files say, and what was established is. One that dies meanwhile is started anew.
tw_daemon() {
	[ -e running ] || tw_answers || return 0
	tw_bring_up || tw_bring_up || tw_bring_up || tw_did "failed the daemon does not answer"
}

# tw_bring_up: fails where the daemon does not answer, or not any more.
tw_bring_up() {
	tw_wait "$tw_patience" || { (tw_start) >/dev/null 2>&1 9>&- && tw_wait 60; } || return
	if ! tw_parses "$(cat config)" 2>/dev/null; then
		tw_did "failed strongSwan's parser does not accept the files, so they are not loaded"
		return 0
	fi
	tw_since=''
	[ -e unchanged ] || tw_since=$(tw_made_since)
	if tw_said=$(tw_swanctl --load-all --noprompt 2>&1); then
		tw_did "did load $(cat config)"
	else
		tw_answers || return
		tw_did "failed to load all: $(printf '%s\n' "$tw_said" | grep failed | tail -n 1)"
	fi
	for tw_id in $tw_since; do tw_swanctl --terminate --ike-id "$tw_id" --force --timeout 2 >/dev/null 2>&1; done
	tw_establish
}

# tw_fallen: of what was up when the change was proven, something has been down so often that a peer cannot have kept it.
tw_fallen() {
	tw_now='' tw_missing=no
	! tw_answers || tw_now=$(tw_sas)
	while IFS=$tw_tab read -r tw_kind tw_role tw_child tw_ike; do
		[ "$tw_kind" != child ] || tw_up "$tw_child" "$tw_ike" || tw_missing=yes
	done <up
	if [ "$tw_missing" = no ]; then tw_downs=0; else tw_downs=$((tw_downs + 1)); fi
	[ "$tw_downs" -ge "$tw_downs_max" ]
}

# tw_late: the time is over. A change that was proven stays where its tunnels do for as long again: within that time a peer
# that does not keep it rolls back, which ends its SAs. So either both ends keep a change or neither does, unless the
# two work together as they are.
tw_late() {
	[ "$tw_over" -gt 0 ] || tw_over=$(tw_clock)
	if [ ! -e proven ] || ! grep -q '^child' up || tw_fallen; then
		mv -f armed due
	elif [ $((($(tw_clock) - tw_over) / 100)) -gt $(($(sed -n 's/^seconds //p' about) + 30)) ] && [ "$tw_downs" = 0 ]; then
		mv -f armed confirmed
		tw_say "a change that was proven stays: nobody confirmed it, and its tunnels are up"
	fi
}

# tw_up CHILD IKE, by what tw_now lists.
tw_up() {
	printf '%s\n' "$tw_now" | grep -Fqx -e "child${tw_tab}initiates$tw_tab$1$tw_tab$2" -e "child${tw_tab}answers$tw_tab$1$tw_tab$2"
}

# tw_establish: within three minutes; what the peer initiated is left to it for the first quarter of one. Fails where the
# daemon does not answer any more.
tw_establish() {
	tw_begin=$(tw_clock)
	while :; do
		tw_now=$(tw_sas) tw_down='' tw_waited=$((($(tw_clock) - tw_begin) / 100))
		while IFS=$tw_tab read -r tw_kind tw_role tw_child tw_ike; do
			if [ "$tw_kind" != child ] || tw_up "$tw_child" "$tw_ike"; then continue; fi
			tw_down="$tw_down $tw_ike/$tw_child"
			[ "$tw_role" = initiates ] || [ "$tw_waited" -ge 15 ] || continue
			tw_swanctl --initiate --ike "$tw_ike" --child "$tw_child" --timeout 10 >/dev/null 2>&1
		done <sas
		[ -n "$tw_down" ] && [ "$tw_waited" -lt 180 ] || break
		tw_answers || return
		sleep 2 9>&-
	done
	if [ -z "$tw_down" ]; then
		tw_did "did find established what was"
	else
		tw_did "failed to establish$tw_down"
	fi
}

# ---- the whole

tw_roll_back() {
	tw_say "rolling back: $tw_why"
	rm -f reserve
	tw_changed=no
	tw_restore_all
	tw_timers
	tw_daemon
	tw_changed=no
	tw_restore_all # whoever was writing meanwhile has ended
	[ "$tw_changed" = no ] || tw_daemon
	{ cat about && printf 'why %s\nended %s\n%s' "$tw_why" "$(date +%s)" "$tw_log"; } | head -c 8192 1<>record
	grep . record >slim && mv -f slim record # where there is space
	mv -f record ../rolled-back
	tw_say "rolled back"
	tw_end
}

tw_end() {
	cd /
	tw_gone "$tw_here"
	exit
}

# tw_is_restarted: another boot, or where a container does not see that, a clock that began anew.
tw_is_restarted() { [ "$(cat boot)" != "$(tw_boot)" ] || [ "$(tw_clock)" -lt "$(sed -n 's/^armed //p' about)" ]; }

# Before the link names ours it is being armed; where that was cut off, it goes after a minute.
tw_step() {
	if [ -e confirmed ]; then
		tw_end
	elif [ -e due ]; then
		tw_roll_back
	elif [ "$(readlink "$tw_guard")" != "${tw_here##*/}" ]; then
		tw_alone=$((tw_alone + 1))
		[ "$tw_alone" -lt 60 ] || tw_end
	elif [ "$tw_restarted" = yes ]; then
		tw_why='the gateway was restarted' tw_patience=60 tw_downs_max=60
		tw_late
	elif ! [ "$(tw_clock)" -lt "$(cat deadline)" ]; then
		tw_why='not confirmed in time'
		tw_late
	fi
}

# One at a time: cron, or a rollback that is asked for, may start another. systemd tries a failed one again.
if command -v flock >/dev/null; then
	exec 9<lock
	flock -n 9 || exit 75
fi
tw_restarted=no
! tw_is_restarted 2>/dev/null || tw_restarted=yes
tw_over=0 tw_downs=0 tw_downs_max=5
tw_alone=0 tw_log='' tw_why='it was asked for' tw_patience=10
while [ -e watch ]; do
	tw_step 2>/dev/null
	[ ! -e asked ] || mv -f asked alive
	[ -e due ] || sleep 1 9>&-
done
exit
