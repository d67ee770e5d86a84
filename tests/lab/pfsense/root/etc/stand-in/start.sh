#!/bin/sh
# STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code.
# A box that runs: its own configuration generated and charon started on it. When the lab comes up, nothing is loaded until it
# says so; after `restart` all is.
set -e
/bin/sh /etc/stand-in/boot.sh
# Userspace ESP also takes in what bypasslan lets pass; so what is connected comes before what is tunnelled.
ip rule list | grep -q '^219:' || ip rule add pref 219 lookup main suppress_prefixlength 0
hostname "$(cat /etc/hostname)"
/usr/sbin/sshd -f /etc/ssh/lab_config
: >/var/run/booting
php=/usr/local/bin/php
LAB_NO_LOAD=1
[ "$1" != restart ] || LAB_NO_LOAD=
export LAB_NO_LOAD
$php -f /etc/stand-in/format.php
$php -r 'require_once("config.inc"); require_once("ipsec.inc"); ipsec_configure();'
[ ! -e /var/etc/ipsec/swanctl.conf ] || /usr/local/sbin/strongswanrc start
minicron=/usr/local/bin/minicron
$minicron "$(cat /etc/stand-in/interval)" /var/run/ipsec_keepalive.pid /usr/local/bin/ipsec_keepalive.php
$minicron "$(cat /etc/stand-in/interval)" /var/run/ping_hosts.pid /usr/local/bin/ping_hosts.sh
rm /var/run/booting
/etc/rc.start_packages
