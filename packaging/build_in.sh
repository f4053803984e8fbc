#!/bin/bash
# build_in.sh SUITE: `make deb` in a clean Debian of its own and an empty environment, as an administrator has them. The packages go to dist/SUITE.
# Needs root and mmdebstrap. What was built of the same source already is not built again.
set -euo pipefail
cd "$(dirname "$0")/.."
. packaging/own_debian.sh
suite=$1
there=$PWD/dist/$suite
source=$({ git ls-files -s; git diff HEAD; } | sha256sum)
if [ -e "$there/.built" ] && [ "$(cat "$there/.built")" = "$source" ]; then
    echo "== $suite: $there is of this source already"
    exit 0
fi

root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf "$root"' EXIT
a_debian "$suite" build "$root"
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir "$root/src"
git ls-files -z --cached | xargs -0 -I{} sh -c '[ ! -e "{}" ] || printf "%s\0" "{}"' | tar --null -T - -c | tar -x -C "$root/src"
echo "== $suite: make deb"
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root sh -c 'cd /src && make deb'
rm -rf "$there"
mkdir -p "$there"
cp "$root"/src/dist/*.deb "$there/"
echo "$source" > "$there/.built"
