# shellcheck shell=sh
# shellcheck disable=SC2154  # strongSwan's gather.sh, what it needs, and here.sh come before this text (gather.py), TW_... too
# shellcheck disable=SC2034,SC2329  # TW_CONFIG is for gather.sh, and what tw_pfsense defines is called there
# Reads one pfSense and changes nothing: config.xml by its PHP, what was generated from it, and what its charon has.

tw_php_reads() {
	printf '%s' "$TW_ASKED" | "$tw_php" -d display_errors=stderr -d memory_limit=512M -r "$TW_READ_PHP"
}

# tw_marks: what pfSense says by files: unapplied changes of IPsec, and that it is booting.
tw_marks() {
	[ ! -e /var/run/ipsec.dirty ] || echo dirty
	[ ! -e /var/run/booting ] || echo booting
}

# tw_carp: each interface, and below it its addresses of CARP and their state.
tw_carp() { ifconfig -a | grep -E '^[a-z]|vhid'; }

tw_pinghosts() { cat /var/db/ipsecpinghosts; }

tw_pfsense() {
	tw_main_conf() { [ -f /var/etc/ipsec/strongswan.conf ] && echo /var/etc/ipsec/strongswan.conf; }
	tw_log_files() { [ -f /var/log/ipsec.log ] && echo /var/log/ipsec.log; }
	tw_journal() { return 1; }
	TW_CONFIG=/var/etc/ipsec/swanctl.conf
	section platform echo pfsense
	section guard tw_standing
	section rolled-back tw_rolled_back
	section version cat /etc/version
	section marks tw_marks
	section config.xml tw_php_reads
	tw_machine
	section carp tw_carp
	section pinghosts tw_pinghosts
	tw_reading
	tw_daemon
	tw_logged
}
