# shellcheck shell=sh
# Put before every script by framing.py, after the variables. A step's output travels between two lines
# that begin with the run's random mark, so nothing a command prints can be mistaken for framing.
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
exec 3>&1

# section NAME COMMAND...: runs the command, sends its output, exit status and (apart) error output.
section() {
	tw_name=$1
	shift
	printf '\n%s begin %s\n' "$TW_MARK" "$tw_name" >&3
	tw_status=0
	tw_err=$("$@" 2>&1 >&3 3>&- </dev/null) || tw_status=$?
	printf '\n%s end %s %s\n%s\n%s stderr\n' "$TW_MARK" "$tw_name" "$tw_status" "$tw_err" "$TW_MARK" >&3
	return "$tw_status"
}

# finish: ends the script here, with an answer that is whole.
finish() {
	printf '\n%s done\n' "$TW_MARK" >&3
	exit 0
}
