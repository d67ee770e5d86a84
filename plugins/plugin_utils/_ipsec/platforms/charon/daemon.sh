# shellcheck shell=sh
# shellcheck disable=SC2154  # TW_..., loading.sh and start.sh come before this text (daemon.py)
# Starts the IKE daemon, or has it load its configuration.

tw_said=$(tw_parses "$TW_CONFIG" 2>&1) || tw_refuse refused "strongSwan's parser does not accept $TW_CONFIG: $tw_said"
if [ "$TW_DO" = start ]; then
	section start tw_start || finish
	section wait tw_wait "$TW_TIMEOUT" || finish
else
	tw_lost=$(tw_would_lose)
	[ -z "$tw_lost" ] || tw_refuse refused "loading $TW_CONFIG would unload $(printf '%s' "$tw_lost" | tr '\n' ' ')which the daemon holds and the file does not"
	section load swanctl --load-all --noprompt
fi
section loaded tw_loaded
