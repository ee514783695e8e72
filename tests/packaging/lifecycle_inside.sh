#!/bin/sh
# The life of a package on a fresh Debian without a network, as root: install, a charger that runs, an update with a
# migrated store, an update that is refused, the way back, removal and purge. Figures go to /mnt/figures.
#
#   lifecycle_inside.sh LABEL guard|inside     where the hardware is driven; emulation cannot tell the guard its peers
set -eu
label=$1
process=$2
deb=$(echo /mnt/deb/*.deb)
config=/etc/cpd/cpd.toml
began=$(date +%s%N)
step_began=$began

ip link set lo up

say() { echo "$label: $*" | tee -a /mnt/figures; }
fail() { say "FAILED: $*"; exit 1; }
done_in() {
    now=$(date +%s%N)
    say "$1 in $(((now - step_began) / 1000000)) ms"
    step_began=$now
}
ours() {
    find /etc /run /usr /var $([ ! -d /opt ] || echo /opt) -xdev -path '/var/lib/dpkg/info/cpd.*' -prune -o \
        \( -name 'cpd*' -o -name '*-cpd*' -o -name _cpd \) -print | sort
}

# The package as VERSION, a later release: with a migration more, and a table that this release does not know any more.
later() {
    [ -e /tmp/later ] || dpkg-deb --raw-extract "$deb" /tmp/later
    modules=$(echo /tmp/later/opt/cpd/lib/python3.*/site-packages)
    if [ ! -e /tmp/migrated ]; then
        next=$(printf '%04d' $(($(ls "$modules"/cpd/storage/migrations/*.sql | wc -l) + 1)))
        echo "ALTER TABLE transactions ADD COLUMN tariff TEXT; ALTER TABLE audit RENAME COLUMN uid TO user_id;" \
            >"$modules/cpd/storage/migrations/${next}_later.sql"
        sed -i 's/(uid, method/(user_id, method/; s/SELECT uid/SELECT user_id AS uid/' "$modules/cpd/storage/audit.py"
        touch /tmp/migrated
    fi
    sed -i "s/^Version: .*/Version: $1/" /tmp/later/DEBIAN/control
    sed -i "s/^__version__ = .*/__version__ = \"$1\"/" "$modules/cpd/__init__.py"
    find "$modules/cpd" -name '*.pyc' -delete
    (cd "$modules" && /usr/bin/python3 -m zipfile -c /tmp/later/DEBIAN/code.zip cpd hal)
    dpkg-deb --root-owner-group -Znone --build /tmp/later "/tmp/$1.deb" >/dev/null
}

# Both processes with the users, directories and groups that their units give them.
daemon() {
    for user in cpd-guard cpd; do
        install -d -o $user -g $user -m 0755 /run/$user
        install -d -o $user -g $user -m 0700 /var/lib/$user
    done
    guard=
    if [ "$process" = guard ]; then
        as cpd-guard /opt/cpd/bin/python -m hal
        guard=$!
    else
        install -d -o cpd -g cpd -m 0700 $state
    fi
    as cpd /usr/bin/cpd run
    running=$!
    for _ in $(seq 240); do
        cpd status >/tmp/status 2>&1 && return 0
        kill -0 $running 2>/dev/null || break
        sleep 0.5
    done
    cat /tmp/cpd.log /tmp/status
    fail "cpd run is not up"
}
as() {
    user=$1
    shift
    cd /run/$user
    setpriv --reuid=$user --regid=$user --init-groups "$@" >>/tmp/cpd.log 2>&1 &
}
stop() {
    kill $running && wait $running || true
    [ -z "$guard" ] || { kill $guard && wait $guard || true; }
}
sessions() { cpd transactions --json | tr ',' '\n' | grep -c '"local_id"' || true; }
session() {
    cpd mock plug-in 1 >/dev/null && cpd start 1 >/dev/null && sleep 2 && cpd stop 1 >/dev/null && cpd mock plug-out 1 >/dev/null
}

ours >/tmp/before

dpkg --force-unsafe-io --install "$deb" >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "dpkg --force-unsafe-io --install"; }
done_in "installed without a network"
grep -q 'sudo cpd init' /tmp/install.log || fail "the next step is not told"
cpd --version
cpd config check $config
[ -z "$(dpkg --verify cpd)" ] || fail "files differ: $(dpkg --verify cpd)"
for unit in cpd cpd-guard; do
    [ -L /etc/systemd/system/multi-user.target.wants/$unit.service ] || fail "$unit is not enabled"
done

# A central system that nobody answers for: what is booked waits.
state=/var/lib/cpd-guard
[ "$process" = guard ] || state=/var/lib/cpd/hal
cat >$config <<T
[station]
id = "CP-1"
[csms]
url = "ws://127.0.0.1:9/ocpp"
reconnect_max_s = 60
[hal]
backend = "mock"
process = "$process"
state_dir = "$state"
[[connector]]
id = 1
max_current_a = 16
auto_start_tag = "TECHNICIAN"
[ocpp]
AllowOfflineTxForUnknownId = true
T
cpd config check $config
daemon
done_in "cpd run up"
say "from the package to the first status: $((($(date +%s%N) - began) / 1000000)) ms"
session
[ "$(sessions)" = 1 ] || fail "$(sessions) sessions are booked, not 1"
stop
step_began=$(date +%s%N)

later 99.0
dpkg --force-unsafe-io --install /tmp/99.0.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "update"; }
daemon
[ "$(cpd --version)" = "cpd 99.0" ] || fail "$(cpd --version) after the update"
[ "$(sessions)" = 1 ] || fail "the update has lost a session"
ls /var/lib/cpd/cpd.db.before-* >/dev/null || fail "no copy of the store before the update"
session
[ "$(sessions)" = 2 ] || fail "no session after the update"
done_in "updated, store migrated"

# One that calls a key of the configuration by another name.
sed -i 's/reconnect_max_s/another_name/g' "$modules"/cpd/settings/*.py "$modules"/cpd/parts.py
later 99.1
! dpkg --force-unsafe-io --install /tmp/99.1.deb >/tmp/install.log 2>&1 || fail "an update that does not take the configuration went in"
grep -q 'Nothing was changed' /tmp/install.log || { cat /tmp/install.log; fail "the refusal is not told"; }
[ "$(cpd --version)" = "cpd 99.0" ] || fail "the refused update has left $(cpd --version)"
cpd status >/dev/null || fail "the refused update has stopped cpd"
stop
done_in "update refused: configuration"

dpkg --force-unsafe-io --install "$deb" >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "way back"; }
: >/tmp/cpd.log
daemon
[ "$(sessions)" = 2 ] || fail "the way back has lost sessions: $(sessions)"
grep -q 'store of a later release' /tmp/cpd.log || { cat /tmp/cpd.log; fail "the way back is not told"; }
stop
done_in "gone back, both sessions there"

apt-get remove --yes cpd >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "remove"; }
[ -e $config ] && [ -e /var/lib/cpd/cpd.db ] || fail "a removal has taken configuration or store"
[ ! -e /opt/cpd ] && [ ! -e /usr/bin/cpd ] || fail "a removal has left the program"
grep -q 'have not reached the central system' /tmp/install.log || { cat /tmp/install.log; fail "what waits is not told"; }
dpkg --purge cpd >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail "purge"; }
[ -e /var/lib/cpd/cpd.db ] || fail "a purge has taken sessions that wait"
[ ! -e /etc/cpd ] || fail "a purge has left the configuration"
done_in "removed and purged, sessions that wait kept"

dpkg --force-unsafe-io --install "$deb" >/dev/null 2>&1
rm -r /var/lib/cpd
dpkg --purge cpd >/tmp/install.log 2>&1
ours >/tmp/after
cmp -s /tmp/before /tmp/after || { diff /tmp/before /tmp/after || true; fail "the purge has left something"; }
done_in "purged without a trace"
