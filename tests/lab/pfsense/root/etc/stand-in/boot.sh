#!/bin/sh
# STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code.
# The folders and links of a pfSense box over a Debian root.
set -e
mkdir -p /var/etc /var/db /var/run/stand-in /cf/conf/backup /usr/local/etc/rc.d
[ -e /conf ] || ln -s /cf/conf /conf
rm -rf /etc/swanctl
ln -s /var/etc/ipsec /etc/swanctl
ln -sf /var/etc/ipsec/strongswan.conf /usr/local/etc/strongswan.conf
: >/var/log/ipsec.log
: >/var/log/system.log
{
	echo '#!/usr/local/bin/php'
	cat /etc/stand-in/keepalive.php
} >/usr/local/bin/ipsec_keepalive.php
chmod 755 /usr/local/bin/ipsec_keepalive.php
