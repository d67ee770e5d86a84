# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (daemon.py)
# Starts the IKE daemon by whatever runs services here, or has it load its configuration.

tw_start() {
	if [ -d /run/systemd/system ]; then
		for tw_unit in strongswan.service charon-systemd.service strongswan-swanctl.service; do
			if systemctl cat "$tw_unit" >/dev/null 2>&1; then
				systemctl start "$tw_unit"
				return
			fi
		done
		echo "systemd knows no unit of strongSwan" >&2
		return 1
	fi
	for tw_script in /etc/init.d/strongswan /etc/init.d/strongswan-swanctl /usr/local/etc/rc.d/strongswan; do
		if [ -x "$tw_script" ]; then
			"$tw_script" start >/dev/null
			return
		fi
	done
	echo "neither systemd nor an init script starts strongSwan here" >&2
	return 1
}

tw_wait() {
	tw_waited=0
	until tw_answers; do
		[ "$tw_waited" -lt "$TW_TIMEOUT" ] || return 1
		sleep 1
		tw_waited=$((tw_waited + 1))
	done
}

tw_said=$(tw_parses "$TW_CONFIG" 2>&1) || tw_refuse refused "strongSwan's parser does not accept $TW_CONFIG: $tw_said"
if [ "$TW_DO" = start ]; then
	section start tw_start || finish
	section wait tw_wait || finish
else
	tw_lost=$(tw_would_lose)
	[ -z "$tw_lost" ] || tw_refuse refused "loading $TW_CONFIG would unload $(printf '%s' "$tw_lost" | tr '\n' ' ')which the daemon holds and the file does not"
	section load swanctl --load-all --noprompt
fi
section loaded tw_loaded
