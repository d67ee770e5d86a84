<?php
/* Reads config.xml of pfSense and answers JSON. It changes nothing, includes no file of pfSense (to parse a broken
 * config.xml with pfSense's own code restores a backup), and runs on PHP 7.4 and later. On standard input comes JSON:
 * `paths` of the files, and `ipad` and `opad`, the blocks that HMAC-SHA-256 begins with, in hexadecimal.
 *
 * Only the elements in OPEN are shown. Pre-shared keys leave as keyed digests; of what else there is, the names.
 */
const LISTS = ['phase1', 'phase2', 'mobilekey', 'item', 'encryption-algorithm-option', 'hash-algorithm-option', 'rule',
	'vip', 'gateway_group'];
const OPEN = ['ikeid', 'iketype', 'mode', 'disabled', 'interface', 'mobile', 'remote-gateway', 'ikeport', 'nattport',
	'protocol', 'myid_type', 'myid_data', 'peerid_type', 'peerid_data', 'name', 'keylen', 'hash-algorithm',
	'prf-algorithm', 'dhgroup', 'lifetime', 'rekey_time', 'reauth_time', 'rand_time', 'certref', 'caref',
	'authentication_method', 'descr', 'nat_traversal', 'mobike', 'gw_duplicates', 'startaction', 'closeaction',
	'prfselect_enable', 'dpd_delay', 'dpd_maxfail', 'splitconn', 'tfc_enable', 'tfc_bytes', 'uniqid', 'reqid', 'type',
	'address', 'netbits', 'hash-algorithm-option', 'pfsgroup', 'pinghost', 'keepalive',
	'uniqueids', 'filtermode', 'port', 'port_nat_t', 'dns-interval', 'maxexchange', 'ikev2_retransmit_tries',
	'ikev2_retransmit_timeout', 'ikev2_retransmit_base', 'ikev2_retransmit_jitter', 'ikev2_retransmit_limit',
	'makebeforebreak', 'strictcrlpolicy', 'noshuntlaninterfaces', 'ipsecbypass', 'source', 'srcmask', 'destination',
	'dstmask', 'async_crypto', 'enableinterfacesuse', 'acceptunencryptedmainmode', 'unityplugin', 'compression',
	'pkcs11support', 'enable', 'ident', 'pool_address', 'pool_netbits',
	'if', 'ipaddr', 'subnet', 'ipaddrv6', 'subnetv6', 'vhid', 'advskew', 'subnet_bits',
	'hostname', 'domain', 'pfsyncenabled', 'synchronizetoip', 'synchronizeipsec', 'time', 'description', 'username'];
const SECTIONS = ['version' => ['version'], 'ipsec' => [], 'interfaces' => [], 'virtualip' => ['vip'],
	'gateways' => ['gateway_group'], 'hasync' => [], 'system' => ['hostname', 'domain'], 'revision' => []];
const REVISIONS = 10;

function digest($given, $bytes) {
	$inner = hash('sha256', hex2bin($given->ipad) . $bytes, true);
	return hash('sha256', hex2bin($given->opad) . $inner);
}

/* config.xml as pfSense's xmlparse.inc reads it: each piece of text trimmed and its entities decoded by itself. */
class Reader {
	public $tree = null;
	public $error = '';
	private $path = [];
	private $text = [];
	private $seen = [];

	public function read($xml) {
		$parser = xml_parser_create();
		xml_parser_set_option($parser, XML_OPTION_CASE_FOLDING, 0);
		xml_parser_set_option($parser, XML_OPTION_SKIP_WHITE, 1);
		xml_set_element_handler($parser,
			function ($parser, $name) { $this->open($parser, strtolower($name)); },
			function ($parser, $name) { $this->close(strtolower($name)); });
		xml_set_character_data_handler($parser, function ($parser, $data) { $this->said($data); });
		for ($at = 0; $at < strlen($xml) && $this->error === ''; $at += 4096) {
			if (!xml_parse($parser, substr($xml, $at, 4096), $at + 4096 >= strlen($xml))) {
				$this->error = xml_error_string(xml_get_error_code($parser)) . ' at line '
					. xml_get_current_line_number($parser);
			}
		}
		return $this->error === '' && is_array($this->tree);
	}

	private function open($parser, $name) {
		$depth = count($this->path);
		if ($depth && !in_array($name, LISTS, true) && $this->listed() && isset($this->seen[$depth][$name])
			&& $this->error === '') {
			$this->error = "$name occurs more than once at line " . xml_get_current_line_number($parser);
		}
		$this->seen[$depth][$name] = true;
		$this->seen[$depth + 1] = [];
		$this->path[] = [$name, []];
		$this->text[] = null;
	}

	/* Lists elsewhere in the file do not matter here. */
	private function listed() {
		return count($this->path) > 1 && in_array($this->path[1][0], ['ipsec', 'interfaces', 'hasync', 'revision'], true);
	}

	private function said($data) {
		$data = trim($data, "\t\n\r");
		$last = count($this->text) - 1;
		if ($last >= 0 && $data !== '' && ($this->text[$last] !== null || trim($data, ' ') !== '')) {
			$this->text[$last] .= html_entity_decode($data);
		}
	}

	private function close($name) {
		list(, $children) = array_pop($this->path);
		$text = array_pop($this->text);
		$value = $children ? $children : (string) $text;
		if (!$this->path) {
			$this->tree = ['root' => $name, 'body' => $value];
			return;
		}
		$last = count($this->path) - 1;
		if (!in_array($name, LISTS, true)) {
			$this->path[$last][1][$name] = $value;
		} elseif ($value !== '') {
			$this->path[$last][1][$name][] = $value;
		}
	}
}

/* The value without its secrets. A list stays one; of an element that is not open only the name is told. */
function shown($given, $value) {
	$found = [];
	foreach ($value as $name => $child) {
		if (is_array($child)) {
			$found[$name] = isset($child[0]) ? listed($given, $name, $child) : (object) shown($given, $child);
		} elseif (in_array((string) $name, OPEN, true)) {
			$found[$name] = $child;
		} elseif ($name === 'pre-shared-key' && trim($child) !== '') {
			$found['@psk'] = digest($given, trim($child));
		} elseif ($child !== '') {
			$found['@hidden'][] = (string) $name;
		}
	}
	return $found;
}

function listed($given, $name, $values) {
	$found = [];
	foreach ($values as $value) {
		if (is_array($value)) {
			$found[] = (object) shown($given, $value);
		} elseif (in_array($name, OPEN, true)) {
			$found[] = $value;
		}
	}
	return $found;
}

function sections($given, $config) {
	$found = [];
	foreach (SECTIONS as $name => $only) {
		if (!isset($config[$name])) {
			continue;
		}
		$value = $config[$name];
		if (!is_array($value)) {
			$found[$name] = $name === 'version' ? $value : (object) [];
			continue;
		}
		$found[$name] = (object) shown($given, $only ? array_intersect_key($value, array_flip($only)) : $value);
	}
	return $found;
}

/* The newest of the kept revisions, as pfSense lists them: time of each, and who changed what. */
function revisions($cache) {
	$known = is_readable($cache) ? @unserialize(file_get_contents($cache), ['allowed_classes' => false]) : [];
	$found = [];
	foreach (is_array($known) ? $known : [] as $time => $about) {
		if (is_numeric($time) && is_array($about)) {
			$found[] = ['time' => (int) $time, 'description' => isset($about['description']) ? $about['description'] : ''];
		}
	}
	usort($found, function ($one, $other) { return $other['time'] - $one['time']; });
	return array_slice($found, 0, REVISIONS);
}

function answer($given) {
	$paths = $given->paths;
	if (!is_readable($paths->config)) {
		return ['problem' => is_file($paths->config) ? 'denied' : 'missing'];
	}
	$xml = file_get_contents($paths->config);
	$found = ['fingerprint' => digest($given, $xml), 'size' => strlen($xml)];
	if (strpos(substr($xml, 0, 4096), '---- BEGIN config.xml ----') !== false) {
		return $found + ['problem' => 'encrypted'];
	}
	$reader = new Reader();
	if (!$reader->read($xml)) {
		return $found + ['problem' => 'broken', 'error' => $reader->error];
	}
	$body = $reader->tree['body'];
	return $found + [
		'root' => $reader->tree['root'],
		'config' => (object) sections($given, is_array($body) ? $body : []),
		'revisions' => revisions($paths->backups),
	];
}

$given = json_decode(stream_get_contents(STDIN));
echo json_encode(answer($given), JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES), "\n";
