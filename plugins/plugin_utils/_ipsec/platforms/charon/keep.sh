# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_..., follow.sh and loading.sh come before
# What a guard of this gateway keeps (guard.sh): all files that a module of ours may write. restore.sh puts them back.

# tw_sound: whether there is anything to roll back to; says why not.
tw_sound() {
	tw_said=$(tw_parses "$TW_CONFIG" 2>&1) && return
	printf '%s' "strongSwan's parser does not accept $TW_CONFIG: $tw_said"
	return 1
}

# tw_keep PATH: its bytes, mode and owner; of a link that and what it leads to.
tw_keep() {
	printf '%s\n' "$1" >>known
	tw_real=$(readlink -f "$1") || return
	[ ! -L "$1" ] || printf '%s\n%s\n' "$1" "$(readlink "$1")" >>links || return
	! grep -Fqx -e "$tw_real" reals || return 0
	tw_number=$((tw_number + 1))
	cp -a "$tw_real" "kept/$tw_number" || return
	printf '%s\n' "$tw_real" >>reals && printf '%s\n' "$tw_real" >>known && printf '%s %s\n' "$tw_number" "$tw_real" >>manifest
}

# tw_beside: what strongSwan loads from the folders beside the configuration (swanctl/swanctl.h).
tw_beside() {
	for tw_kind in x509 x509ca x509aa x509ac x509crl x509ocsp pubkey private rsa ecdsa bliss pkcs8 pkcs12; do
		tw_matches "${TW_CONFIG%/*}/$tw_kind/*"
	done
}

# tw_keep_all: everything that a module of ours may write, and what finds more of it.
tw_keep_all() {
	tw_follow includes "$TW_CONFIG" || return
	if [ -n "$tw_unread" ]; then
		printf '%s\n' "$tw_unread" >&2
		return 1
	fi
	printf '%s' "$tw_files" | while IFS= read -r tw_file; do tw_patterns includes "$tw_file"; done >patterns
	printf '%s\n' '/etc/systemd/system/tunnelwright-keepalive-*' '/etc/cron.d/tunnelwright-keepalive-*' \
		/usr/local/lib/tunnelwright/keepalive >keepalives
	cat keepalives >>patterns
	printf '%s\n' "${TW_CONFIG%/*}/.${TW_CONFIG##*/}.tunnelwright-next" >>patterns # a twin (twin.sh)
	{ printf '%s' "$tw_files" && while IFS= read -r tw_line; do tw_matches "$tw_line"; done <keepalives && tw_beside; } >found
	tw_number=0
	while IFS= read -r tw_path; do tw_keep "$tw_path" || return; done <found
}
