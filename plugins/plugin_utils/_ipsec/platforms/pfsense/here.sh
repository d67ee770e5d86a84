# shellcheck shell=sh
# shellcheck disable=SC2034 # tw_php is for what comes after
# Whether this is a pfSense.
tw_php=/usr/local/bin/php

# tw_pfsense_here: whether this is a pfSense. OPNsense has such a PHP and config.xml too, and no /etc/inc.
tw_pfsense_here() { [ -x "$tw_php" ] && [ -e /cf/conf/config.xml ] && [ -e /etc/inc/config.inc ]; }
