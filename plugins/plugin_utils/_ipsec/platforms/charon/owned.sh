# shellcheck shell=sh
# Whether root may rely on a path that somebody else has named.
tw_root=0

# tw_way PATH: the folders above it behind "+", each link on the way behind "@", and so on from where that leads.
tw_way() (
	tw_up=$1
	while [ -n "$tw_up" ]; do
		if [ -h "$tw_up" ]; then
			printf '@%s\n' "$tw_up"
			tw_to=$(readlink "$tw_up")
			case $tw_to in /*) tw_way "$tw_to" ;; *) tw_way "${tw_up%/*}/$tw_to" ;; esac
		fi
		tw_up=${tw_up%/*}
		printf '+%s\n' "${tw_up:-/}"
	done
)

tw_who() {
	case $1 in
	@*) stat -c '%u link' "${1#?}" 2>/dev/null || stat -f '%u link' "${1#?}" ;;
	*) stat -L -c '%u %a' "${1#?}" 2>/dev/null || stat -L -f '%u %Mp%Lp' "${1#?}" ;;
	esac
}

# tw_foreign PATH: what of it others than root could change, or could put another in the place of; nothing where all is
# root's. In a folder above that is sticky, such as /tmp, what is root's stays root's.
tw_foreign() {
	{ printf '=%s\n' "$1" && [ -e "$1" ] && tw_way "$1"; } | while IFS= read -r tw_step; do
		tw_whose=$(tw_who "$tw_step")
		case ${tw_whose% *} in 0 | "$tw_root") ;; *) printf '%s' "${tw_step#?}" && break ;; esac
		case $tw_step:$tw_whose in
		+*:*" "[1357]???) ;;
		*:*" "*[2367]? | *:*" "*[2367]) printf '%s' "${tw_step#?}" && break ;;
		esac
	done 2>/dev/null
}
