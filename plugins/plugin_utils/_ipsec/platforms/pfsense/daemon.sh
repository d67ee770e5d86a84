# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_... and loads.sh come before this text (daemon.py)
# Starts pfSense's charon by pfSense's own script, or has it load what was generated.

if [ "$TW_DO" = start ]; then
	section start /usr/local/sbin/strongswanrc start && section wait tw_wait "$TW_TIMEOUT"
else
	section load tw_loads
fi
