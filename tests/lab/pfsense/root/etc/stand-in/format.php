<?php
/* STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code: written from its documented behaviour. */

/* Rewrites config.xml as this release itself would have written it, without a new revision. */
require_once('config.inc');
file_put_contents('/cf/conf/config.xml', dump_xml_config($config, $g['xml_rootobj']));
