#!/bin/sh
# lifecycle.sh ARCH SUITE…: for each release of Debian, builds the package in a root of it and lets
# lifecycle_inside.sh have it there, without a network; then the figures of all, a line for each step.
set -eu
cd "$(dirname "$0")/../.."
arch=$1
shift
process=guard
[ "$arch" = "$(dpkg --print-architecture)" ] || process=inside
shared=$(mktemp -d)
trap 'rm -rf "$shared"' EXIT
failed=

# Twice, by builders of different habits: the same tree gives the same bytes. Of a copy, because somebody may be at work.
build='set -e
mkdir /tmp/tree
(cd /mnt && cp -r cpd hal systemd config pyproject.toml README.md CHANGELOG.md LICENSE /tmp/tree)
ln -s /mnt/build /tmp/tree/build
build() { /usr/bin/python3 /tmp/tree/systemd/debian/build.py "$1" >&2; }
build /tmp/deb
(umask 077; export TZ=Asia/Tokyo PYTHONHASHSEED=1; build /tmp/again)
cmp /tmp/deb/*.deb /tmp/again/*.deb >&2
tar -C /tmp/deb -c .'

for suite in "$@"; do
    systemd/debian/root.sh make "$suite" "$arch"
    rm -rf "$shared/deb" && mkdir "$shared/deb"
    began=$(date +%s)
    CPD_SHARED=$PWD systemd/debian/root.sh run "$suite" "$arch" \
        sh -c "$build" | tar -C "$shared/deb" -x
    echo "$suite $arch: built in $(($(date +%s) - began)) s, $(du -k "$shared"/deb/*.deb | cut -f1) KiB" |
        tee -a "$shared/figures"
    mkdir -p dist && cp "$shared"/deb/*.deb dist/
    cp tests/packaging/lifecycle_inside.sh "$shared/"
    CPD_SHARED=$shared systemd/debian/root.sh run "$suite" "$arch" \
        unshare --net sh /mnt/lifecycle_inside.sh "$suite $arch" $process || failed="$failed $suite"
done

echo
cat "$shared/figures"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
