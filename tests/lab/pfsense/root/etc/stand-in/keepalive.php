<?php
/* STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code: written from its documented behaviour. */

/* Initiates each Phase 2 with keepalive that is not up. Neither startaction nor a disabled Phase 2 stops it; CARP BACKUP does. */
require_once('config.inc');
require_once('ipsec.inc');

foreach (ipsec_status()['disconnected']['p2'] as $name => $phase2) {
	if (standin_text($phase2, 'keepalive') !== 'enabled') {
		continue;
	}
	foreach (standin_phase1s() as $phase1) {
		if ($phase1['ikeid'] === $phase2['ikeid'] && get_carp_interface_status($phase1['interface']) !== 'BACKUP') {
			ipsec_initiate_by_conid('child', $name);
		}
	}
}
