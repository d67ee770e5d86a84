# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_..., digest.sh, loading.sh, services.sh, owned.sh, standing.sh, established.sh, keep.sh come before
# Arms, extends, proves, confirms or sets off the rollback of this gateway (guard.py). What happens then is guard_watchdog.sh's doing.
tw_base=${tw_guard%/*}
tw_folder=$tw_base/guard-$TW_ID

# tw_refused TEXT HINT
tw_refused() {
	tw_refuse refused "$1
$2"
}

# ---- the snapshot

# tw_reserve: what a rollback writes has its place: the record is as long as it may be, and the rest is let go for others.
tw_reserve() {
	head -c 65536 /dev/urandom >reserve && [ "$(wc -c <reserve)" -eq 65536 ] || return
	head -c 8192 /dev/zero | tr '\000' '\n' >record && [ "$(wc -c <record)" -eq 8192 ]
}

# Read again: what changed while it was copied, or did not fit, is no snapshot.
tw_whole() {
	sync
	while IFS= read -r tw_line; do
		cmp "kept/${tw_line%% *}" "${tw_line#* }" || return
	done <manifest
}

# The lists are shown to nobody, and the bytes to nobody but the one who may read them where they come from.
tw_snapshot() (
	cd "$tw_folder" && mkdir kept && tw_reserve && : >known && : >links && : >reals && : >manifest && : >lock && : >asked && : >armed && : >unproven && : >unchanged || exit
	tw_keep_all || exit
	if tw_answers; then
		: >running
		tw_sas >sas
		tw_loaded >loaded
	else
		: >sas
		: >loaded
	fi
	printf '%s\n' "$TW_CONFIG" >config && tw_boot >boot && printf '%s' "$TW_WATCH" | cat >watch && tw_whole
)

# ---- the watcher

# tw_by_systemd, tw_by_cron: what starts it, also when the gateway boots, and anew where it is killed.
tw_by_systemd() {
	tw_systemd_runs || return
	cat >"/etc/systemd/system/$1.service" <<EOF
[Unit]
Description=Rolls an IPsec change back unless it is confirmed, by tunnelwright
After=network.target strongswan.service
ConditionPathExists=$tw_folder/watch
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh $tw_folder/watch
Restart=on-failure
RestartForceExitStatus=SIGTERM
RestartSec=1

[Install]
WantedBy=multi-user.target
EOF
	systemctl daemon-reload && systemctl enable --quiet --now "$1.service"
}

tw_by_cron() {
	tw_cron_runs || return
	cat >"/etc/.$1" <<EOF
# Rolls an IPsec change back unless it is confirmed, by tunnelwright
MAILTO=""
@reboot root [ ! -e $tw_folder/watch ] || /bin/sh $tw_folder/watch
* * * * * root [ ! -e $tw_folder/watch ] || ! command -v flock >/dev/null || /bin/sh $tw_folder/watch
EOF
	chmod 644 "/etc/.$1" && mv -f "/etc/.$1" "/etc/cron.d/$1" # at once, see keepalive.sh
}

# pfSense runs such a file with `start` when it has booted, and with others whenever it starts its packages: so it looks first
# whether there is a watcher, for not every system has flock (pfSense: rc.start_packages; Netgate docs: Startup Script Notes).
tw_by_rc_d() {
	[ -e /etc/rc.start_packages ] || return
	cat >"/usr/local/etc/rc.d/.$1" <<EOF
#!/bin/sh
# Rolls an IPsec change back unless it is confirmed, by tunnelwright
[ "\$1" = start ] && cd $tw_folder || exit 0
mv -f alive asked 2>/dev/null
for second in 1 2 3 4 5; do
	sleep 1
	[ ! -e alive ] || exit 0
done
exec daemon -f /bin/sh $tw_folder/watch
EOF
	chmod 755 "/usr/local/etc/rc.d/.$1" && mv -f "/usr/local/etc/rc.d/.$1" "/usr/local/etc/rc.d/$1.sh"
}

tw_watch() {
	tw_at_boot=systemd
	if ! tw_by_systemd "tunnelwright-${tw_folder##*/}"; then
		tw_at_boot=none
		for tw_way in rc_d cron; do
			! "tw_by_$tw_way" "tunnelwright-${tw_folder##*/}" || { tw_at_boot=$tw_way && break; }
		done
		tw_detach /bin/sh "$tw_folder/watch"
	fi
	tw_watched "$tw_folder"
}

# ---- what may be asked for

# tw_until: the file `deadline` says so, never earlier than it did.
tw_until() {
	tw_deadline=$(($(tw_clock) + TW_SECONDS * 100))
	[ "$tw_deadline" -gt "$(cat "$tw_folder/deadline" 2>/dev/null || echo 0)" ] || return 0
	printf '%s\n' "$tw_deadline" >"$tw_folder/deadline.new" && mv -f "$tw_folder/deadline.new" "$tw_folder/deadline"
}

tw_cannot() {
	trap '' HUP INT TERM
	tw_gone "$tw_folder"
	tw_refused "$1" "$2"
}

# tw_sweep: what was cut off before its end has left.
tw_sweep() {
	for tw_left in $(tw_starters 'guard-*'); do
		[ -e "$tw_left" ] || continue # unmatched
		tw_left=${tw_left##*/tunnelwright-}
		[ -e "$tw_base/${tw_left%%.*}" ] || tw_gone "$tw_base/${tw_left%%.*}"
	done
	for tw_left in "$tw_base"/guard-*; do
		[ "$(readlink "$tw_guard")" != "${tw_left##*/}" ] && [ -n "$(find "$tw_left" -prune -mmin +10 2>/dev/null)" ] || continue
		tw_watched "$tw_left" || tw_gone "$tw_left"
	done
	[ ! -L "$tw_guard" ] || [ -e "$tw_guard/about" ] || rm -f "$tw_guard"
}

tw_about() {
	printf 'id %s\nname %s\nrun %s\nseconds %s\nat_boot %s\nfiles %s\nwhen %s\narmed %s\n' "$TW_ID" "$TW_NAME" "$TW_RUN" \
		"$TW_SECONDS" "$tw_at_boot" "$(grep -c . "$tw_folder/manifest")" "$(date +%s)" "$(tw_clock)"
}

# tw_own_base: the folder of all guards, which is root's alone.
tw_own_base() {
	tw_said=$(mkdir -p "$tw_base" 2>&1) || tw_refused "$tw_base cannot be written: $tw_said" "only root may; use become: true"
	tw_theirs=$(tw_foreign "$tw_base")
	[ -z "$tw_theirs" ] || tw_refused "not only root may change $tw_theirs, from where root would roll back" "chown it to root, and chmod go-w"
}

# The link comes last: until then nothing is armed, and from then on all of it is there.
tw_arm() {
	tw_said=$(tw_sound 2>&1) || tw_refused "$tw_said" "nothing that is broken can be rolled back to"
	umask 077
	tw_own_base
	tw_tries=0
	until tw_said=$(mkdir "$tw_folder" 2>&1); do # a guard that ends at this moment takes the empty folder above away
		tw_tries=$((tw_tries + 1))
		[ "$tw_tries" -lt 5 ] || tw_cannot "$tw_base cannot be written: $tw_said" "only root may; use become: true"
		tw_own_base
	done
	trap 'tw_cannot interrupted "arm again"' HUP INT TERM
	tw_said=$(tw_snapshot 2>&1) || tw_cannot "the snapshot cannot be taken: $(printf '%s\n' "$tw_said" | tail -n 1)" "nothing was changed"
	{ tw_until && tw_watch; } || tw_cannot "what would roll back does not run" "nothing was changed"
	{ tw_about >"$tw_folder/about" && sync; } || tw_cannot "$tw_folder cannot be written" "nothing was changed"
	tw_sweep
	ln -sn "${tw_folder##*/}" "$tw_guard" 2>/dev/null || tw_cannot "another guard was armed meanwhile" "read it with state: armed in check mode"
	if ! tw_until || ! tw_watched "$tw_folder" || [ "$(readlink "$tw_guard")" != "${tw_folder##*/}" ] || [ ! -e "$tw_folder/armed" ]; then
		tw_cannot "what would roll back does not run" "nothing was changed"
	fi
	trap '' HUP INT TERM
}

# tw_taken_over: a later run of the same name has it now.
tw_taken_over() {
	{ grep -v '^run ' "$tw_folder/about" && printf 'run %s\n' "$TW_RUN"; } >"$tw_folder/about.new" && mv -f "$tw_folder/about.new" "$tw_folder/about"
}

tw_extend() {
	tw_watched "$tw_folder" || tw_refused "the rollback watchdog is no longer running" "roll back now, or confirm what was changed"
	{ tw_until && tw_taken_over; } 2>/dev/null || tw_refused "$tw_folder cannot be written" "there may be no space"
	mv -f "$tw_folder/proven" "$tw_folder/unproven" 2>/dev/null # what is changed now is another change
	[ -e "$tw_folder/armed" ] || tw_refused "the gateway rolls back at this moment" "wait for it"
}

# tw_since: when the connection that this runs over was made, by tw_clock; fails where that cannot be told.
tw_since() {
	tw_pid=$$
	while [ "$tw_pid" -gt 1 ]; do
		read -r tw_stat <"/proc/$tw_pid/stat" || return
		# shellcheck disable=SC2086  # words
		set -- ${tw_stat##*) }
		case ${tw_stat#*'('} in
		sshd* | dropbear*)
			echo "${20}"
			return
			;;
		esac
		tw_pid=$2
	done
	return 1
} 2>/dev/null

tw_is_left() {
	for tw_left in "$tw_folder" $(tw_starters "guard-$TW_ID"); do
		[ ! -e "$tw_left" ] || return 0
	done
	return 1
}

# tw_ended SECONDS: until nothing is left of the guard, by its watcher; what started that goes last.
tw_ended() {
	tw_waited=0
	while tw_is_left; do
		[ "$tw_waited" -lt "$1" ] || return 1
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
}

# tw_reached: over a connection that was made since.
tw_reached() {
	if tw_made=$(tw_since) && [ "$tw_made" -le "$(sed -n 's/^armed //p' "$tw_folder/about")" ]; then
		tw_refused "the connection is older than the guard, so it does not prove that the gateway can be reached" "open a new connection"
	fi
}

# tw_prove: from now on what is up tells, by staying so, that the peers keep the change too (guard_watchdog.sh).
tw_prove() {
	tw_reached
	tw_watched "$tw_folder" || tw_refused "the rollback watchdog is no longer running" "roll back now, or confirm what was changed"
	{ tw_sas >"$tw_folder/up.new" && mv -f "$tw_folder/up.new" "$tw_folder/up"; } 2>/dev/null || tw_refused "$tw_folder cannot be written" "there may be no space"
	mv -f "$tw_folder/unproven" "$tw_folder/proven" 2>/dev/null
	if ! [ -e "$tw_folder/armed" ] || ! [ -e "$tw_folder/proven" ]; then tw_refused "the gateway rolls back at this moment" "wait for it"; fi
}

tw_confirm() {
	tw_reached
	mv -f "$tw_folder/armed" "$tw_folder/confirmed" 2>/dev/null || [ -e "$tw_folder/confirmed" ] || tw_refused "the gateway rolls back at this moment" "it was not confirmed in time"
	tw_ended 10 || tw_gone "$tw_folder"
}

tw_roll_back() {
	tw_watched "$tw_folder" || tw_detach /bin/sh "$tw_folder/watch"
	mv -f "$tw_folder/armed" "$tw_folder/due" 2>/dev/null
	tw_ended "$TW_TIMEOUT" || tw_refuse not-ended "the rollback goes on"
}

# What is in a folder that others may change is not ours, so nothing of it is run or written to; to arm makes the folder.
[ "$TW_DO" = arm ] || [ ! -e "$tw_base" ] || tw_own_base
case $TW_DO in
arm) tw_arm ;;
extend) tw_extend ;;
prove) tw_prove ;;
confirm) tw_confirm ;;
roll-back) tw_roll_back ;;
esac
[ "$TW_FORGET" = 0 ] || rm -f "$tw_base/rolled-back"
section guard tw_standing
section rolled-back tw_rolled_back
section ended true
