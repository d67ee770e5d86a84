# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... and services.sh come before this text (outage_probe.py)
# A ping that runs on beyond this session while the tunnel is changed, and ends by itself after TW_COUNT pings.
# Variables: TW_DO (start, stop) TW_ID TW_FROM TW_TO TW_INTERVAL TW_COUNT TW_PROGRAM
if [ -d /run ]; then tw_base=/run/tunnelwright; else tw_base=/var/run/tunnelwright; fi
tw_file=$tw_base/outage-$TW_ID

# tw_ping: the words of the command. iputils and FreeBSD print names unless told; busybox does not know -n.
tw_ping() {
	case $TW_TO in
	*:*) if command -v ping6 >/dev/null; then tw_program=ping6; else tw_program='ping -6'; fi ;;
	*) tw_program=ping ;;
	esac
	tw_numeric=-n
	case $(ping --help 2>&1) in *BusyBox*) tw_numeric='' ;; esac
	tw_source=-I
	[ "$(uname)" = Linux ] || tw_source=-S
	echo "$tw_program $tw_numeric -i $TW_INTERVAL -c $TW_COUNT $tw_source $TW_FROM $TW_TO"
}

# tw_pid: the process of this probe, if it runs: a number may belong to another by now.
tw_pid() {
	tw_number=$(cat "$tw_file.pid" 2>/dev/null) && [ -n "$tw_number" ] || return 1
	case $(ps -p "$tw_number" -o args= 2>/dev/null || tr '\000' ' ' <"/proc/$tw_number/cmdline") in
	*ping*" $TW_TO"*) echo "$tw_number" ;;
	*) return 1 ;;
	esac
} 2>/dev/null

tw_nap() { sleep 0.2 2>/dev/null || sleep 1; }

# tw_end: SIGINT has ping say how many it has sent.
tw_end() {
	tw_running=$(tw_pid) || return 0
	kill -INT "$tw_running"
	tw_waited=0
	while tw_pid >/dev/null && [ "$tw_waited" -lt 15 ]; do
		tw_nap
		tw_waited=$((tw_waited + 1))
	done
}

# FILE FOLDER PING...: pings, and a minute after the end of the pings takes away what nobody has asked for.
# shellcheck disable=SC2016  # it is a program
tw_run='
file=$1 folder=$2
shift 2
"$@" >"$file.out" 2>&1 &
echo $! >"$file.pid"
wait $!
sleep 60
[ "$(cat "$file.pid")" != $! ] || rm -f "$file.out" "$file.pid"
rmdir "$folder"
'

tw_start() (
	umask 077
	mkdir -p "$tw_base" || exit
	tw_end
	: >"$tw_file.out" || exit
	# shellcheck disable=SC2046  # words
	tw_detach /bin/sh -c "$tw_run" sh "$tw_file" "$tw_base" $(tw_ping)
	tw_waited=0
	until grep -q 'bytes from' "$tw_file.out"; do
		[ "$tw_waited" -lt 15 ] || break
		tw_nap
		tw_waited=$((tw_waited + 1))
	done
)

if [ "$TW_DO" = start ]; then
	section started tw_start
	section running tw_pid || section said cat "$tw_file.out"
else
	tw_end
	section heard cat "$tw_file.out"
	rm -f "$tw_file.out" "$tw_file.pid"
	rmdir "$tw_base" 2>/dev/null || :
fi
