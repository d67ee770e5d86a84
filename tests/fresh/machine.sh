#!/bin/sh
# Becomes process 1 of the bare machine that tests/fresh/run.sh prepared: tests/fresh/machine.sh FOLDER TARGET...
set -eu

own=$1 root=$1/root
shift
mount --make-rprivate /
mount -t proc proc /proc

# A network of its own, since labs number their bridges on a machine; its way out needs no rule on this one.
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip netns add fresh
mkfifo "$own/ready"
unshare --mount slirp4netns --configure --mtu=65520 --ready-fd=3 --netns-type=path /run/netns/fresh tap0 \
	3>"$own/ready" >"$own/network.log" 2>&1 </dev/null &
if [ "$(head -c 1 "$own/ready")" != 1 ]; then
	cat "$own/network.log" >&2
	exit 1
fi

mount --bind "$root" "$root"
bind() {
	[ ! -d "$1" ] || mkdir -p "$root$2"
	[ -d "$1" ] || { mkdir -p "$root${2%/*}" && : >"$root$2"; }
	mount -o bind,ro "$1" "$root$2"
}
while read -r path; do bind "$path" "$path"; done <"$own/bound"
corpus=${TUNNELWRIGHT_CORPUS:-../shared/corpus}
[ ! -d "$corpus" ] || bind "$corpus" "$HOME/shared/corpus"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
nsenter --net=/run/netns/fresh mount -t sysfs sysfs "$root/sys"
echo "nameserver 10.0.2.3" >"$root/etc/resolv.conf"
echo "127.0.0.1 localhost fresh" >"$root/etc/hosts"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fresh" # nothing of it has to outlive a loss of power
hostname fresh

exec 4</run/netns/fresh
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt

# Of the environment, what pip needs to reach its mirror.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z_0-9]*\)=.*/\1/p'); do
	case $name in
	HOME | TERM | PIP_* | UV_* | SSL_CERT_* | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | *_proxy | *_PROXY) ;;
	*) unset "$name" ;;
	esac
done
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$HOME/ipsec"
# Not exec: process 1 has to bury the orphans.
# shellcheck disable=SC2016 # expanded in there
nsenter --net=/proc/self/fd/4 sh -c 'exec make -k "$@" 4<&- 9<&-' make "$@" </dev/null
