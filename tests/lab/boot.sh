#!/bin/sh
# Becomes one gateway: process 1 of its own namespaces, in an overlay over the shared Debian root.
# $1 the shared root, $2 the gateway's folder. Ends when it is killed, and everything in it with it.
set -eu
root=$1 own=$2
mount --make-rprivate /
# The upper layer lives in memory of this mount namespace, so nothing of a gateway outlives it.
mount -t tmpfs -o size=64m,mode=0755 tmpfs "$own"
mkdir "$own/upper" "$own/work" "$own/root"
tar -C "$own/upper" -xf - # the gateway's own files, on standard input
mount -t overlay overlay -o "lowerdir=$root,upperdir=$own/upper,workdir=$own/work" "$own/root"
cd "$own/root"
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
chmod 1777 tmp
hostname "${own##*/}"
# No file of the lab's state must be held open from in here.
exec chroot . /bin/sh -c '
	mkdir -p /run/sshd /run/lock
	sh /etc/lab-start.sh && : >/run/lab-ready # what a kind of gateway starts
	trap : CHLD
	while :; do
		sleep 3600 &
		while kill -0 $! 2>/dev/null; do wait $!; done
	done
' </dev/null
