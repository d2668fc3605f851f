# Sourced by tools/quickstart and tools/test: what vmd needs from Debian 12, in one place.
# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources this uses the lists
tools_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# What it takes to build and run vmd.
BUILD_PACKAGES=(
    gcc meson ninja-build pkg-config python3
    libglib2.0-dev libxml2-dev libjson-c-dev libnl-3-dev libnl-route-3-dev
    libnftables-dev libsystemd-dev libcmocka-dev libreadline-dev
)
RUN_PACKAGES=(qemu-system-x86 qemu-utils iproute2 dnsmasq-base nftables)

# What Debian's packages of vmd are built and looked at with.
PACKAGE_PACKAGES=(debhelper dpkg-dev lintian)

# A guest to try it with.
GUEST_PACKAGES=(busybox-static cpio)

# What the tests ask besides: the sanitizers' other compiler, stock clients, helpers, emulators of
# machines that are no PCs.
TEST_PACKAGES=(
    clang libclang-rt-14-dev llvm-14 clang-format-14 shellcheck valgrind universal-ctags
    tini util-linux procps libvirt-clients python3-libvirt virtinst swtpm swtpm-tools
    passt ovmf socat dnsmasq-base nftables libvirt-dev
    libxml2-utils mmdebstrap arch-test e2fsprogs ca-certificates gpg python3-fusepy
    qemu-system-arm qemu-system-misc qemu-system-ppc mandoc zsh xorriso
    openssh-client netcat-openbsd openssl lvm2 fdisk
)

# What the second Debian of the tests has (tests/peer/enter), and of which sources it takes the
# backport: QEMU 10.0 and libvirt 11.3 in place of 7.2 and 9.0.
PEER_PACKAGES=(
    qemu-system-x86 qemu-utils libvirt-daemon-system libvirt-clients python3-libvirt virtinst
    swtpm swtpm-tools passt ovmf dnsmasq-base nftables busybox-static socat
    lvm2 iproute2 kmod procps tini python3 libglib2.0-0 libjson-c5 libnl-route-3-200 libnftables1
    libreadline8 libsystemd0 libxml2 libasan8 libubsan1
)
PEER_BACKPORTS="src:qemu src:libvirt src:libvirt-python src:seabios"

# make_debian TARGET [--backports] [OPTION...]: a Debian 12 of its own (a folder or a .tar), made by
# mmdebstrap of what the host's apt is set up with: tools/apt-sources tells. Where that cannot be had
# (a mirror amid its update has indexes that do not fit), of the base system's archive alone.
make_debian() {
    local target=$1 asked=() work rc=1 base
    shift
    [ "${1:-}" != --backports ] || { asked=(--backports); shift; }
    "$tools_dir/apt-sources" >/dev/null 2>&1 || apt-get update -qq
    work=$(mktemp -d)
    "$tools_dir/apt-sources" --options >"$work/options"
    for base in '' --base; do
        "$tools_dir/apt-sources" $base "${asked[@]}" >"$work/debian.sources" || break
        rm -rf --one-file-system "$target"
        mmdebstrap --variant=minbase --aptopt="$work/options" \
            --aptopt='APT::Install-Recommends "false"' \
            --setup-hook="'$tools_dir/apt-sources' --copy \"\$1\"" "$@" \
            bookworm "$target" "$work/debian.sources" && rc=0 && break
    done
    rm -rf "$work"
    return $rc
}

# install_packages PACKAGE...: those that are missing, quietly; says what it does.
install_packages() {
    local missing=() p
    for p in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "these packages are missing, and only root can install them: ${missing[*]}" >&2
        return 1
    fi
    echo "== installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # A service that starts by itself has no business on a machine that only wants the clients.
    local policy=/usr/sbin/policy-rc.d made=
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1; }
    local rc=0 log
    log=$(mktemp)
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" \
        >"$log" 2>&1 </dev/null || rc=$?
    [ $rc -eq 0 ] || tail -n 30 "$log" >&2
    rm -f "$log"
    [ -z "$made" ] || rm -f $policy
    return $rc
}

# build_guest DIR [agent]: DIR/vmlinuz (Debian's cloud kernel), DIR/initrd (a busybox that ends in a
# shell on the serial console) and, where asked, DIR/agent (qemu-ga and what it takes, to be put behind
# the initrd), unless they are there. Nothing is installed into the host's own boot folder. Who asks
# while another makes it waits.
build_guest() {
    local dir=$1 agent=${2:-}
    mkdir -p "$dir"
    (
        flock 8
        { [ -s "$dir/vmlinuz" ] && [ -s "$dir/initrd" ] && { [ -z "$agent" ] || [ -s "$dir/agent" ]; }; } ||
            fetch_guest "$dir" "$agent"
    ) 8>"$dir/lock"
}

# unpack_packages DIR PACKAGE...: what is in them, below DIR, unless it is there: for tests that run a
# server of their own, which as an installed package would be one of the host's.
unpack_packages() {
    local dir=$1 work
    shift
    mkdir -p "$(dirname "$dir")"
    (
        flock 8
        [ ! -d "$dir" ] || exit 0
        work=$(mktemp -d "$dir.XXXXXX")
        (cd "$work" && { apt-get download -qq -o APT::Sandbox::User=root "$@" ||
            { apt-get update -qq && apt-get download -qq -o APT::Sandbox::User=root "$@"; }; }) &&
            for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$work" || exit; done &&
            chmod 755 "$work" && rm -f "$work"/*.deb && mv "$work" "$dir"
    ) 8>"$dir.lock"
}

guest_package() {
    apt-cache depends --important linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^  Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

fetch_guest() {
    local dir=$1 agent=$2 package
    package=$(guest_package)
    [ -n "$package" ] || { apt-get update -qq && package=$(guest_package); }
    [ -n "$package" ] || { echo "apt knows no kernel for a guest" >&2; return 1; }
    echo "== fetching a kernel for the guest ($package)"
    rm -rf "$dir/deb" "$dir"/*.deb
    (cd "$dir" && apt-get download -qq -o APT::Sandbox::User=root "$package" ${agent:+qemu-guest-agent}) || return
    dpkg-deb -x "$dir"/linux-image-*.deb "$dir/deb" || return
    build_initrd "$dir" || return
    [ -z "$agent" ] || build_agent "$dir" || return
    mv "$dir"/deb/boot/vmlinuz-* "$dir/vmlinuz" || return
    rm -rf "$dir/deb" "$dir"/*.deb
}

# The modules a guest of ours needs, in the order they load: the power button and its events, a
# network card and a disk.
GUEST_MODULES=(evdev button failover net_failover virtio_ring virtio virtio_pci_legacy_dev
    virtio_pci_modern_dev virtio_pci virtio_net virtio_blk)

build_initrd() {
    local dir=$1 root m file
    root=$(mktemp -d)
    mkdir -p "$root"/{bin,proc,sys,dev,modules,var/log,var/run,etc/acpi/PWRF}
    for m in "${GUEST_MODULES[@]}"; do # one that is built in has no file
        file=$(find "$dir/deb" -name "$m.ko" -print -quit)
        [ -z "$file" ] || cp "$file" "$root/modules/"
    done
    echo "${GUEST_MODULES[*]}" >"$root/modules/order"
    printf '#!/bin/sh\npoweroff -f\n' >"$root/etc/acpi/PWRF/00000080"
    chmod +x "$root/etc/acpi/PWRF/00000080"
    cp "$(command -v busybox)" "$root/bin/busybox"
    cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
for m in $(cat /modules/order); do [ ! -e /modules/$m.ko ] || insmod /modules/$m.ko; done
acpid # the power button ends in poweroff
[ ! -x /etc/rc ] || /etc/rc
echo
echo "This is a guest of vmd: $(uname -sr), $(nproc) cpu."
exec setsid cttyhack sh
INIT
    chmod +x "$root/init"
    pack_tree "$root" "$dir/initrd"
}

# pack_tree ROOT FILE: what is below ROOT, which goes.
pack_tree() {
    (cd "$1" && find . | cpio -o -H newc --quiet | gzip -9) >"$2.new"
    mv "$2.new" "$2"
    rm -rf "$1"
}

# The agent, the modules that it and a file system for it to freeze need, and the libraries of this
# host, which is of the same Debian.
AGENT_MODULES=(virtio_console crc16 mbcache jbd2 ext4)

build_agent() {
    local dir=$1 root m file
    root=$(mktemp -d)
    mkdir -p "$root/agent"
    dpkg-deb -x "$dir"/qemu-guest-agent_*.deb "$dir/deb" || return
    for m in "${AGENT_MODULES[@]}"; do
        file=$(find "$dir/deb" -name "$m.ko" -print -quit)
        [ -z "$file" ] || cp "$file" "$root/agent/"
    done
    echo "${AGENT_MODULES[*]}" >"$root/agent/order"
    install -D "$dir/deb/usr/sbin/qemu-ga" "$root/usr/sbin/qemu-ga" || return
    ldd "$root/usr/sbin/qemu-ga" | grep -o '/[^ ]*' | while read -r file; do
        install -D "$file" "$root$file" || return
    done || return
    pack_tree "$root" "$dir/agent"
}
