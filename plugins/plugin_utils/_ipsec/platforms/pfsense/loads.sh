# shellcheck shell=sh
# How pfSense's charon loads what was generated.

# tw_loads: pfSense has charon load in the background. The same again, to know when it is over and whether it went well.
tw_loads() {
	/usr/local/sbin/strongswanrc reload >/dev/null 2>&1
	swanctl --load-conns --file /var/etc/ipsec/swanctl.conf
}
