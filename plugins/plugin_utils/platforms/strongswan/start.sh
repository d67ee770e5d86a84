# shellcheck shell=sh
# Starts the IKE daemon by whatever runs services here, and waits for it.

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
