# What a configuration is about, for printf %b. want=includes: its include patterns, want=logs: the paths of filelog
# sections. want=settings: of a strongswan.conf no more than log levels and figures of retransmission: the sections on top,
# loggers in them, includes there, and those values, each on its line; want=setting-includes: those patterns alone.

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

function report(   i, s) {
	for (i = 0; i < used; i++) s = s sprintf("\\0%03o", effective[i])
	print s
}
