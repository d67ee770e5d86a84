<?php
/* Sets elements of phase 1 and phase 2 entries in config.xml of pfSense, through pfSense's own code, and has it applied.
 * It runs on PHP 7.4 and later and on pfSense 2.6 and later. On standard input comes JSON:
 *   paths        of `config` and the folder `backups`
 *   fingerprint  keyed digest (`ipad`, `opad`) of the file that the edits are meant for; any other is refused
 *   edits        section, key and entry name an entry of ipsec; element, and value: an array, a text, null to remove it
 *   from         a file of an earlier revision, whose values count instead; empty for none
 *   text         what the revision is to say
 *   pending      whether changes of others that wait to be applied may be applied with it
 *   apply        whether to apply it: what only pfSense's own programs read needs no such thing
 *   terminate    a connection whose SAs are to end before it is applied, or empty, and the seconds for that
 * It answers JSON: `done`, or `refused` and nothing was written. No answer holds a value. Where the environment names a
 * file in TW_UNDO, what would take the change back is written into it, for this program.
 */
const WAIT = 30;

function digest($given, $bytes) {
	$inner = hash('sha256', hex2bin($given['ipad']) . $bytes, true);
	return hash('sha256', hex2bin($given['opad']) . $inner);
}

function printed($given) {
	clearstatcache();
	$bytes = @file_get_contents($given['paths']['config']);
	return $bytes === false ? '' : digest($given, $bytes);
}

function answered($answer) {
	while (ob_get_level()) {
		ob_end_clean();
	}
	echo json_encode($answer), "\n";
	exit(isset($answer['refused']) ? 1 : 0);
}

function refuse($why, $more = '') {
	answered(['refused' => $why, 'more' => $more]);
}

/* One of ours at a time. pfSense's own lock must not be held here: write_config() takes it, and would wait for itself. */
function alone() {
	$lock = fopen('/var/run/tunnelwright.lock', 'c');
	for ($tries = 0; $lock && !flock($lock, LOCK_EX | LOCK_NB); $tries++) {
		if ($tries >= WAIT * 10) {
			refuse('busy');
		}
		usleep(100000);
	}
	register_shutdown_function(function () use ($lock) { flock($lock, LOCK_UN); }); // a charon that is started inherits it
}

/* What pfSense says by files is asked before its code is included: that parses config.xml, and may replace it. */
function refuse_state($given) {
	if (file_exists('/var/run/booting')) {
		refuse('booting');
	}
	if (printed($given) !== $given['fingerprint']) {
		refuse('moved');
	}
	if (file_exists('/var/run/ipsec.dirty') && $given['apply'] && !$given['pending']) {
		refuse('pending');
	}
}

function read_anew() {
	global $config;
	if (function_exists('config_read_file')) {
		config_read_file(false, false);
	} else {
		$config = parse_config(true);
	}
}

/* Where an entry is in a list of ipsec; null where it is not there exactly once. */
function position($ipsec, $edit) {
	$found = [];
	foreach (isset($ipsec[$edit['section']]) && is_array($ipsec[$edit['section']]) ? $ipsec[$edit['section']] : [] as $at => $entry) {
		if (is_array($entry) && isset($entry[$edit['key']]) && (string) $entry[$edit['key']] === $edit['entry']) {
			$found[] = $at;
		}
	}
	return count($found) === 1 ? $found[0] : null;
}

/* The edits with the values that another revision has; one that it does not have is removed. */
function of_revision($given) {
	global $g;
	$old = parse_xml_config($given['from'], $g['xml_rootobj']);
	$edits = [];
	foreach ($given['edits'] as $edit) {
		$at = position($old['ipsec'], $edit);
		if ($at === null) {
			refuse('gone', $edit['section'] . ' ' . $edit['entry']);
		}
		$entry = $old['ipsec'][$edit['section']][$at];
		$edit['value'] = isset($entry[$edit['element']]) ? $entry[$edit['element']] : null;
		$edits[] = $edit;
	}
	return $edits;
}

function edit($edits) {
	global $config;
	foreach ($edits as $edit) {
		$at = position($config['ipsec'], $edit);
		if ($at === null) {
			refuse('gone', $edit['section'] . ' ' . $edit['entry']);
		}
		if ($edit['value'] === null) {
			unset($config['ipsec'][$edit['section']][$at][$edit['element']]);
		} else {
			$config['ipsec'][$edit['section']][$at][$edit['element']] = $edit['value'];
		}
	}
}

/* Whether what this version would write is XML: until 2.8 it writes letters such as an umlaut as entities of HTML. */
function refuse_unreadable() {
	global $config, $g;
	$parser = xml_parser_create();
	if (!xml_parse($parser, dump_xml_config($config, $g['xml_rootobj']), true)) {
		refuse('unwritable', xml_error_string(xml_get_error_code($parser)));
	}
}

/* write_config() copies the file under its revision's time before it writes: what somebody wrote since we looked is
 * in that copy, and comes back from there. */
function write_down($given) {
	global $config;
	$time = isset($config['revision']['time']) && $config['revision']['time'] !== '' ? $config['revision']['time'] : '0';
	$copy = $given['paths']['backups'] . "/config-$time.xml";
	if (printed($given) !== $given['fingerprint']) {
		refuse('moved');
	}
	if (!is_array(write_config($given['text']))) {
		refuse('unwritten');
	}
	$kept = @file_get_contents($copy);
	if ($kept !== false && digest($given, $kept) !== $given['fingerprint']) {
		put_back($copy);
		refuse('moved');
	}
	return $kept === false ? '' : $copy;
}

function put_back($copy) {
	$takes = (new ReflectionFunction('config_restore'))->getNumberOfParameters();
	$takes > 1 ? config_restore($copy, 'tunnelwright: what somebody else wrote meanwhile') : config_restore($copy);
}

/* What takes the change back: the same elements, from the copy. */
function write_undo($given, $copy) {
	$undo = ['from' => $copy, 'fingerprint' => printed($given), 'pending' => true, 'terminate' => ''] + $given;
	$undo['text'] = 'taken back: ' . $given['text'];
	foreach ($undo['edits'] as $at => $edit) {
		$undo['edits'][$at]['value'] = null;
	}
	$path = (string) getenv('TW_UNDO');
	if ($path !== '' && $copy !== '') {
		file_put_contents($path, json_encode($undo));
		chmod($path, 0600);
	}
}

function take_effect($given) {
	if ($given['terminate'] !== '') {
		exec('/usr/local/sbin/swanctl --terminate --ike ' . escapeshellarg($given['terminate']) . ' --timeout '
			. (int) $given['timeout'] . ' 2>&1');
	}
	ipsec_configure();
	if (function_exists('ipsec_reload_package_hook')) {
		ipsec_reload_package_hook();
	}
	clear_subsystem_dirty('ipsec');
}

$given = json_decode(stream_get_contents(STDIN), true);
ob_start();
alone();
refuse_state($given);
require_once('config.inc');
require_once('functions.inc');
require_once('filter.inc');
require_once('ipsec.inc');
require_once('util.inc');
read_anew();
refuse_unreadable();
edit($given['from'] === '' ? $given['edits'] : of_revision($given));
refuse_unreadable();
$copy = write_down($given);
write_undo($given, $copy);
if ($given['apply']) {
	take_effect($given);
}
answered(['done' => true, 'copy' => $copy]);
