# shellcheck shell=sh disable=SC2154
# Installs or removes the periodic check of one child; changes nothing where TW_DRY is yes.
# Variables: TW_STATE TW_MEANS TW_DRY TW_NAME TW_CONNECTION TW_CHILD, and the files' contents TW_CHECK TW_SERVICE TW_TIMER TW_CRON.
lib=/usr/local/lib/tunnelwright
check=$lib/keepalive
unit=/etc/systemd/system/tunnelwright-keepalive-$TW_NAME
table=/etc/cron.d/tunnelwright-keepalive-$TW_NAME

means() {
	if [ "$TW_MEANS" != cron ] && tw_systemd_runs; then
		echo systemd
	elif [ "$TW_MEANS" != systemd ] && tw_cron_runs; then
		echo cron
	else
		echo none
		return 1
	fi
}

# 0: the daemon has this child; 3: not the connection; 4: not the child; what there is instead is printed.
known() {
	conns=$(swanctl --list-conns --pretty 2>/dev/null) || return 5
	printf '%s\n' "$conns" | connection=$TW_CONNECTION child=$TW_CHILD awk '
		/^  [^ }].* \{$/ {
			name = substr($0, 3, length($0) - 4); part = ""
			here = name == ENVIRON["connection"]
			if (here) found = 1
			connections = connections name "\n"
		}
		/^    [^ ]/ { part = $1 }
		here && part == "children" && /^      [^ }].* \{$/ {
			name = substr($0, 7, length($0) - 8)
			if (name == ENVIRON["child"]) whole = 1
			children = children name "\n"
		}
		END {
			printf "%s", found ? children : connections
			exit whole ? 0 : found ? 4 : 3
		}'
}

# Mode, owner and content of one file; 1: there is none.
file() {
	[ -f "$1" ] || return 1
	stat -c '%a %u' "$1" && cat "$1"
}

files() {
	for path in "$check" "$unit.service" "$unit.timer" "$table"; do
		section "$1 $path" file "$path" || :
	done
}

# The users of the check beside this one.
others() {
	for path in /etc/systemd/system/tunnelwright-keepalive-*.timer /etc/cron.d/tunnelwright-keepalive-*; do
		case $path in "$unit.timer" | "$table" | *'*'*) continue ;; esac
		echo "$path"
	done
}

timer_runs() {
	systemctl is-enabled --quiet "${unit##*/}.timer" && systemctl is-active --quiet "${unit##*/}.timer"
}

# put PATH MODE CONTENT: whole or not at all, under a name that neither cron nor systemd reads until then. A table is begun
# outside of cron's folder: cron looks into that again only when its time, in whole seconds, has changed (cron: database.c),
# so a table that gets its name in the second in which cron has seen it begun would never be read.
# By cat, because dash's printf calls a full disk an I/O error.
put() {
	case $1 in
	/etc/cron.d/*) beside=/etc/.${1##*/}.new ;;
	*) beside=${1%/*}/.${1##*/}.new ;;
	esac
	if printf %s "$3" | cat >"$beside" && chmod "$2" "$beside" && chown 0:0 "$beside" && { sync "$beside" 2>/dev/null || sync; } &&
		mv -f "$beside" "$1"; then
		return
	fi
	rm -f "$beside"
	return 1
}

drop_units() {
	[ -e "$unit.timer" ] || [ -e "$unit.service" ] || return 0
	if tw_systemd_runs; then
		systemctl disable --now "${unit##*/}.timer" || return
	fi
	rm -f "$unit.timer" "$unit.service" "/etc/systemd/system/timers.target.wants/${unit##*/}.timer" || return
	! tw_systemd_runs || systemctl daemon-reload
}

# A check that nothing runs is not left behind by an installation that failed.
present() {
	umask 022
	install && return
	[ -e "$table" ] || [ -e "$unit.timer" ] || [ -n "$(others)" ] || {
		rm -f "$check"
		rmdir "$lib" 2>/dev/null # the reason to tell is why it could not be installed
	}
	return 1
}

install() {
	mkdir -p "$lib" && put "$check" 755 "$TW_CHECK" || return
	if [ "$chosen" = cron ]; then
		drop_units && put "$table" 644 "$TW_CRON"
		return
	fi
	rm -f "$table" && put "$unit.service" 644 "$TW_SERVICE" && put "$unit.timer" 644 "$TW_TIMER" && systemctl daemon-reload &&
		systemctl enable --quiet "${unit##*/}.timer" && systemctl restart "${unit##*/}.timer"
}

absent() {
	drop_units && rm -f "$table" || return
	rm -f "/run/tunnelwright/$TW_NAME".* "/run/tunnelwright/down-$TW_NAME" "/etc/tunnelwright/down-$TW_NAME"
	[ ! -d /etc/tunnelwright ] || rmdir /etc/tunnelwright 2>/dev/null || :
	[ -z "$(others)" ] || return 0
	rm -f "$check" /run/tunnelwright/keepalive.log /run/tunnelwright/keepalive.log.1 || return
	for path in "$lib" /run/tunnelwright; do
		[ ! -d "$path" ] || rmdir "$path" 2>/dev/null || :
	done
}

# What is on the disk is not what is meant: content, mode, owner, or the timer does not run.
needed() {
	if [ "$TW_STATE" = absent ]; then
		[ -e "$unit.timer" ] || [ -e "$unit.service" ] || [ -e "$table" ] || { [ -e "$check" ] && [ -z "$(others)" ]; }
		return
	fi
	! { holds "$check" '755 0' "$TW_CHECK" &&
		if [ "$chosen" = cron ]; then
			[ ! -e "$unit.timer" ] && [ ! -e "$unit.service" ] && holds "$table" '644 0' "$TW_CRON"
		else
			[ ! -e "$table" ] && holds "$unit.service" '644 0' "$TW_SERVICE" && holds "$unit.timer" '644 0' "$TW_TIMER" && timer_runs
		fi; }
}

holds() {
	[ -f "$1" ] && [ "$(stat -c '%a %u' "$1")" = "$2" ] && [ "$(cat "$1" && echo .)" = "$3." ]
}

may() {
	[ "$(id -u)" = 0 ] || return 1
	[ "$TW_STATE" = present ] || return 0
	[ "$chosen" != none ] || return 1
	[ "$chosen" != cron ] || [ -n "$TW_CRON" ] || return 1
	case $knows in 0 | 5) ;; *) [ "$TW_DRY" = yes ] ;; esac
}

# A firewall that generates its configuration has a check of its own, which is a part of that.
if [ -e /cf/conf/config.xml ] && [ -e /etc/inc/config.inc ]; then
	section platform echo pfsense
	finish
fi
section user id -u
chosen=none knows=0
if [ "$TW_STATE" = present ]; then
	chosen=$(means) || :
	section known known
	knows=$?
fi
section means echo "$chosen"
if may; then
	files before
	section others others
	if section needed needed && [ "$TW_DRY" = no ]; then
		section "$TW_STATE" "$TW_STATE"
		files after
	fi
fi
