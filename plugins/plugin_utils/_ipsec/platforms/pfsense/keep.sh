# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... are assigned before this text (guard.py); guard.sh calls what is defined here
# What a guard keeps of a pfSense: config.xml as it is, and the program that brings elements of it back (restore.sh).
tw_config_xml=/cf/conf/config.xml

# tw_sound: whether there is anything to roll back to. That config.xml can be parsed was seen when it was read.
tw_sound() { [ -s "$tw_config_xml" ] || { printf '%s' "there is no $tw_config_xml" && return 1; }; }

# tw_keep_all: the manifest of guard.sh has it copied twice over, so it is whole.
tw_keep_all() {
	cp -p "$tw_config_xml" kept/1 && printf '1 %s\n' "$tw_config_xml" >>manifest || return
	printf '%s' "$TW_WRITE_PHP" | cat >program && printf '%s' "$TW_ORDER" | cat >order && : >journal
}
