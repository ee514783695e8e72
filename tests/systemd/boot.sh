#!/bin/sh
# PID 1 of fresh namespaces: give it a root of its own over the one of this machine, and become systemd there.
#
#   boot.sh DISK NOTIFY_SOCKET
#
# DISK/upper is what is written, and what is left after a power cut; DISK/boot_id and DISK/machine-id are the ids.
set -eu
disk=$1 notify=$2
mount --make-rprivate /
mkdir -p "$disk/upper" "$disk/work" "$disk/root"
mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" overlay "$disk/root"
cd "$disk/root"

if ! [ -e "$disk/installed" ]; then
  # Nothing that is enabled, kept or configured on the machine of the tests is so in here.
  rm -rf etc/systemd/system/*.wants etc/machine-id var/log/journal etc/cpd opt/cpd var/lib/cpd var/lib/cpd-guard
  mkdir -p var/log/journal
  # What a container has against services; and an index of manual pages takes longer than an installation.
  rm -f usr/sbin/policy-rc.d var/lib/man-db/auto-update
  # What needs devices, a network or the machine's own kernel settings; the last ones would change this machine.
  for unit in getty.target systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket \
    systemd-udevd-control.socket systemd-logind.service systemd-networkd.service systemd-resolved.service \
    systemd-timesyncd.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-modules-load.service modprobe@.service sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount systemd-sysctl.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount; do
    ln -sfn /dev/null "etc/systemd/system/$unit"
  done
  cp "$disk/machine-id" etc/machine-id
  : >etc/fstab
  echo charger >etc/hostname
  : >"$disk/installed"
fi

mount -t proc -o nosuid,nodev,noexec proc proc
mount --bind "$disk/boot_id" proc/sys/kernel/random/boot_id
mount --rbind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mkdir dev/pts dev/shm run/host
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
while read -r name major minor; do
  mknod -m 666 "dev/$name" c "$major" "$minor"
done <<NODES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
ttyS0 4 64
NODES
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
: >run/host/notify
mount --bind "$notify" run/host/notify
ip link set lo up
hostname charger

mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
# Without it, credentials cannot be mounted for services.
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 container=other NOTIFY_SOCKET=/run/host/notify \
  /lib/systemd/systemd --system --unit=multi-user.target
