#!/bin/sh
# STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code.
# A box that runs: its own configuration generated and charon started on it. Nothing is loaded until the lab says so.
set -e
/bin/sh /etc/stand-in/boot.sh
# Userspace ESP also takes in what bypasslan lets pass; so what is connected comes before what is tunnelled.
ip rule add pref 219 lookup main suppress_prefixlength 0
hostname "$(cat /etc/hostname)"
/usr/sbin/sshd -f /etc/ssh/lab_config
: >/var/run/booting
php=/usr/local/bin/php
$php -f /etc/stand-in/format.php
LAB_NO_LOAD=1 $php -r 'require_once("config.inc"); require_once("ipsec.inc"); ipsec_configure();'
[ ! -e /var/etc/ipsec/swanctl.conf ] || LAB_NO_LOAD=1 /usr/local/sbin/strongswanrc start
minicron=/usr/local/bin/minicron
$minicron "$(cat /etc/stand-in/interval)" /var/run/ipsec_keepalive.pid /usr/local/bin/ipsec_keepalive.php
$minicron "$(cat /etc/stand-in/interval)" /var/run/ping_hosts.pid /usr/local/bin/ping_hosts.sh
rm /var/run/booting
