# SPDX-License-Identifier: MIT
# Runs inside the root filesystem: an installation that is killed at every step in turn is known to
# be half done, and a second run completes it or takes it away; so is an uninstallation. A full disk
# takes back what was done. What is there afterwards is compared with what was there before.
set -euo pipefail

fail() {
    echo "interrupted.sh: $*" >&2
    exit 1
}

install -m755 /mnt/input/rmcp-kctl /usr/local/bin/rmcp-kctl
kept=/mnt/metadata/kernels
[ -d $kept ] || fail "the kernel's Rust metadata is not at hand"
cp -a $kept /root/
# A user's own line, and an image that needs the module, but little else: it is made many times.
echo 'options rmcp noretry=1' >/etc/modprobe.d/rmcp.conf
echo amdgpu >>/etc/initramfs-tools/modules
sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=zstd\nCOMPRESSLEVEL=1/' \
    /etc/initramfs-tools/initramfs.conf
update-initramfs -u -k "$KERNEL"

# Every file, and what those hold that an installation touches.
snapshot() {
    sh /mnt/input/snapshot
    find /lib/modules/"$KERNEL" /usr/src /var/lib -xdev -type f ! -path '/var/lib/dkms/mok.*' \
        ! -path /usr/src/linux-\* ! -path /var/lib/dpkg/\* ! -path /var/lib/apt/\* -exec sha256sum {} + |
        LC_ALL=C sort -k2
}

# With metadata at hand, as after a first build.
metadata() {
    mkdir -p /var/lib/rmcp
    cp -al /root/kernels /var/lib/rmcp/
}

as_before() {
    snapshot >/tmp/after
    diff -u /tmp/before /tmp/after >&2 || fail "$1: this is not as it was before"
}

# What status says of it. There is no GPU here, so that it ends with an exit code that says so.
interruption() {
    { rmcp-kctl --json status || [ $? = 3 ]; } | sed -n 's/^  "interruption": //p'
}

in_order() {
    local again
    again=$(rmcp-kctl install --yes 2>&1)
    [[ $again == *"nothing to do"* ]] || fail "$1: not completed, as another run says: $again"
    [ "$(interruption)" = null ] || fail "$1: status still says $(interruption)"
    modinfo -k "$KERNEL" rmcp >/dev/null || fail "$1: no module"
    lsinitramfs "/boot/initrd.img-$KERNEL" >/tmp/listing
    grep -q '/rmcp.ko' /tmp/listing || fail "$1: no module in the initramfs"
    grep -q 'etc/modprobe.d/rmcp.conf' /tmp/listing || fail "$1: no load order in the initramfs"
    dkms status rmcp/1.0 | grep -q "$KERNEL.*installed" || fail "$1: DKMS does not know it"
    grep -qx 'options rmcp noretry=1' /etc/modprobe.d/rmcp.conf || fail "$1: the user's line is gone"
}

# Runs the command in a session of its own and kills all of it so long after it began a step. Whether
# it was still there to be killed.
kill_at() { # STEP DELAY COMMAND...
    local step=$1 delay=$2 session
    shift 2
    # What the last one wrote must not be taken for this one's, which may take a while to begin.
    : >/tmp/log
    setsid "$@" >/tmp/log 2>&1 &
    session=$!
    while ! grep -q "^\[$step/" /tmp/log; do
        kill -0 $session 2>/dev/null || fail "\`$*\` ended before its step $step: $(cat /tmp/log)"
        sleep 0.01
    done
    sleep "$delay"
    kill -KILL -- -$session 2>/dev/null || return 1
    wait $session 2>/dev/null || true
}

steps_of() {
    rmcp-kctl --json "$@" --dry-run | grep -c '"do":'
}

# Programs that work for long are killed in their midst too.
delays() { # STEP
    echo 0
    rmcp-kctl --json install --dry-run | grep '"text":' | sed -n "$1p" |
        grep -q 'run \(dkms\|update-initramfs\)' && echo 0.3 1.5 5 || true
}

expect_told() {
    local said
    said=$(interruption)
    [[ $said == *interrupted* ]] || fail "$1: status does not tell of it: $said"
    echo "$1: $said"
}

run() { # WHAT COMMAND...
    local what=$1
    shift
    echo "$what: $*"
    "$@" >/tmp/complete 2>&1 || fail "$what: \`$*\` fails: $(cat /tmp/complete)"
}

snapshot >/tmp/before

every_step_of_install() {
    local step delay what count round=0
    for ((step = 1; step <= $(steps_of install); step++)); do
        count=$(steps_of install)
        for delay in $(delays $step); do
            what="installation killed $delay s after step $step of $count began"
            metadata
            if kill_at $step "$delay" rmcp-kctl install --yes; then
                expect_told "$what"
            fi
            # Completed first, or removed as it is: in turn.
            if [ $((round++ % 2)) = 0 ]; then
                run "$what" rmcp-kctl install --yes
                in_order "$what"
            fi
            run "$what" rmcp-kctl uninstall --yes
            as_before "$what"
        done
    done
}

every_step_of_uninstall() {
    local step delay what count round=0
    for ((step = 1; ; step++)); do
        metadata
        run "before an uninstallation" rmcp-kctl install --yes
        count=$(steps_of uninstall)
        if [ $step -gt "$count" ]; then
            run "after the last step" rmcp-kctl uninstall --yes
            as_before "the last uninstallation"
            return
        fi
        what="uninstallation killed as step $step of $count began"
        # The last step is done in no time, and takes along what status could tell.
        if ! kill_at $step 0 rmcp-kctl uninstall --yes; then
            [ $step = "$count" ] || fail "$what: it was too quick"
        elif [ $step != "$count" ]; then
            expect_told "$what"
        fi
        if [ $((round++ % 2)) = 0 ]; then
            metadata
            run "$what" rmcp-kctl install --yes
            in_order "$what"
        fi
        run "$what" rmcp-kctl uninstall --yes
        as_before "$what"
    done
}

# A directory on a disk of its own that has only so much room.
full_disk() { # DIRECTORY ROOM
    local size
    metadata
    cp -a "$1" /tmp/disk
    size=$(du -sk /tmp/disk | cut -f1)
    mount -t tmpfs -o size=$((size + $2))k tmpfs "$1"
    cp -a /tmp/disk/. "$1"
    if rmcp-kctl install --yes >/tmp/log 2>&1; then
        fail "$1 had $2 KiB of room and this was enough, so that it shows nothing"
    fi
    grep -qi 'no space left' /tmp/log || fail "a full $1 is not named: $(cat /tmp/log)"
    umount "$1"
    rm -r /tmp/disk
    run "after a full $1" rmcp-kctl uninstall --yes
    as_before "a full $1"
}

# How long each step's programs take is seen in an installation that nothing interrupts.
metadata
run "an installation" rmcp-kctl install --yes
in_order "an installation"
run "an uninstallation" rmcp-kctl uninstall --yes
as_before "an uninstallation"
every_step_of_install
every_step_of_uninstall
full_disk /usr/src 20
full_disk /var/lib/dkms 500
full_disk /boot 5000
