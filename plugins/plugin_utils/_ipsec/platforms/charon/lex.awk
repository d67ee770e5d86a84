# Reads `od -An -v -tu1` of a swanctl.conf or strongswan.conf and lexes it as strongSwan's settings_lexer.l does, a byte
# at a time: step(byte), and step(-1) at the end. redact.awk decides what is shown of it, outline.awk what it is about;
# the three are one program. known is a pattern of the keys whose values are shown; without it those of all keys that
# name no secret. want says what is printed: redact.awk's text where it is empty, else one of outline.awk's answers.

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
