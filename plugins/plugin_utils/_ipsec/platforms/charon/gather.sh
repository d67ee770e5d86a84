# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_..., digest.sh, follow.sh, conf.sh, standing.sh and starter.sh come before this text (gather.py)
# Reads one strongSwan gateway and changes nothing. Secrets are replaced here, before anything is sent.
tw_routes_max=1000
tw_nat_max=1000
tw_lines_max=20000
tw_log_max=2000000 # read.py knows it too

# ---- configuration files

# tw_token "LINES OCTAL": the word that stands for a secret, with as many line ends as the secret had.
tw_token() {
	tw_hash=''
	[ "$tw_digest_length" = 0 ] || tw_hash=$(tw_hmac "${1#* }")
	printf '"@psk:%s' "$tw_hash"
	tw_lines=${1%% *}
	while [ "$tw_lines" -gt 0 ]; do
		printf '\\\n'
		tw_lines=$((tw_lines - 1))
	done
	printf '"'
}

# The keys whose values are shown: those that strongSwan knows, of keys.py and in pools, authorities and certificates.
tw_known='aaa_id|addrs|aggressive|ah_proposals|auth|ca_id|cacert|cacerts|cert_policy|cert_uri_base|certs|childless|'
tw_known=$tw_known'close_action|copy_df|copy_dscp|copy_ecn|crl_uris|dhcp|dns|dpd_action|dpd_delay|dpd_timeout|dscp|eap_id|encap|'
tw_known=$tw_known'esp_proposals|file|fragmentation|groups|handle|hostaccess|hw_offload|id|if_id_in|if_id_out|inactivity|'
tw_known=$tw_known'interface|ipcomp|keyingtries|label|label_mode|life_bytes|life_packets|life_time|local_addrs|local_port|'
tw_known=$tw_known'local_ts|mark_in|mark_in_sa|mark_out|mediated_by|mediation|mediation_peer|mobike|mode|module|nbns|netmask|ocsp|'
tw_known=$tw_known'ocsp_uris|over_time|per_cpu_sas|policies|policies_fwd_out|pools|ppk_id|ppk_required|priority|proposals|pubkeys|'
tw_known=$tw_known'pull|rand_bytes|rand_packets|rand_time|reauth_time|rekey_bytes|rekey_packets|rekey_time|remote_addrs|'
tw_known=$tw_known'remote_port|remote_ts|replay_window|reqid|revocation|round|send_cert|send_certreq|server|set_mark_in|'
tw_known=$tw_known'set_mark_out|sha256_96|slot|split_exclude|split_include|start_action|subnet|tfc_padding|unique|updown|version|'
tw_known=$tw_known'vips|xauth_id'

# tw_is_plain FILE: is each line of it of a kind that holds no secret? Cheap, and only errs towards no.
tw_is_plain() {
	tr '\000\015A-Z' '"\040a-z' <"$1" | awk -v known="$tw_known" '
		BEGIN {
			word = "[^#{}:.,=\" \t]+"
			plain = "^[ \t]*(#.*|[} \t]*|" word "[ \t]*(:[^#{}=\"]*)?[{]|(" known ")[ \t]*=[^#{}\"]*|include[ \t]+[^#{}\"]*)[ \t]*$"
			loud = "secret|pass|psk|pin|shared|database|updown|//.*@|#.*(key|pwd|cred|token)"
		}
		/^[ \t]*auth[ \t]*=[ \t]*psk[ \t]*$/ { next }
		$0 !~ plain || $0 ~ loud { other = 1; exit }
		END { exit other }'
}

# tw_redacted FILE: the file without its secrets, then "@spans FINGERPRINT SIZE SPANS" as redact.awk has it.
tw_redacted() {
	if tw_is_plain "$1"; then
		cat "$1" && printf '\n@spans\n'
		return
	fi
	if grep -q -e '-----BEGIN' "$1" || [ "$(tr -dc '\000' <"$1" | wc -c)" -gt 0 ]; then
		echo 'it has PEM armour or a NUL byte in it, so nothing of it is shown: keep keys in files of their own' >&2
		return 1
	fi
	tw_print=$(tw_fingerprint "$1") || tw_print=-
	tw_lex '' "$1" | while IFS= read -r tw_line; do
		case $tw_line in
		T*) printf '%b' "${tw_line#T}" ;;
		S*) tw_token "${tw_line#S}" ;;
		P*) printf '\n@spans %s %s\n' "$tw_print" "${tw_line#P}" ;;
		esac
	done
}

tw_stat() { stat -L -c '%a %U %G %s' "$@" 2>/dev/null || stat -L -f '%Lp %Su %Sg %z' "$@"; }

# Sections files, unread, stats and file-0, file-1, ...; again if a file changed meanwhile.
tw_config() {
	tw_follow includes "$TW_CONFIG" 2>/dev/null && tw_whole=0 || tw_whole=1
	tw_ifs=$IFS
	IFS=$tw_nl
	set -f
	# shellcheck disable=SC2086  # one word for every line
	set -- $tw_files
	set +f
	IFS=$tw_ifs
	section files printf '%s' "$tw_files"
	section unread printf '%s' "$tw_unread"
	section whole return_ "$tw_whole"
	[ $# -gt 0 ] || return 0
	tw_before=$(tw_sha256 "$@" 2>/dev/null)
	section stats tw_stat "$@"
	tw_index=0
	for tw_file; do
		section "file-$tw_index" tw_redacted "$tw_file"
		tw_index=$((tw_index + 1))
	done
	[ "$tw_before" = "$(tw_sha256 "$@" 2>/dev/null)" ]
}

return_() { return "$1"; }

# ---- the daemon

tw_limited() {
	if tw_has timeout; then timeout 30 "$@"; else "$@"; fi
}

tw_commands() {
	if [ -d /proc/self ]; then cat /proc/[0-9]*/comm 2>/dev/null; else ps -A -o comm; fi | sed 's,.*/,,' | sort -u
}

tw_daemon() {
	section swanctl command -v swanctl || return 0
	section stats-reply tw_limited swanctl --stats --pretty || return 0
	section daemon-version tw_limited swanctl --version --daemon --pretty
	section conns tw_limited swanctl --list-conns --pretty
	if [ "$TW_SAS" = 1 ]; then
		section nat tw_nat
		section routes tw_routes # before SAs: one that comes up in between is young, one that goes is not listed
		section sas tw_limited swanctl --list-sas --pretty
		section policies tw_limited swanctl --list-pols --pretty
	fi
	[ "$TW_CERTIFICATES" != 1 ] || section certificates tw_limited swanctl --list-certs --pretty
}

# ---- the log

# tw_journal OPTION...: the daemon's part of the journal.
tw_journal() {
	tw_has journalctl || return 1
	journalctl --quiet --no-pager "$@" --unit='strongswan*' --unit=charon-systemd --unit=ipsec 2>/dev/null | grep .
}

# tw_log_files: the daemon's own log files, else the system's.
tw_log_files() {
	for tw_conf in /etc/strongswan.conf /etc/strongswan.d/*.conf /etc/strongswan.d/charon/*.conf \
		/usr/local/etc/strongswan.conf /usr/local/etc/strongswan.d/*.conf; do
		[ -r "$tw_conf" ] && grep -q filelog "$tw_conf" && tw_lex logs "$tw_conf"
	done | while IFS= read -r tw_path; do
		tw_path=$(printf '%b' "$tw_path")
		[ -f "$tw_path" ] && printf '%s\n' "$tw_path"
	done | grep . && return 0
	for tw_path in /var/log/daemon.log /var/log/syslog /var/log/messages; do
		[ -r "$tw_path" ] && echo "$tw_path" && return 0
	done
	return 1
}

tw_size() { wc -c <"$1" | tr -d ' '; }

# tw_ours FILE: the daemon's lines; the system's log has those of others too.
tw_ours() {
	case $1 in
	/var/log/daemon.log | /var/log/syslog | /var/log/messages) grep -E 'charon|ipsec' ;;
	*) cat ;;
	esac
}

# tw_log_end: a position for TW_LOG_FROM, a line for the journal or for each file.
tw_log_end() {
	tw_journal --lines=0 --show-cursor | sed -n 's/^-- cursor: /journal /p' | grep . && return 0
	tw_log_files | while IFS= read -r tw_path; do printf '%s %s\n' "$(tw_size "$tw_path")" "$tw_path"; done
}

# tw_log_after: what was logged since TW_LOG_FROM; a file that has become shorter is a new one.
tw_log_after() {
	tw_known=$(tw_log_files)
	printf '%s\n' "$TW_LOG_FROM" | while read -r tw_at tw_path; do
		if [ "$tw_at" = journal ]; then
			tw_journal --output=short-iso --after-cursor="$tw_path"
		elif printf '%s\n' "$tw_known" | grep -Fqx "$tw_path"; then
			[ "$(tw_size "$tw_path")" -ge "$tw_at" ] || tw_at=0
			tail -c "+$((tw_at + 1))" "$tw_path" | tw_ours "$tw_path"
		fi
	done
}

# tw_log_last: more lines than TW_LOG, for those that do not go.
tw_log_last() {
	tw_lines=$((TW_LOG * 100))
	[ "$tw_lines" -le "$tw_lines_max" ] || tw_lines=$tw_lines_max
	[ "$tw_lines" -ge "$TW_LOG" ] || tw_lines=$TW_LOG
	tw_journal --output=short-iso --lines="$tw_lines" && return 0
	tw_log_files | while IFS= read -r tw_path; do tail -n "$tw_lines_max" "$tw_path" | tw_ours "$tw_path"; done
}

# At log level 3 the daemon dumps messages in hexadecimal, at 4 keys too, those of cfg with colons between: such lines
# stay here, and do not count.
# A line more than TW_LOG tells that there were more since TW_LOG_FROM (read.py).
tw_log() {
	tw_kept=$TW_LOG
	[ -z "$TW_LOG_FROM" ] || tw_kept=$((TW_LOG + 1))
	if [ -n "$TW_LOG_FROM" ]; then tw_log_after; else tw_log_last; fi | grep -Eiv '[0-9]+: ([0-9A-F]{2} ){2,}|([0-9A-F]{2}:){7}|(key|secret|password|pin|psk): ' |
		tail -n "$tw_kept" | tail -c "$tw_log_max"
}

# ---- what surrounds it

tw_addresses() {
	if tw_has ip; then ip -o addr; else ifconfig -a; fi
}

# tw_routes: for each family the rules, then the routes of the tables that strongSwan and the system use; FreeBSD has no
# such rules, and its table as it is.
tw_routes() {
	if ! tw_has ip; then
		netstat -rnW 2>/dev/null | head -n "$tw_routes_max" | grep .
		return
	fi
	for tw_family in 4 6; do
		echo "family $tw_family"
		ip "-$tw_family" rule
		ip "-$tw_family" -o route show table 220
		ip "-$tw_family" -o route show table main
	done 2>/dev/null | head -n "$tw_routes_max"
}

# tw_rules: the rules of the packet filter, where asking loads no module: nft, and iptables where it is a face of nft, want
# nf_tables. Linux translates nothing unless it tracks connections.
tw_rules() {
	tw_limited pfctl -s nat
	[ -e /proc/sys/net/netfilter/nf_conntrack_count ] || return 0
	if grep -q '^nf_tables ' /proc/modules || ! grep -q '^ip_tables ' /proc/modules; then
		tw_limited nft --stateless --terse list ruleset
		tw_limited iptables-save
		tw_limited ip6tables-save
		return
	fi
	case $(iptables-save --version) in
	*nf_tables*) tw_limited iptables-legacy-save && tw_limited ip6tables-legacy-save ;;
	*) tw_limited iptables-save && tw_limited ip6tables-save ;;
	esac
}

# tw_nat: of each rule that translates addresses, what it does and the addresses that it names, the last being what comes out.
# Not of one that excepts something, or names more than a rule for two networks has to.
tw_nat() {
	tw_rules 2>/dev/null | awk -v most=8 '
		{
			gsub(/"([^"\\]|\\.)*"/, " ")
			gsub(/[,{}]/, " ")
			does = $1 ~ /^(nat|binat|rdr)$/ ? $1 : ""
			named = ""
			count = 0
			for (i = 1; i <= NF; i++) {
				if ($i ~ /^!/ || $i == "no" || count > most) next
				word = tolower($i)
				if (word ~ /^(snat|dnat|netmap)$/ && ($(i - 1) == "-j" || $(i + 1) ~ /^(to|ip|ip6|prefix)$/)) does = word
				if (word ~ /^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+(\/[0-9]+)?$/ ||
				    (word ~ /^[0-9a-f:]+(\/[0-9]+)?$/ && word ~ /::|:.+:.+:.+:.+:.+:.+:/ && word !~ /^[0-9a-f][0-9a-f](:[0-9a-f][0-9a-f])*$/)) {
					named = named " " word
					count++
				}
			}
			if (does && count > 1) print does named
		}' | head -n "$tw_nat_max"
}

# Averages of 1, 5 and 15 minutes, then the number of processors.
tw_load() {
	if [ ! -r /proc/loadavg ]; then
		sysctl -n vm.loadavg && sysctl -n hw.ncpu
		return
	fi
	cat /proc/loadavg && { getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo; }
}

tw_keepalives() {
	grep '^# tunnelwright keepalive: ' /dev/null /etc/systemd/system/tunnelwright-keepalive-*.timer /etc/cron.d/tunnelwright-keepalive-* 2>/dev/null
}

# tw_session: where this session comes from (sshd's SSH_CONNECTION). sudo takes that away, and is asked for what it had.
tw_session() {
	tw_pid=$$
	while [ "${tw_pid:-0}" -gt 1 ]; do
		tr '\000' '\n' <"/proc/$tw_pid/environ" | sed -n 's/^SSH_CONNECTION=//p' | grep . && return
		tw_pid=$(sed -n 's/^PPid:[[:blank:]]*//p' "/proc/$tw_pid/status")
	done
	printf '%s\n' "${SSH_CONNECTION-}"
} 2>/dev/null

tw_about() {
	uname -n
	date +%s
	uname -srm
	if [ -d /run/systemd/system ]; then echo systemd; else echo other; fi
	echo "$tw_digest_length"
	date +%z
}

# tw_reading: the configuration, read again where it changed meanwhile.
tw_reading() {
	tw_settings
	tw_tries=0
	until tw_config || [ "$tw_tries" -ge 2 ]; do tw_tries=$((tw_tries + 1)); done
	section config return_ "$tw_tries"
}

# tw_machine: what surrounds the daemon.
tw_machine() {
	section about tw_about
	section commands tw_commands
	section addresses tw_addresses
	section load tw_load
	section session tw_session
}

# tw_writes_keys: the levels at which one of strongswan.conf's loggers writes keys, or may: what is no level of one digit.
tw_writes_keys() {
	tw_groups='default|dmn|mgr|ike|chd|job|cfg|knl|net|asn|enc|app|lib|esp|tls|tnc|imc|imv|pts'
	tw_ifs=$IFS
	IFS=$tw_nl
	set -f
	# shellcheck disable=SC2086  # one word for every line
	set -- $tw_conf_files
	set +f
	IFS=$tw_ifs
	[ $# -gt 0 ] || return 1
	# Packages bring a hundred files, and few of them have levels.
	grep -lE "(^|[^A-Za-z0-9_.-])($tw_groups)[[:blank:]]*=" "$@" | while IFS= read -r tw_file; do
		tw_some "$tw_file" | grep -Eo "(^|[^A-Za-z0-9_.-])($tw_groups)[[:blank:]]*=[[:blank:]]*([4-9]|unreadable)"
		# a file with levels and no logger is included inside one
		grep -Eq '^[^#]*(filelog|syslog|journal)' "$tw_file" ||
			grep -Eo "^[[:blank:]]*($tw_groups)[[:blank:]]*=[[:blank:]]*\"?([4-9]|[1-9][0-9]+)" "$tw_file"
	done | grep -Eo '[a-z].*'
}

# A log in which there may be keys stays where it is.
tw_logged() {
	[ "$TW_LOG" != 0 ] || return 0
	section log-end tw_log_end
	if ! section log-keys tw_writes_keys; then section log tw_log; fi
}

tw_strongswan() {
	section platform echo strongswan
	section guard tw_standing
	section rolled-back tw_rolled_back
	tw_machine
	section keepalives tw_keepalives
	tw_reading
	section starter tw_loading_starter
	tw_daemon
	tw_logged
}
