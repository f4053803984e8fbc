# a_debian SUITE KIND ROOT: a Debian of its own in ROOT, from Debian's own packages. KIND `build` has what docs/admin.md says `make deb` needs,
# `try` what a machine has that installs it. Kept as a tar file for the next time; remove that to have it made anew.
a_debian() {
    local suite=$1 kind=$2 root=$3 include kept=${ROOTFS_DIR:-$HOME/.cache/asterisk-privacy}/debian-$1-$2.tar
    case $kind in
        build) include=make,debhelper,lintian,python3-venv,ca-certificates ;;
        try) include=python3,systemd,systemd-sysv,dbus,libstdc++6,man-db,bash-completion ;;
    esac
    command -v mmdebstrap >/dev/null || { echo "${0##*/}: apt install mmdebstrap" >&2; exit 1; }
    [ "$(id -u)" = 0 ] || { echo "${0##*/}: run this as root" >&2; exit 1; }
    if [ ! -e "$kept" ]; then
        echo "== $suite: a Debian of its own to $kind in (downloads; some minutes)"
        mkdir -p "${kept%/*}"
        mmdebstrap --quiet --variant=apt --include="$include" "$suite" "$kept.new.tar" >/dev/null
        mv "$kept.new.tar" "$kept"
    fi
    chmod 0755 "$root"
    tar -x -C "$root" -f "$kept"
}
