# shellcheck shell=sh
# Puts the daemon's log levels back after a time, on the gateway itself. Usage: lower.sh FILE MARK SECONDS
# Ends early where the file is gone, or was written by a later raise, which has its own.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
file=$1 mark=$2 left=$3
gone=${file%/*}/.${file##*/}.tunnelwright-old
rm -f "$0"
rmdir "${0%/*}" 2>/dev/null

# Whether the file is still the one of this raise.
ours() { head -n 1 "$file" 2>/dev/null | grep -Fq -e "$mark"; }

while [ "$left" -gt 0 ]; do
	step=5
	[ "$left" -ge 5 ] || step=$left
	sleep "$step"
	left=$((left - step))
	ours || break
done
if ours; then
	until rm -f "$file"; do sleep 60; done
	swanctl --reload-settings
elif [ ! -e "$file" ] && [ -e "$gone" ]; then # whoever was putting them back was interrupted
	swanctl --reload-settings
	rm -f "$gone"
fi
