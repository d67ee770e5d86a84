# shellcheck shell=sh
# Starts the IKE daemon by whatever runs services here, and waits for it.

# tw_starter: what that is, "unit NAME" or "script PATH". Where there are several units, the one that runs: in Debian 10
# strongswan.service is that of ipsec.conf.
tw_starter() {
	if [ -d /run/systemd/system ]; then
		for tw_asked in is-active cat; do
			for tw_unit in strongswan.service charon-systemd.service strongswan-swanctl.service; do
				systemctl "$tw_asked" "$tw_unit" >/dev/null 2>&1 && echo "unit $tw_unit" && return
			done
		done
		echo "systemd knows no unit of strongSwan" >&2
		return 1
	fi
	for tw_script in /etc/init.d/strongswan /etc/init.d/strongswan-swanctl /usr/local/etc/rc.d/strongswan; do
		[ -x "$tw_script" ] && echo "script $tw_script" && return
	done
	echo "neither systemd nor an init script starts strongSwan here" >&2
	return 1
}

tw_start() {
	tw_by=$(tw_starter) || return
	case $tw_by in
	unit*) systemctl start "${tw_by#unit }" ;;
	*) "${tw_by#script }" start >/dev/null ;;
	esac
}
