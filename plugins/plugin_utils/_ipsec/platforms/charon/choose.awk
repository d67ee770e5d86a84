# Chooses what to ping: standard input is `swanctl --list-sas --pretty`, ENVIRON has child (empty: any), own and peer
# (addresses) and pings (`FROM TO` a line, `-` for an address to be chosen). Prints a line for each ping:
# `ping FROM TO CHILD`, or why there is none: `no-sa`, `no-own SELECTORS`, `no-peer SELECTORS`, `no-child FROM TO`.

/^  [^ }].* \{$/ { part = "" }
/^    [^ ]/ { part = $1 }
/^    local-host = / { local_host = $3 }
/^    remote-host = / { remote_host = $3 }
part != "child-sas" { next }
/^      [^ ]/ { name = "" }
/^        name = / { name = substr($0, 16) }
/^        [^ ]/ { list = $1 }
/^        state = / { up = $3 ~ /^(INSTALLED|REKEYING|UPDATING)$/ && (ENVIRON["child"] == "" || name == ENVIRON["child"]) }
/^        state = / && up { sas++; names[sas] = name; outer_local[sas] = local_host; outer_remote[sas] = remote_host }
/^          [^ ]/ { selector = $1; sub(/[|].*/, "", selector) } # pfSense's charon prints 10.1.0.0/24|/0
up && list == "local-ts" && /^          / { local_ts[sas] = local_ts[sas] " " selector }
up && list == "remote-ts" && /^          / { remote_ts[sas] = remote_ts[sas] " " selector }

END {
	count = split(ENVIRON["pings"], lines, "\n")
	for (l = 1; l <= count; l++) {
		split(lines[l], wish, " ")
		print one(wish[1], wish[2])
	}
	if (count) exit
	for (s = 1; s <= sas; s++)
		if (!(names[s] in seen)) { seen[names[s]]; print pair(s, "-", "-") }
	if (!sas) print "no-sa"
}

function one(from, to, s, answer) {
	for (s = 1; s <= sas; s++)
		if ((from == "-" || within(from, local_ts[s])) && (to == "-" || within(to, remote_ts[s]))) {
			answer = pair(s, from, to)
			if (answer ~ /^ping /) return answer
		}
	if (from != "-" && to != "-") return "ping " from " " to " " ENVIRON["child"]
	if (!sas) return "no-sa"
	return answer ? answer : "no-child " from " " to
}

function pair(s, from, to) {
	if (from == "-") from = pick(ENVIRON["own"], local_ts[s], outer_local[s])
	if (from == "") return "no-own" local_ts[s]
	if (to == "-") to = pick(ENVIRON["peer"], remote_ts[s], outer_remote[s])
	if (to == "") return "no-peer" remote_ts[s]
	return "ping " from " " to " " names[s]
}

# The first address inside the selectors; the one that ESP itself runs on only where there is no other.
function pick(addresses, selectors, outer, count, all, i, last) {
	count = split(addresses, all, " ")
	for (i = 1; i <= count; i++) {
		if (all[i] ~ /^127\./ || all[i] == "::1" || tolower(all[i]) ~ /^fe[89ab]/) continue
		if (!within(all[i], selectors)) continue
		if (all[i] != outer) return all[i]
		last = all[i]
	}
	return last
}

function within(address, selectors, count, all, i) {
	count = split(selectors, all, " ")
	for (i = 1; i <= count; i++) if (inside(bits(address), all[i])) return 1
	return 0
}

# Selectors as charon prints them: 10.1.0.0/24, 10.1.0.1..10.1.0.9, 10.1.0.0/24[tcp/80]; the last lets no ping through.
function inside(address, selector, ends, cut) {
	if (selector ~ /\[/ && selector !~ /\[(ipv6-)?icmp/) return 0
	sub(/\[.*/, "", selector)
	if (split(selector, ends, /\.\.|-/) == 2)
		return length(address) == length(bits(ends[1])) && address >= bits(ends[1]) && address <= bits(ends[2])
	cut = split(selector, ends, "/") == 2 ? ends[2] + 1 : length(address)
	return address != "" && length(address) == length(bits(ends[1])) && substr(address, 1, cut) == substr(bits(ends[1]), 1, cut)
}

# An address as 32 or 128 digits 0 and 1, led by a letter so that awk compares text.
function bits(address, word, gap, count, tail, more, i, out) {
	out = "b"
	if (address !~ /:/) {
		if (split(address, word, ".") != 4) return ""
		for (i = 1; i <= 4; i++) out = out binary(word[i] + 0, 8)
		return out
	}
	gap = index(address, "::")
	count = split(gap ? substr(address, 1, gap - 1) : address, word, ":")
	more = gap ? split(substr(address, gap + 2), tail, ":") : 0
	for (i = 1; i <= count; i++) out = out binary(hex(word[i]), 16)
	for (i = count + more; i < 8; i++) out = out "0000000000000000"
	for (i = 1; i <= more; i++) out = out binary(hex(tail[i]), 16)
	return out
}

function binary(number, width, out) {
	for (; width > 0; width--) {
		out = number % 2 out
		number = int(number / 2)
	}
	return out
}

function hex(word, i, number) {
	for (i = 1; i <= length(word); i++) number = number * 16 + index("123456789abcdef", tolower(substr(word, i, 1)))
	return number + 0
}
