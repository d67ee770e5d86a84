#!/bin/sh
# Initiates one CHILD_SA if it is not installed, and does nothing if it is: what the timer or cron runs.
# Put here by tunnelwright.ipsec.keepalive. Usage: keepalive NAME CONNECTION CHILD [TIMEOUT [JITTER]]
# While /run/tunnelwright/down-NAME or /etc/tunnelwright/down-NAME exists (or `down`, for all), nothing is initiated.
# Exit status: 0 installed, initiated or left alone on purpose; 1 it is down and stays down; 2 wrong usage.
set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
RUN=/run/tunnelwright
GIVE_UP=165 # charon's own retransmission sequence, in seconds

say() {
	if [ -S /dev/log ] && command -v logger >/dev/null 2>&1; then
		logger -t tunnelwright-keepalive -p daemon.notice -- "$CONNECTION/$CHILD: $1"
	else
		if [ -f "$RUN/keepalive.log" ] && [ "$(wc -c <"$RUN/keepalive.log")" -gt 65536 ]; then
			mv -f "$RUN/keepalive.log" "$RUN/keepalive.log.1"
		fi
		printf '%s %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$CONNECTION/$CHILD: $1" >>"$RUN/keepalive.log"
	fi
	printf '%s\n' "$CONNECTION/$CHILD: $1" >&2
}

# One at a time: a lock that the kernel drops with the process, else a link that names its holder.
lock() {
	if command -v flock >/dev/null 2>&1; then
		exec 9>"$RUN/$NAME.lock" && flock -n 9
		return
	fi
	ln -s "$$" "$RUN/$NAME.pid" 2>/dev/null || { stale && ln -s "$$" "$RUN/$NAME.pid" 2>/dev/null; } || return 1
	trap 'rm -f "$RUN/$NAME.pid"' EXIT
	trap 'exit 1' HUP INT TERM
}

# Moves away the link of a holder that is gone; whoever moves it first may go on.
stale() {
	holder=$(readlink "$RUN/$NAME.pid") || return 1
	grep -q keepalive "/proc/$holder/cmdline" 2>/dev/null && return 1
	mv "$RUN/$NAME.pid" "$RUN/$NAME.gone.$$" 2>/dev/null || return 1
	taken=$(readlink "$RUN/$NAME.gone.$$")
	rm -f "$RUN/$NAME.gone.$$"
	[ "$taken" = "$holder" ]
}

jitter() {
	[ "$JITTER" -gt 0 ] || return 0
	number=$(od -An -N2 -tu2 /dev/urandom | tr -d ' \n')
	sleep $((${number:-0} % (JITTER + 1)))
}

# A daemon that hangs must not hang every later check with it.
ask() {
	if command -v timeout >/dev/null 2>&1; then
		timeout $((TIMEOUT + 40)) swanctl "$@" 9>&-
	else
		swanctl "$@" 9>&-
	fi
}

# One word about the child: up, busy (on its way or just going), connecting ID, down. Reads by indentation what
# `swanctl --list-sas --pretty` prints; it prints a name with a byte that is not printable ASCII as 0x and hexadecimal.
verdict() {
	child=$CHILD hex=0x$(printf %s "$CHILD" | od -An -v -tx1 | tr -d ' \n') awk '
		/^  [^ }].* \{$/ { ike = ""; part = "" }
		/^    [^ ]/ { part = $1 }
		/^    uniqueid = / { id = $3 }
		/^    state = / {
			ike = $3
			if (ike == "PASSIVE") up = 1
			if (ike == "CREATED" || ike == "CONNECTING") connecting = id
			live = ike == "ESTABLISHED" || ike == "REKEYING"
		}
		live && part ~ /^tasks-(queued|active)$/ && /^      (CHILD_CREATE|QUICK_MODE)$/ { busy = 1 }
		part == "child-sas" && /^      [^ ]/ { mine = 0 }
		part == "child-sas" && /^        name = / { name = substr($0, 16); mine = name == ENVIRON["child"] || name == ENVIRON["hex"] }
		live && mine && /^        state = / { if ($3 ~ /^(INSTALLED|UPDATING|REKEYING)$/) up = 1; else busy = 1 }
		/^list-sas reply/ { whole = 1 }
		END {
			if (!whole) print "unreadable"
			else if (up) print "up"
			else if (busy) print "busy"
			else if (connecting) print "connecting " connecting
			else print "down"
		}'
}

# An IKE_SA that is connecting is left to it: each further initiate queues one more CHILD_SA on it. One that takes
# longer than charon's own patience (keyingtries = 0, and the configuration changed under it) gets one fresh attempt.
patient() {
	now=$(date +%s)
	seen='' since=$now tried=no
	[ ! -f "$RUN/$NAME.connecting" ] || read -r seen since tried <"$RUN/$NAME.connecting" || :
	[ "$seen" = "$1" ] || { since=$now tried=no; }
	if [ "$tried" = yes ] || [ $((now - since)) -le "$GIVE_UP" ]; then
		printf '%s %s %s\n' "$1" "$since" "$tried" >"$RUN/$NAME.connecting"
		return 0
	fi
	printf '%s %s yes\n' "$1" "$since" >"$RUN/$NAME.connecting"
	return 1
}

initiate() {
	if said=$(ask --initiate --ike "$CONNECTION" --child "$CHILD" --timeout "$TIMEOUT" 2>&1); then
		say "was not installed; initiated"
		return 0
	fi
	case $said in
	*'existing duplicate'*) return 0 ;;
	esac
	say "is not installed and could not be initiated: $(printf '%s\n' "$said" | grep -v '^plugin ' | tail -n 3 | tr '\n' ';')"
	return 1
}

# Whether it was removed while it waited: that takes the lock's name away.
removed() { [ ! -e "$RUN/$NAME.lock" ] && [ ! -L "$RUN/$NAME.pid" ]; }

held() {
	for flag in "$RUN/down" "$RUN/down-$NAME" /etc/tunnelwright/down "/etc/tunnelwright/down-$NAME"; do
		[ ! -e "$flag" ] || return 0
	done
	return 1
}

main() {
	if [ $# -lt 3 ] || [ $# -gt 5 ]; then
		printf 'usage: keepalive NAME CONNECTION CHILD [TIMEOUT [JITTER]]\n' >&2
		exit 2
	fi
	NAME=$1 CONNECTION=$2 CHILD=$3
	TIMEOUT=${4:-20} # seconds one attempt is waited for; it goes on in the daemon
	JITTER=${5:-0}   # seconds at most before it looks
	umask 022
	mkdir -p "$RUN" 2>/dev/null || mkdir -p "$RUN" # another check may be making it at this moment
	lock || exit 0
	jitter
	! removed || exit 0
	! held || exit 0
	found=$(ask --list-sas --pretty --ike "$CONNECTION" 2>/dev/null | verdict)
	case $found in
	connecting*) ;;
	*) rm -f "$RUN/$NAME.connecting" ;;
	esac
	case $found in
	up | busy) ;;
	connecting*) patient "${found#connecting }" || initiate ;;
	down) initiate ;;
	*)
		say "the IKE daemon does not answer, so nothing can be checked"
		return 1
		;;
	esac
}

main "$@"
exit
