# shellcheck shell=sh
# shellcheck disable=SC2154  # loading.sh, start.sh, services.sh, standing.sh, established.sh and restore.sh come before
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

# tw_holds: does the daemon hold each connection that it held when the guard was armed?
tw_holds() {
	tw_now=$(tw_loaded) || return
	while IFS= read -r tw_name; do
		printf '%s\n' "$tw_now" | grep -Fqx -e "$tw_name" || return
	done <loaded
}

# tw_bring_up: fails where the daemon does not answer, or not any more.
tw_bring_up() {
	tw_wait "$tw_patience" || { (tw_start) >/dev/null 2>&1 9>&- && tw_wait 60; } || return
	if [ -e unchanged ] && tw_holds; then # what somebody has edited and not loaded is not ours to put into force
		tw_establish
		return
	fi
	tw_loadable || return 0
	tw_since=''
	[ -e unchanged ] || tw_since=$(tw_made_since)
	tw_load || return
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
		tw_say "a proven change stays: it was not confirmed, and its tunnels are up"
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
