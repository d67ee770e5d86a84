# shellcheck shell=sh
# What runs services, tables of cron and detached processes here.

tw_systemd_runs() {
	[ -d /run/systemd/system ] && command -v systemctl >/dev/null
}

# A cron daemon of this system (not of a container on it) that reads /etc/cron.d, which busybox's does not.
tw_cron_runs() {
	[ -d /etc/cron.d ] || return 1
	for tw_process in /proc/[0-9]*; do
		case $(cat "$tw_process/comm" 2>/dev/null) in cron | crond) ;; *) continue ;; esac
		case $(readlink "$tw_process/exe") in *busybox*) continue ;; esac
		[ "$(readlink "$tw_process/ns/pid")" != "$(readlink /proc/self/ns/pid)" ] || return 0
	done
	return 1
}

# tw_detach COMMAND...: runs on beyond this session.
tw_detach() {
	if command -v setsid >/dev/null; then
		setsid "$@" </dev/null >/dev/null 2>&1 3>&- &
	elif [ "$(uname -s)" = FreeBSD ]; then
		daemon -f "$@" 3>&-
	else
		nohup "$@" </dev/null >/dev/null 2>&1 3>&- &
	fi
}
