# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154  # TW_LEXER and digest.sh come before this text, what uses it after
# Finds all files that a swanctl.conf or strongswan.conf reaches through its includes.
tw_nl='
'
tw_files_max=2000
tw_bytes_max=8388608

# tw_lex WANT FILE: what lex.awk and its two parts make of the file.
tw_lex() { od -An -v -tu1 "$2" | awk -v want="$1" -v known="${tw_known-}" -v digest_length="$tw_digest_length" "$TW_LEXER"; }

# tw_pattern_of FILE CODED: tw_pattern becomes what an include statement of the file names, as outline.awk prints it.
tw_pattern_of() {
	tw_pattern=$(printf '%b' "$2")
	case $tw_pattern in
	/*) ;;
	*) tw_pattern=${1%/*}/$tw_pattern ;;
	esac
}

# tw_patterns WANT FILE: what its include statements name, as absolute patterns; WANT is outline.awk's.
tw_patterns() {
	grep -q include "$2" || return 0
	tw_lex "$1" "$2" | while IFS= read -r tw_pattern; do
		tw_pattern_of "$2" "$tw_pattern"
		printf '%s\n' "$tw_pattern"
	done
}

# tw_matches PATTERN: the files that match, as glob(3) finds them; a folder that must not be read stands for itself.
tw_matches() {
	if [ -d "${1%/*}" ] && ! { [ -r "${1%/*}" ] && [ -x "${1%/*}" ]; }; then
		printf '%s\n' "${1%/*}"
	fi
	tw_ifs=$IFS
	IFS=
	for tw_match in $1; do
		[ -f "$tw_match" ] && printf '%s\n' "$tw_match"
	done
	IFS=$tw_ifs
}

# tw_included WANT FILE: the files that its include statements name.
tw_included() {
	tw_patterns "$1" "$2" | while IFS= read -r tw_pattern; do tw_matches "$tw_pattern"; done
}

# tw_follow WANT FILE: tw_files becomes all files that it reaches, in lines; tw_unread those that cannot be read, and why.
tw_follow() {
	tw_queue=$2$tw_nl tw_files='' tw_unread='' tw_count=0 tw_total=0
	while [ -n "$tw_queue" ]; do
		tw_file=${tw_queue%%"$tw_nl"*}
		tw_queue=${tw_queue#*"$tw_nl"}
		case $tw_nl$tw_files$tw_unread in *"$tw_nl$tw_file$tw_nl"* | *"denied $tw_file$tw_nl"*) continue ;; esac
		if ! { [ -f "$tw_file" ] && true <"$tw_file"; } 2>/dev/null; then
			if [ -e "$tw_file" ]; then tw_unread=${tw_unread}denied; else tw_unread=${tw_unread}missing; fi
			tw_unread="$tw_unread $tw_file$tw_nl"
			continue
		fi
		tw_count=$((tw_count + 1))
		tw_total=$((tw_total + $(wc -c <"$tw_file")))
		if [ "$tw_count" -gt "$tw_files_max" ] || [ "$tw_total" -gt "$tw_bytes_max" ]; then
			echo "more than $tw_files_max files or $tw_bytes_max bytes" >&2
			return 1
		fi
		tw_files=$tw_files$tw_file$tw_nl
		tw_next=$(tw_included "$1" "$tw_file")
		tw_queue=$tw_queue${tw_next:+$tw_next$tw_nl}
	done
}
