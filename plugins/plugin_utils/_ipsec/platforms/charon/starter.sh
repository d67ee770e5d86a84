# shellcheck shell=sh
# shellcheck disable=SC2154  # start.sh and conf.sh come before this text
# Whether what starts the IKE daemon with the machine also has it load its connections.

# tw_unit_commands UNIT: the programs that systemd runs to start it, with their arguments, a line each. An empty value
# takes back what came before (systemd.service(5)).
tw_unit_commands() {
	systemctl cat "$1" | awk '
		/\\$/ { held = held substr($0, 1, length($0) - 1) " "; next }
		{ $0 = held $0; held = "" }
		/^Exec(StartPre|Start|StartPost)[ \t]*=/ {
			key = value = $0
			sub(/[ \t]*=.*/, "", key)
			sub(/^[^=]*=[ \t]*[-@:+!]*/, "", value)
			if (value == "") number[key] = 0
			else command[key, ++number[key]] = value
		}
		END { for (key in number) for (i = 1; i <= number[key]; i++) print command[key, i] }'
}

# tw_loads: does one of the lines have swanctl load connections?
tw_loads() { grep -Eq '^[^#]*(--load-all|--load-conns|swanctl.*[[:blank:]]-[qc]([[:blank:]"]|$))'; }

# tw_conf_loads: does charon itself do so, by its start-scripts in strongswan.conf?
tw_conf_loads() {
	printf '%s' "$tw_conf_files" | while IFS= read -r tw_file; do cat "$tw_file"; done | tw_loads
}

# tw_loading_starter: "loads NAME" or "nothing NAME"; "unknown NAME" where other programs might load them, or where
# something could not be read.
tw_loading_starter() {
	tw_by=$(tw_starter) || return
	tw_path=${tw_by#* } tw_others=''
	case $tw_by in
	unit*)
		tw_runs=$(tw_unit_commands "$tw_path" 2>/dev/null)
		tw_others=$(printf '%s\n' "$tw_runs" |
			grep -Ev '^([^[:blank:]]*/)?(charon-systemd|charon|swanctl|ipsec|starter)([[:blank:]]|$)')
		;;
	*)
		tw_runs=$(cat "$tw_path" 2>/dev/null)
		printf '%s\n' "$tw_runs" | grep -q '^[^#]*charon' || tw_others=$tw_path
		;;
	esac
	if printf '%s\n' "$tw_runs" | tw_loads || tw_conf_loads; then
		echo "loads $tw_path"
	elif [ -z "$tw_runs" ] || [ -n "$tw_others" ] || [ -z "$tw_conf_files" ] || [ -n "$tw_conf_unread" ]; then
		echo "unknown $tw_path"
	else
		echo "nothing $tw_path"
	fi
}
