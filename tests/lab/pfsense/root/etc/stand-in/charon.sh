#!/bin/sh
# STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code.
# charon on the generated files, with userspace ESP, for there is none in the kernel. Its log looks as pfSense's syslog writes it.
echo $$ >/var/run/charon.pid
cat >/var/run/stand-in/strongswan.conf <<-END
	include /var/etc/ipsec/strongswan.conf
	charon-systemd {
	  load_modular = no
	  load = $(cat /etc/stand-in/plugins)
	  install_routes = yes
	  filelog {
	    main : charon.syslog.daemon {
	      path = /var/log/ipsec.log
	      time_format = %b %e %T $(hostname -s) charon[$$]:
	      flush_line = yes
	    }
	  }
	  plugins {
	    kernel-libipsec {
	      raw_esp = yes
	    }
	  }
	}
END
STRONGSWAN_CONF=/var/run/stand-in/strongswan.conf exec charon-systemd
