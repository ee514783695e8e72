#!/bin/sh
# Roots of other Debian releases and architectures, to build and try the package in. For root, on Debian.
#
#   root.sh make SUITE ARCH            download one into build/roots/, unless it is there (5 minutes under emulation)
#   root.sh run SUITE ARCH COMMAND…    run a command in a copy that is gone afterwards; CPD_SHARED=DIR is its /mnt
#
# SUITE "here" is this machine's own system: it is always there, and its copy may be changed like any other.
# What runs elsewhere is unharmed: mounts, and the emulation of another architecture, end with the mount namespace.
set -eu

PACKAGES=systemd,systemd-sysv,init-system-helpers,python3,python3-venv,ca-certificates,tzdata,procps,iproute2
MIRROR=${MIRROR:-http://deb.debian.org/debian}
HERE=$(cd "$(dirname "$0")/../.." && pwd)
verb=$1 suite=$2 arch=$3
shift 3
root=$HERE/build/roots/$suite-$arch
native=$(dpkg --print-architecture)
if [ "$suite" = here ]; then
    root=/ arch=$native
fi

[ "$(id -u)" = 0 ] || { echo "root.sh needs root: sudo $0 …" >&2; exit 1; }

need() {
    command -v "$1" >/dev/null || { apt-get update && apt-get install --yes --no-install-recommends "$2"; } >&2
}

emulate() {
    [ "$arch" != "$native" ] || return 0
    need qemu-aarch64-static qemu-user-static
    [ "$arch" = arm64 ] || { echo "no emulation of $arch: arm64 only" >&2; exit 1; }
    # Flags: F opens the emulator now, so that it need not be in the root.
    mount -t binfmt_misc binfmt /proc/sys/fs/binfmt_misc
    [ -e /proc/sys/fs/binfmt_misc/cpd-arm64 ] || printf '%s' ':cpd-arm64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':F' \
        >/proc/sys/fs/binfmt_misc/register
}

if [ -z "${CPD_NAMESPACE:-}" ]; then
    CPD_NAMESPACE=1 exec unshare --mount --propagation private --pid --fork --kill-child "$0" "$verb" "$suite" "$arch" "$@"
fi

emulate
case $verb in
make)
    [ ! -e "$root/etc/debian_version" ] || exit 0
    need mmdebstrap mmdebstrap
    mkdir -p "$(dirname "$root")"
    rm -rf "$root.new"
    mmdebstrap --quiet --mode=root --architectures="$arch" --variant=minbase --include=$PACKAGES --skip=check/qemu \
        --aptopt='APT::Sandbox::User "root"' "$suite" "$root.new" "deb $MIRROR $suite main" >&2
    mv "$root.new" "$root"
    ;;
run)
    copy=$(mktemp -d)
    # Nothing is deleted through a mount: what was written is in the memory, and gone with it.
    trap 'umount -R -l "$copy"; rmdir "$copy"' EXIT
    mount -t tmpfs tmpfs "$copy"
    mkdir "$copy/upper" "$copy/work" "$copy/root"
    mount -t overlay -o "lowerdir=$root,upperdir=$copy/upper,workdir=$copy/work" overlay "$copy/root"
    cd "$copy/root"
    mount -t proc proc proc
    mount --rbind /dev dev
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs tmpfs run
    [ -z "${CPD_SHARED:-}" ] || mount --bind "$CPD_SHARED" mnt
    # Whoever is behind a proxy of his own has its certificate here.
    cp --remove-destination /etc/resolv.conf etc/resolv.conf
    cp --remove-destination /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt
    status=0
    env -u CPD_NAMESPACE -u CPD_SHARED HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        chroot . "$@" || status=$?
    cd /
    exit $status
    ;;
esac
