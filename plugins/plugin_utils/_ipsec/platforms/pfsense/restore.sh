# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154  # what guard_watchdog.sh defines is there when this is called; it runs in the folder of the guard
# How a guard brings a pfSense back (guard_watchdog.sh): the elements that were changed, to what they were; only where that fails,
# config.xml as a whole, with what others have changed since.
tw_php=/usr/local/bin/php

# tw_write WHOLE: write.php, with the rights of files that pfSense gives them.
tw_write() (
	umask 022
	sed "s|@here@|$tw_here|g" order |
		TW_WHOLE=$1 "$tw_php" -d display_errors=stderr -d zend.exception_ignore_args=1 -d memory_limit=512M -r "$(cat program)" 9>&-
)

# tw_restore_all: nothing was changed by us where the journal is empty.
tw_restore_all() {
	[ -s journal ] && [ ! -e restored ] || return 0
	rm -f unchanged
	tw_changed=yes # for guard_watchdog.sh
	if tw_write '' >/dev/null 2>&1 || { sleep 5 9>&- && tw_write '' >/dev/null 2>&1; }; then
		tw_did "did bring back what was changed in config.xml"
	elif tw_write 1 >/dev/null 2>&1; then
		tw_did "did restore config.xml as a whole, with whatever was changed there since"
	else
		tw_by_hand
	fi
	: >restored
}

# tw_by_hand: pfSense's own code does not run. What it would write is the file; it reads it at the next boot at the latest.
tw_by_hand() {
	if cp -p kept/1 /cf/conf/.config.xml.tunnelwright && mv -f /cf/conf/.config.xml.tunnelwright /cf/conf/config.xml; then
		rm -f /tmp/config.cache
		tw_did "failed to run pfSense's own code; config.xml is put back as a whole, and not applied"
	else
		tw_did "failed to put back config.xml"
	fi
}

# tw_start: of a charon that was there and is not.
tw_start() { /usr/local/sbin/strongswanrc start; }

# tw_timers: there are none.
tw_timers() { :; }

# tw_loadable: what pfSense generated is.
tw_loadable() { :; }

# tw_load: pfSense has charon load in the background; this is when it is over. Fails where it dies of that.
tw_load() { /usr/local/sbin/strongswanrc reload >/dev/null 2>&1 9>&- || tw_answers; }
