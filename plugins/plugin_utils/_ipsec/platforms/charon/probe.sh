# shellcheck shell=sh disable=SC2154
# Pings through the tunnel and reads the counters of its SAs before, between and after.
# Variables: TW_CONNECTION TW_CHILD (may be empty) TW_PINGS TW_PEER TW_COUNT TW_TIMEOUT, and the program TW_CHOOSE.

sas() {
	if command -v timeout >/dev/null; then
		timeout 30 swanctl --list-sas --pretty --ike "$TW_CONNECTION"
	else
		swanctl --list-sas --pretty --ike "$TW_CONNECTION"
	fi
}

# ifconfig(8) of FreeBSD prints `inet 192.0.2.1 netmask 0xffffff00` and `inet6 fe80::1%em0 prefixlen 64`.
addresses() {
	if freebsd; then
		ifconfig -a | while read -r family address _; do
			case $family in inet | inet6) echo "${address%%[%/]*}" ;; esac
		done
		return
	fi
	ip -o addr show | while read -r _ _ family address _; do
		case $family in inet*) echo "${address%%/*}" ;; esac
	done
}

choose() {
	sas 2>/dev/null | child=$TW_CHILD own=$(addresses | tr '\n' ' ') peer=$TW_PEER pings=$TW_PINGS awk "$TW_CHOOSE"
}

freebsd() { [ "$(uname)" = FreeBSD ]; }

# iputils waits a second between two pings unless told; busybox knows neither -n nor, in some builds, -i.
ping_from() {
	case $2 in
	*:*) if command -v ping6 >/dev/null; then ping=ping6; else ping='ping -6'; fi ;;
	*) ping=ping ;;
	esac
	if freebsd; then
		ping_of_freebsd "$@"
		return
	fi
	case $(ping -V 2>/dev/null) in *iputils*) ping="$ping -n -i 0.3" ;; esac
	# shellcheck disable=SC2086
	$ping -q -c "$TW_COUNT" -W "$TW_TIMEOUT" -I "$1" "$2"
}

# ping(8) of FreeBSD takes -I for multicast alone, and -W in milliseconds; to its ping6(8), -W is no wait at all.
ping_of_freebsd() {
	if [ "$ping" = ping ]; then ping="$ping -i 0.3 -W ${TW_TIMEOUT}000"; fi
	# shellcheck disable=SC2086
	$ping -n -q -c "$TW_COUNT" -S "$1" "$2"
}

section user id -u
if section sas-0 sas; then
	plan=$(choose)
	section plan printf '%s\n' "$plan"
	number=0
	printf '%s\n' "$plan" | grep -q '^no-' || printf '%s\n' "$plan" | while read -r _ from to _; do
		number=$((number + 1))
		section "ping-$number" ping_from "$from" "$to" || :
		section "sas-$number" sas || break
	done
fi
