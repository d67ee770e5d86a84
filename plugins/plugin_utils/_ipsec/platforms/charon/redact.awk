# Reads `od -An -v -tu1` of a swanctl.conf or strongswan.conf and lexes it as strongSwan's settings_lexer.l does.
# Prints, one per line, what the shell is to do:
#   T text     print the text (printf %b)
#   S n octal  print the token of a secret whose value spans n line ends; octal is the value as strongSwan would use it
#   P n spans  the file had n bytes; redacted spans as "original start, end, redacted start, end"
# known is a pattern of the keys whose values are shown; without it those of all keys that name no secret.
# With want=includes prints include patterns instead, with want=logs the paths of filelog sections (both for printf %b).
# With want=settings prints of a strongswan.conf no more than log levels and figures of retransmission: the sections on
# top, loggers in them, includes there, and those values, each on its line; with want=setting-includes those patterns
# alone (both for printf %b).
# Where the text is broken it errs towards hiding: what may be a part of a secret becomes stars of the same length.

function text(c) {
	buffer = buffer CODE[c]
	if (length(buffer) > 900) flush()
}

function flush() {
	if (buffer != "" && want == "") print "T" buffer
	buffer = ""
}

function keep(c) {
	if (inside) close_span()
	text(c); at++; out++
}

function star(c) {
	if (!inside) { inside = 1; from = at; from_out = out }
	text(c == 10 ? 10 : 42); at++; out++
}

function close_span() {
	spans = spans " " from " " at " " from_out " " out
	inside = 0
}

# ---- what is held back until it is known whether it may be shown

function hold(c) {
	held[count++] = c
	if (count < 2000) said = said PLAIN[c]
}

function release(first_hidden,   i) {
	for (i = 0; i < count; i++) if (i >= first_hidden) star(held[i]); else keep(held[i])
	drop()
}

function drop() { count = 0; said = "" }

# Held bytes were judged harmless: they go through the lexer after all.
function replay(next_state,   i, n, again) {
	n = count
	for (i = 0; i < n; i++) again[i] = held[i]
	drop(); state = next_state
	for (i = 0; i < n; i++) step(again[i])
}

# ---- secrets

# Among secrets all is one that is not known to be none.
function names_secret(name) {
	if (secrets_at && depth >= secrets_at) return name !~ /^(id[a-z0-9_-]*|file|handle|slot|module)$/
	return name ~ /secret|passw|passphrase|preshared|database/ || name == "pin" || name == "psk"
}

# Whether a name may be anything: of a key that strongSwan does not know, nobody knows what its value tells.
function is_strange(name) {
	return want == "" && known != "" && !(secrets_at && depth >= secrets_at) && name !~ ("^(" known ")$")
}

# Where in a value that is shown all the same something begins that is not for others: a password in a URI, or what a
# script is called with.
function tells(   i) {
	if (count >= 2000 || said ~ /:\/\/[^\/@]*:[^\/@]*@/) return 0
	if (key == "updown") for (i = 0; i < count; i++) if (blank(held[i])) return i
	return suspect < 0 ? count : suspect
}

# The value as swanctl's load_creds.c takes it: 0x and 0s are hexadecimal and base64.
function octal(   i, s, two) {
	two = used > 1 ? tolower(PLAIN[effective[0]] PLAIN[effective[1]]) : ""
	if (two == "0x") return from_hex()
	if (two == "0s") return from_base64()
	for (i = 0; i < used; i++) s = s sprintf("\\0%03o", effective[i])
	return s
}

# As chunk_from_hex(): colons are skipped, an odd first digit stands alone, any other character counts as 0.
function from_hex(   i, n, digits, s, begin) {
	begin = (used > 3 && PLAIN[effective[2]] PLAIN[effective[3]] == "0x") ? 4 : 2
	for (i = begin; i < used; i++) if (effective[i] != 58) digits[n++] = nibble(effective[i])
	i = 0
	if (n % 2) s = sprintf("\\0%03o", digits[i++])
	for (; i < n; i += 2) s = s sprintf("\\0%03o", digits[i] * 16 + digits[i + 1])
	return s
}

function nibble(c,   p) {
	p = index("0123456789abcdef", tolower(PLAIN[c]))
	return (c > 47 && p) ? p - 1 : 0
}

# As chunk_from_base64(): whole groups of four only; each "=" shortens what is made.
function from_base64(   i, j, n, four, made, s, bytes) {
	made = 0
	for (i = 2; i + 3 < used; i += 4) {
		made += 3
		for (j = 0; j < 4; j++) {
			if (effective[i + j] == 61 && made > 0) made--
			four[j] = sextet(effective[i + j])
		}
		bytes[n++] = (four[0] * 4 + int(four[1] / 16)) % 256
		bytes[n++] = (four[1] * 16 + int(four[2] / 4)) % 256
		bytes[n++] = (four[2] * 64 + four[3]) % 256
	}
	for (i = 0; i < made; i++) s = s sprintf("\\0%03o", bytes[i])
	return s
}

function sextet(c,   p) {
	if (c == 61) return 0
	if (c == 45) return 62
	if (c == 95) return 63
	p = index("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", PLAIN[c])
	return p ? p - 1 : 255
}

function token(   i, lines, size) {
	for (i = 0; i < last; i++) if (held[i] == 10) lines++
	if (inside) close_span()
	flush()
	if (want == "") print "S" (lines + 0) " " octal()
	size = 7 + digest_length + 2 * lines
	spans = spans " " at " " (at + last) " " out " " (out + size)
	at += last; out += size
	for (i = last; i < count; i++) keep(held[i])
	drop()
}

# ---- what is shown of a strongswan.conf

function show(s) {
	if (want == "settings") skeleton = skeleton s
	if (length(skeleton) > 900) { printf "%s", skeleton; skeleton = "" }
}

# A level, whether a file is appended to, or a figure of retransmission; of any other value only that there is one.
function show_value(   i, s, form) {
	form = depth > 1 && word ~ LEVELS ? "^-?[0-9]$" : depth > 1 && word == "append" ? "^[A-Za-z01]+$" : ""
	if (depth == 1 && word ~ /^retransmit_(tries|timeout|base|limit)$/) form = "^[0-9.]+$"
	if (!shown[depth] || form == "") return
	for (i = 0; i < used; i++) s = s PLAIN[effective[i]]
	if (words && s !~ form) s = "unreadable"
	show(" " word " = " s)
}

# ---- values

function open_value() {
	state = VALUE; drop(); words = used = last = nul = carriage = gap = 0; suspect = -1; run = ""
}

function begin_word() {
	if (words++) effective[used++] = 32
	nul = 0
}

function add(c) {
	if (c == 0) nul = 1  # strongSwan takes each token as a C string
	if (!nul) effective[used++] = c
}

# "id = a secret = b" is one value to strongSwan; what follows the "=" is hidden all the same.
function watch(c) {
	hold(c)
	if (c == 61) { if (suspect < 0 && names_secret(run)) suspect = count; run = "" }
	else if (blank(c) || c == 10) gap = 1
	else { if (gap) run = ""; gap = 0; if (length(run) < 60) run = run tolower(PLAIN[c]) }
}

function close_value(c) {
	if (want == "logs" && key == "path" && section[depth - 1] == "filelog") report()
	if (key == word) show_value()
	if (names_secret(key)) {
		hidden_line = tail = 1
		cleared = !words
		if (words) token(); else release(count)
	} else release(is_strange(key) ? 0 : tells())
	state = STATEMENT; key = ""
	step(c)
}

function report(   i, s) {
	for (i = 0; i < used; i++) s = s sprintf("\\0%03o", effective[i])
	print s
}

# ---- comments: hidden where they may tell a secret

function close_comment(   loud) {
	loud = tolower(said)
	if (secrets_at && depth >= secrets_at || hidden_line || quiet_next || count >= 2000 || loud ~ /secret|psk|pass|shared|pin|key|pwd|cred|token/) {
		release(1); quiet_next = 1
	} else release(count)
	state = back
}

# ---- the rest of a line that holds a secret, or the line after "secret =" with nothing: shown only where it is structure

function judge(   rest, harmless) {
	rest = tolower(said)
	if (awaits == REFS) { gsub(/[ \t]*[.,][ \t]*/, ",", rest); harmless = rest ~ REFERENCES }
	else if (tail) harmless = rest ~ /^[ \t\r}]*$/ || rest ~ NEXT_SECTION
	else harmless = rest ~ NEXT_SETTING
	tail = cleared = 0
	if (harmless && count < 2000) replay(awaits)
	else { release(0); state = STATEMENT }
}

function wait_for(next_state) { awaits = next_state; state = REST; drop() }

# ---- one byte

function blank(c) { return c == 32 || c == 9 || c == 13 }

function step(c) {
	if (state == STATEMENT || state == NAMED || state == REFS) between(c)
	else if (state == NAME) in_name(c)
	else if (state == VALUE || state == WORD) in_value(c)
	else if (state == STRING || state == ESCAPE) in_string(c)
	else if (state == COMMENT) { if (c == 10 || c < 0) { close_comment(); step(c) } else hold(c) }
	else if (state == REST) { if (c == 10 || c == 35 || c < 0) { judge(); step(c) } else hold(c) }
	else if (state == BLANK) { if (c == 10 || c < 0) { state = STATEMENT; step(c) } else star(c) }
	else if (state == STRAY || state == STRAY_ESCAPE) in_stray(c)
	else in_include(c)
}

function between(c) {
	if (waiting) {
		if (c == 10) hidden_line = 0
		if (blank(c) || c == 10) { hold(c); return }
		decide(c == 123 || c == 58 || c == 61 && !looks_like_key())
	}
	if (c < 0) return
	if (c == 10) { hidden_line = tail = 0; keep(c); return }
	if (c == 35) { back = state; state = COMMENT; drop(); hold(c); return }
	if (blank(c)) { keep(c); return }
	if (tail || cleared && c != 125) { wait_for(STATEMENT); hold(c); return }
	quiet_next = 0
	if (c == 34) { state = STRAY; star(c); return }
	if (c == 61) { keep(c); if (state != NAMED) key = "secret"; open_value(); return }
	if (c == 123) { open_section(); keep(c); return }
	if (c == 125) { close_section(); keep(c); return }
	if (c == 58) { colon(c); return }
	if (state == REFS) { keep(c); refs = refs CODE[c]; return }
	if (state == NAMED && (names_secret(key) || is_strange(key))) { state = BLANK; star(c); return }
	state = NAME; key = word = ""; in_name(c)
}

function colon(c) {
	keep(c)
	refs = " : "
	if ((names_secret(key) || is_strange(key)) && key != "secrets") wait_for(REFS); else state = REFS
}

function open_section() {
	section[++depth] = key
	if (!secrets_at && key ~ /^secret/) secrets_at = depth
	if (want == "logs" && section[depth - 1] == "filelog" && word ~ /^\//) print word
	shown[depth] = shown[depth - 1] && (depth != 2 || word ~ /^(filelog|syslog|journal)$/)
	if (shown[depth]) show(" " word refs " {")
	state = STATEMENT; key = refs = ""
}

function close_section() {
	if (depth > 0 && shown[depth]) show(" }")
	if (secrets_at == depth) secrets_at = 0
	if (depth > 0) depth--
	state = STATEMENT; key = ""
}

function in_name(c) {
	if (c < 0 || c == 10 || blank(c) || c == 35 || c == 34 || c == 61 || c == 123 || c == 125 || c == 58) {
		if (key == "include" && (c == 32 || c == 9)) {
			if (waiting) decide(1)
			state = INCLUDE; pattern = quoted = ""; keep(c); return
		}
		state = NAMED; step(c); return
	}
	key = key tolower(PLAIN[c]); word = word CODE[c]
	waiting = 1; hold(c)
}

# Whether what names a setting that strongSwan does not know may be a key itself: "wXb...+Q=" alone on its line, or
# anything where words have stood before that name nothing.
function looks_like_key() {
	if (!is_strange(key)) return 0
	return broken || length(word) >= 16 && word ~ /[A-Z]/ && word ~ /[a-z]/ && word ~ /[0-9+\/]/
}

# A word is shown once it is seen to name something.
function decide(harmless) {
	waiting = 0
	if (!harmless) broken = 1
	release(harmless ? count : 0)
}

function in_value(c) {
	if (c == 10 || c == 35 || c == 125 || c < 0) { close_value(c); return }
	if (!words && blank(c)) { keep(c); return }
	watch(c)
	if (blank(c)) { state = VALUE; return }
	if (c == 34) { state = STRING; begin_word(); last = count; return }
	if (state == VALUE) { state = WORD; begin_word() }
	add(c); last = count
}

function in_string(c) {
	if (c < 0) { last = count; close_value(c); return }
	watch(c)
	if (state == ESCAPE) escaped(c); else plain(c)
}

function plain(c) {
	state = STRING
	if (c == 92) { state = ESCAPE; nul = 0 }
	else if (c == 34) { state = VALUE; last = count }
	else if (c == 13) nul = 0
	else add(c)
}

# A backslash joins lines before LF and CR LF; before n, r and t it means a control character, else the character itself.
function escaped(c) {
	if (c == 13 && !carriage) { carriage = 1; return }
	state = STRING
	if (carriage) { carriage = 0; if (c != 10) { add(13); nul = 0; plain(c) }; return }
	if (c == 10) return
	add(c == 110 ? 10 : c == 114 ? 13 : c == 116 ? 9 : c); nul = 0
}

function in_stray(c) {
	if (c < 0) return
	star(c)
	if (state == STRAY_ESCAPE) state = STRAY
	else if (c == 92) state = STRAY_ESCAPE
	else if (c == 34) state = STATEMENT
}

function in_include(c) {
	if (state == INCLUDE && pattern == "" && (c == 32 || c == 9)) { keep(c); return }
	if (state == INCLUDE && pattern == "" && c == 61) { state = NAMED; step(c); return }
	if (state == INCLUDE_ESCAPE) {
		state = INCLUDE
		if (c == 34 || c == 35 || c == 125 || c == 32) { keep(c); add_pattern(c); return }
		add_pattern(92)
	}
	if (state == INCLUDE && (c < 0 || c == 10 || c == 32 || c == 9 || c == 35 || c == 125) || c < 0) { close_include(); step(c); return }
	keep(c)
	if (state == QUOTED_ESCAPE) {
		if (c == 13) return
		state = QUOTED
		if (c != 10) add_pattern(c == 110 ? 10 : c == 114 ? 13 : c == 116 ? 9 : c)
		return
	}
	if (c == 92) { state += 1; return }
	if (c == 13) return
	if (c == 34) { quote(); return }
	add_pattern(c)
}

# A pattern that begins with a string ends with it; elsewhere a string is a part of it.
function quote() {
	if (state == INCLUDE) { state = QUOTED; whole = pattern == "" }
	else if (whole) close_include()
	else state = INCLUDE
}

# quoted is the pattern as a string of the file's grammar.
function add_pattern(c) {
	pattern = pattern CODE[c]
	quoted = quoted (c == 10 ? CODE[92] "n" : c == 13 ? CODE[92] "r" : c == 34 || c == 92 ? CODE[92] CODE[c] : CODE[c])
}

function close_include() {
	if ((want == "includes" || want == "setting-includes" && shown[depth]) && pattern != "") print pattern
	if (shown[depth]) show(" include \"" quoted "\" ")
	state = STATEMENT; key = ""
}

BEGIN {
	for (i = 0; i < 256; i++) {
		PLAIN[i] = (i > 31 && i < 127 || i == 9 || i == 13) ? sprintf("%c", i) : "?"
		CODE[i] = (i > 31 && i < 127 && i != 92) ? PLAIN[i] : sprintf("\\0%03o", i)
	}
	STATEMENT = 0; NAME = 1; NAMED = 2; REFS = 3; VALUE = 4; WORD = 5; STRING = 6; ESCAPE = 7; COMMENT = 8; REST = 9
	BLANK = 10; STRAY = 11; STRAY_ESCAPE = 12; INCLUDE = 20; INCLUDE_ESCAPE = 21; QUOTED = 30; QUOTED_ESCAPE = 31
	WORDS = "[^#{}:.,=\" \t\r]+"
	SECTION_ = WORDS "[ \t]*([{]|:[^\"=]*[{])"
	SETTING_ = "((id|secret|file|handle|slot|module|pin)[a-z0-9_-]*" (known == "" ? "" : "|" known) ")[ \t]*="
	NEXT_SECTION = "^[} \t]*[ \t](" SECTION_ "|" SETTING_ ")"
	NEXT_SETTING = "^(" SECTION_ "|" SETTING_ "|include[ \t])"
	REFERENCES = "^[ \t]*" WORDS "(," WORDS ")*[ \t]*[{]"
	LEVELS = "^(default|dmn|mgr|ike|chd|job|cfg|knl|net|asn|enc|app|lib|esp|tls|tnc|imc|imv|pts)$"
	state = STATEMENT; at = out = depth = 0; shown[0] = 1
}

{ for (i = 1; i <= NF; i++) { step($i + 0); if ($i == 10) show("\\n") } }

END {
	step(-1)
	if (inside) close_span()
	flush()
	if (want == "") print "P" at spans
	if (want == "settings") print skeleton
}
