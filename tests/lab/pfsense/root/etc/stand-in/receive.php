<?php
/* STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code: written from its documented behaviour. */

/* HA's receiving end: what the primary sent (/var/run/stand-in/sent-ADDRESS.xml, on standard input) replaces the whole section. */
require_once('config.inc');
require_once('functions.inc');

file_put_contents('/var/run/stand-in/received.xml', stream_get_contents(STDIN));
$received = parse_xml_config('/var/run/stand-in/received.xml', $g['xml_rootobj']);
unlink('/var/run/stand-in/received.xml');
if ($received['ipsec'] !== $config['ipsec']) {
	$config['ipsec'] = $received['ipsec'];
	write_config('Merged in config (ipsec) from the primary');
	ipsec_configure();
}
