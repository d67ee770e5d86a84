# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text
# What stands between a changed file and the daemon. A load of a file that strongSwan cannot parse unloads
# every connection and reports success, so its own parser and the names that are loaded are asked first.

# tw_parses FILE: does strongSwan's own parser accept it? Its complaint goes to error output, without the text it
# stumbled over, which it quotes in brackets and which may be a part of a secret.
tw_parses() {
	tw_complaint=$(STRONGSWAN_CONF=$1 swanctl --help 2>&1 >/dev/null) && return
	printf '%s\n' "$tw_complaint" | grep -E '^/[^:]*:[0-9]+:' | sed 's/[[].*//' >&2
	return 1
}

# tw_loaded: the names of the connections that the daemon holds, one a line.
tw_loaded() { swanctl --list-conns 2>/dev/null | sed -n 's/^\([^[:space:]].*\): [^:]*$/\1/p' | sort -u; }

tw_answers() { swanctl --stats >/dev/null 2>&1; }

# tw_wait SECONDS: until the daemon answers.
tw_wait() {
	tw_waited=0
	until tw_answers; do
		[ "$tw_waited" -lt "$1" ] || return 1
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
}

# tw_would_lose: loaded connections that are not among TW_EXPECT, the names a load would bring. A twin (parallel_connection.py) that
# somebody was cut off with is to be lost.
tw_would_lose() {
	tw_loaded | grep -v -e '-tunnelwright-next$' | while IFS= read -r tw_name; do
		printf '%s\n' "$TW_EXPECT" | grep -Fqx -e "$tw_name" || printf '%s\n' "$tw_name"
	done
}

# tw_refuse WHY TEXT: ends the run; the section's name says whether anything was written.
tw_refuse() {
	section "$1" printf '%s' "$2"
	finish
}
