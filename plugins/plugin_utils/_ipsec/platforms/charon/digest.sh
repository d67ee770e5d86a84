# shellcheck shell=sh
# shellcheck disable=SC2154,SC2119,SC2120  # TW_IPAD, TW_OPAD are assigned before (gather.py); hashes files or stdin
# Keyed digests, made with whatever the gateway has. A plain hash of a file with a secret in it could be guessed
# from, so everything that leaves the gateway is keyed.

tw_has() { command -v "$1" >/dev/null 2>&1; }

if tw_has sha256sum; then
	tw_sha256() { sha256sum "$@"; }
elif tw_has sha256; then
	tw_sha256() { if [ $# -gt 0 ]; then sha256 -q "$@"; else sha256; fi; }
elif tw_has openssl; then
	tw_sha256() { openssl dgst -sha256 -r "$@"; }
else
	tw_sha256() { return 127; }
fi
tw_digest_length=64
tw_sha256 </dev/null >/dev/null 2>&1 || tw_digest_length=0

# tw_octal HEX: the bytes as printf %b takes them.
tw_octal() {
	tw_hex=$1 tw_bytes=''
	while [ -n "$tw_hex" ]; do
		tw_rest=${tw_hex#??}
		tw_bytes="$tw_bytes 0x${tw_hex%"$tw_rest"}"
		tw_hex=$tw_rest
	done
	# shellcheck disable=SC2086  # a list of numbers
	printf '\\0%03o' $tw_bytes
}

# tw_hmac OCTAL: HMAC-SHA-256 (RFC 2104) of the bytes, in hexadecimal.
tw_hmac() {
	tw_inner=$(printf '%b' "$TW_IPAD$1" | tw_sha256)
	tw_finish
}

tw_finish() {
	tw_outer=$(printf '%b' "$TW_OPAD$(tw_octal "${tw_inner%% *}")" | tw_sha256)
	printf '%s' "${tw_outer%% *}"
}

# tw_fingerprint FILE: HMAC-SHA-256 of the file, in hexadecimal; fails where there is no tool for it.
tw_fingerprint() {
	[ "$tw_digest_length" != 0 ] || return 1
	tw_inner=$({ printf '%b' "$TW_IPAD" && cat "$1"; } | tw_sha256)
	tw_finish
}
