# What of a configuration is shown: all but secrets, and what may be a part of one. Where the text is broken it errs
# towards hiding: that becomes stars of the same length. Prints, one per line, what the shell must do:
#   T text     print the text (printf %b)
#   S n octal  print the token of a secret whose value spans n line ends; octal is the value as strongSwan would use it
#   P n spans  the file had n bytes; redacted spans as "original start, end, redacted start, end"

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

# "id = a secret = b" is one value to strongSwan; what follows the "=" is hidden all the same.
function watch(c) {
	hold(c)
	if (c == 61) { if (suspect < 0 && names_secret(run)) suspect = count; run = "" }
	else if (blank(c) || c == 10) gap = 1
	else { if (gap) run = ""; gap = 0; if (length(run) < 60) run = run tolower(PLAIN[c]) }
}

function close_comment(   loud) {
	loud = tolower(said)
	if (secrets_at && depth >= secrets_at || hidden_line || quiet_next || count >= 2000 || loud ~ /secret|psk|pass|shared|pin|key|pwd|cred|token/) {
		release(1); quiet_next = 1
	} else release(count)
	state = back
}

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
