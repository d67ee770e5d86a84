#!/bin/sh
# /etc/init.d/strongswan of a lab gateway, where no systemd runs: what the Debian unit does, without it.
PATH=/usr/sbin:/usr/bin:/sbin:/bin

pid() { pidof charon-systemd; }

start() {
	if pid >/dev/null; then return 0; fi
	rm -f /run/charon.vici
	setsid charon-systemd </dev/null >/run/charon.out 2>&1 &
	tries=0
	until [ -S /run/charon.vici ]; do
		tries=$((tries + 1))
		[ "$tries" -le 100 ] || return 1
		sleep 0.1
	done
	[ -n "$LAB_NO_LOAD" ] || swanctl --load-all --noprompt >/run/load.out 2>&1
}

stop() {
	running=$(pid) || return 0
	# shellcheck disable=SC2086  # pids
	kill ${1:+-$1} $running
	while pid >/dev/null; do sleep 0.1; done
}

case $1 in
start) start ;;
stop) stop ;;
kill) stop KILL ;;
restart) stop && start ;;
status) pid >/dev/null ;;
*) echo "usage: $0 start|stop|restart|status" >&2; exit 2 ;;
esac
