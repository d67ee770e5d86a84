# shellcheck shell=sh
# Puts the daemon's log levels back after a time, on the gateway itself. Usage: lower.sh FILE MARK SECONDS
# Ends early where the file is gone, or was written by a later raise, which has its own.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
file=$1 mark=$2 seconds=$3
new=${file%/*}/.${file##*/}.tunnelwright-new
gone=${file%/*}/.${file##*/}.tunnelwright-old
rm -f "$0"
rmdir "${0%/*}" 2>/dev/null

# Whether a file is the one of this raise.
ours() { head -n 1 "$1" 2>/dev/null | grep -Fq -e "$mark"; }

# Sleeps take longer where the machine is busy or suspended, so the clock counts, unless it is set back.
end=$(($(date +%s) + seconds)) slept=0
while left=$((end - $(date +%s))) && [ "$left" -gt 0 ] && [ "$slept" -lt "$seconds" ]; do
	step=5
	[ "$left" -ge 5 ] || step=$left
	sleep "$step"
	slept=$((slept + step))
	ours "$new" || ours "$file" || break # in this order: the first becomes the second
done
! ours "$new" || rm -f "$new"
if ours "$file"; then
	until rm -f "$file"; do sleep 60; done
	swanctl --reload-settings
elif [ ! -e "$file" ] && [ -e "$gone" ]; then # whoever was putting them back was interrupted
	swanctl --reload-settings
	rm -f "$gone"
fi
