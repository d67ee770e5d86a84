<?php
/* Sets elements of phase 1 and phase 2 entries in config.xml of pfSense, through pfSense's own code, and has it applied.
 * It runs on PHP 7.4 and later and on pfSense 2.6 and later. On standard input comes JSON:
 *   paths        of `config` and the folder `backups`
 *   fingerprint  keyed digest (`ipad`, `opad`) of the file that the edits are meant for, any other is refused; empty for
 *                whatever is there
 *   edits        section, key and entry name an entry of ipsec, an empty section ipsec itself; element, and value: an array,
 *                a text, null to remove it
 *   from         a file of an earlier revision, whose values count instead; empty for none
 *   journal      a file that names the edits instead: those of a guard, to be taken back where nobody has changed them since
 *   text         what the revision is to say
 *   pending      whether changes of others that wait to be applied may be applied with it
 *   apply        whether to apply it: what only pfSense's own programs read needs no such thing
 *   terminate    a connection whose SAs are to end before it is applied, or empty, and the seconds for that
 * It answers JSON: `done`, or `refused` and nothing was written. No answer holds a value. Where the environment names a
 * file in TW_UNDO, what would take the change back is written into it, for this program. With TW_WHOLE the file `from` comes
 * back as a whole. Where a guard stands on this gateway (guard.py), it is noted which elements were changed.
 */
const WAIT = 30;
const GUARD = '/etc/tunnelwright/guard';

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
	if ($given['fingerprint'] !== '' && printed($given) !== $given['fingerprint']) {
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

/* Where an entry is in a list of ipsec; null where it is not there exactly once. ipsec itself is in no list. */
function position($ipsec, $edit) {
	if ($edit['section'] === '') {
		return is_array($ipsec) ? 0 : null;
	}
	$found = [];
	foreach (isset($ipsec[$edit['section']]) && is_array($ipsec[$edit['section']]) ? $ipsec[$edit['section']] : [] as $at => $entry) {
		if (is_array($entry) && isset($entry[$edit['key']]) && (string) $entry[$edit['key']] === $edit['entry']) {
			$found[] = $at;
		}
	}
	return count($found) === 1 ? $found[0] : null;
}

/* What an element of an entry holds; null where it is not there. */
function held($ipsec, $edit) {
	$entry = $edit['section'] === '' ? $ipsec : $ipsec[$edit['section']][position($ipsec, $edit)];
	return isset($entry[$edit['element']]) ? $entry[$edit['element']] : null;
}

/* The edits with the values that another revision has; one that it does not have is removed. */
function of_revision($edits, $from) {
	global $g;
	$old = parse_xml_config($from, $g['xml_rootobj']);
	foreach ($edits as $at => $edit) {
		if (position($old['ipsec'], $edit) === null) {
			refuse('gone', $edit['section'] . ' ' . $edit['entry']);
		}
		$edits[$at]['value'] = held($old['ipsec'], $edit);
	}
	return $edits;
}

/* What the guard's journal names, each element once, but for what is no longer there or has another value by now. */
function of_journal($journal) {
	global $config;
	$last = [];
	foreach (file($journal, FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES) as $line) {
		$edit = json_decode($line, true);
		$last[$edit['section'] . ' ' . $edit['entry'] . ' ' . $edit['element']] = $edit;
	}
	return array_values(array_filter($last, function ($edit) use ($config) {
		return position($config['ipsec'], $edit) !== null && made_of(held($config['ipsec'], $edit)) === $edit['made'];
	}));
}

function asked($given) {
	$edits = $given['journal'] === '' ? $given['edits'] : of_journal($given['journal']);
	return $given['from'] === '' ? $edits : of_revision($edits, $given['from']);
}

/* What tells whether a value is still the one that was written; where it is kept only root reads it. */
function made_of($value) {
	return hash('sha256', json_encode($value));
}

function edit($edits) {
	global $config;
	foreach ($edits as $edit) {
		$at = position($config['ipsec'], $edit);
		if ($at === null) {
			refuse('gone', $edit['section'] . ' ' . $edit['entry']);
		}
		if ($edit['section'] === '') {
			$place = &$config['ipsec'];
		} else {
			$place = &$config['ipsec'][$edit['section']][$at];
		}
		if ($edit['value'] === null) {
			unset($place[$edit['element']]);
		} else {
			$place[$edit['element']] = $edit['value'];
		}
		unset($place);
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
	$began = time();
	if (!is_array(write_config($given['text']))) {
		refuse('unwritten');
	}
	clearstatcache();
	$kept = @filemtime($copy) >= $began ? @file_get_contents($copy) : false;
	if ($kept !== false && digest($given, $kept) !== $given['fingerprint']) {
		put_back($copy, 'tunnelwright.ipsec: what someone else wrote meanwhile');
		refuse('moved');
	}
	return $kept === false ? '' : $copy;
}

function put_back($copy, $text) {
	$takes = (new ReflectionFunction('config_restore'))->getNumberOfParameters();
	$takes > 1 ? config_restore($copy, $text) : config_restore($copy);
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

/* For the guard: which elements a rollback is to bring back. */
function note($given) {
	if (is_file(GUARD . '/journal') && $given['from'] === '') {
		foreach ($given['edits'] as $edit) {
			$edit['made'] = made_of($edit['value']);
			unset($edit['value']);
			file_put_contents(GUARD . '/journal', json_encode($edit) . "\n", FILE_APPEND);
		}
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
$given['fingerprint'] = $given['fingerprint'] === '' ? printed($given) : $given['fingerprint'];
require_once('config.inc');
require_once('functions.inc');
require_once('filter.inc');
require_once('ipsec.inc');
require_once('util.inc');
read_anew();
if (getenv('TW_WHOLE')) {
	put_back($given['from'], $given['text']);
	take_effect($given);
	answered(['done' => true, 'copy' => '']);
}
refuse_unreadable();
$edits = asked($given);
if (!$edits) {
	answered(['done' => true, 'copy' => '']);
}
edit($edits);
refuse_unreadable();
$copy = write_down($given);
write_undo($given, $copy);
note($given);
if ($given['apply']) {
	take_effect($given);
}
answered(['done' => true, 'copy' => $copy]);
