# shellcheck shell=sh
# The guard that stands on this gateway (guard.py): one folder, which guard.sh makes and guard_watchdog.sh works from. It is
# in force from when the link tw_guard names it. Then its one file `armed` becomes `confirmed` or `due`, by renaming: who
# is first decides. owned.sh comes before.
tw_guard=/etc/tunnelwright/guard

# tw_clock: hundredths of a second since the boot, a clock that nobody sets; without one, the time of day.
tw_clock() {
	# shellcheck disable=SC2034  # its second word is read so that the first is one
	if read -r tw_up tw_idle </proc/uptime; then echo "${tw_up%.*}${tw_up#*.}"; else echo "$(date +%s)00"; fi 2>/dev/null
}

# tw_boot: what is another after every boot.
tw_boot() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.boot_id 2>/dev/null || :; }

# tw_watched FOLDER: whether its watcher lives: it turns back what is turned here. Renaming needs no space on the disk.
tw_watched() {
	mv -f "$1/alive" "$1/asked" 2>/dev/null
	tw_asked=0
	until [ -e "$1/alive" ]; do
		[ "$tw_asked" -lt 25 ] || return 1
		sleep 0.2 2>/dev/null || sleep 1
		tw_asked=$((tw_asked + 1))
	done
}

# tw_standing: what there is to know of the guard in force; 1: there is none, or one that others than root could have made.
tw_standing() {
	[ -e "$tw_guard/about" ] && [ -z "$(tw_foreign "${tw_guard%/*}")" ] || return 1
	cat "$tw_guard/about" 2>/dev/null || return 1
	if [ ! -e "$tw_guard/armed" ]; then
		if [ -e "$tw_guard/confirmed" ]; then echo 'state confirmed'; else echo 'state rolling_back'; fi
	else
		if [ -e "$tw_guard/proven" ]; then echo 'state proven'; else echo 'state armed'; fi
		tw_watched "$tw_guard" && echo 'alive yes'
	fi
	echo "now $(tw_clock)"
	echo "deadline $(cat "$tw_guard/deadline")"
}

# tw_rolled_back: what the last guard did that was not confirmed.
tw_rolled_back() { [ -e "${tw_guard%/*}/rolled-back" ] && [ -z "$(tw_foreign "${tw_guard%/*}")" ] && cat "${tw_guard%/*}/rolled-back" 2>/dev/null; }

# tw_starters NAME: the files by which a watcher is started when the gateway boots, one of which there may be.
tw_starters() {
	printf '%s\n' "/etc/cron.d/tunnelwright-$1" "/usr/local/etc/rc.d/tunnelwright-$1.sh" "/etc/systemd/system/tunnelwright-$1.service"
}

# tw_gone FOLDER: nothing is left of a guard; last what would start it again, and so end this if it is cut off.
tw_gone() {
	tw_name=${1##*/}
	[ "$(readlink "$tw_guard")" != "$tw_name" ] || rm -f "$tw_guard"
	rm -rf "$1"
	for tw_starts in "/etc/cron.d/tunnelwright-$tw_name" "/usr/local/etc/rc.d/tunnelwright-$tw_name.sh"; do
		rm -f "$tw_starts" "${tw_starts%/*}/.tunnelwright-$tw_name"
	done
	if [ -e "/etc/systemd/system/tunnelwright-$tw_name.service" ]; then
		systemctl disable --quiet "tunnelwright-$tw_name.service"
		rm -f "/etc/systemd/system/tunnelwright-$tw_name.service"
		systemctl daemon-reload
	fi
	rmdir "${tw_guard%/*}" 2>/dev/null || :
}
