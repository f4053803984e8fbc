#!/bin/bash
# Installs, upgrades, removes and purges the newest dist/*.deb in a Debian of its own, and looks at what each step leaves. Needs root and mmdebstrap.
# ROOTFS=file.tar keeps that Debian for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$(ls -t dist/asterisk-privacy_*.deb | head -1)
command -v mmdebstrap >/dev/null || { echo "try_deb: apt install mmdebstrap" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "try_deb: run this as root" >&2; exit 1; }
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null; rm -rf "$root"' EXIT
chmod 0755 "$root"
echo "== a Debian of its own ($release)"
if [ -n "${ROOTFS:-}" ] && [ -e "$ROOTFS" ]; then
    tar -x -C "$root" -f "$ROOTFS"
else
    mmdebstrap --quiet --variant=apt --include=python3,systemd,libstdc++6,man-db,bash-completion "$release" "$root" >/dev/null
    [ -z "${ROOTFS:-}" ] || tar -c -C "$root" -f "$ROOTFS" .
fi
mount -t proc proc "$root/proc"
cp "$package" "$root/tmp/package.deb"
for extra in postgres s3; do cp "$(ls -t dist/asterisk-privacy-"$extra"_*.deb | head -1)" "$root/tmp/asterisk-privacy-$extra.deb"; done
# the same with a higher version, for the upgrade
mkdir "$root/tmp/again" && dpkg-deb -R "$package" "$root/tmp/again"
sed -i 's/^Version: .*/&+again/' "$root/tmp/again/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 -b "$root/tmp/again" "$root/tmp/again.deb" >/dev/null
rm -rf "$root/tmp/again"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
say() { echo "   $*"; }
must() { "${@:2}" >/dev/null 2>&1 || { echo "try_deb: $1" >&2; exit 1; }; say "ok: $1"; }
must_not() { ! "${@:2}" >/dev/null 2>&1 || { echo "try_deb: not so: $1" >&2; exit 1; }; say "ok: $1"; }

echo "== install"
inside dpkg -i /tmp/package.deb | tail -3
must "the command runs" inside asterisk-privacy --version
must "its own user runs it, and not the libraries of others" inside su -s /bin/sh asterisk-privacy -c 'cd / && asterisk-privacy check-config'
must "configuration and recordings are not for everybody" inside sh -c '[ "$(stat -c "%a %U %G" /etc/asterisk-privacy/config.toml)" = "640 root asterisk-privacy" ] && [ "$(stat -c %U /var/lib/asterisk-privacy)" = asterisk-privacy ]'
must "nobody else can read the recordings" inside sh -c 'case $(stat -c %a /var/lib/asterisk-privacy/recordings) in *0) ;; *) exit 1;; esac'
must_not "the unit is not enabled" inside systemctl is-enabled asterisk-privacy
must "the units are right" inside systemd-analyze verify /lib/systemd/system/asterisk-privacy.service /lib/systemd/system/asterisk-privacy-review.service
must "what the manual names is there" inside ls /usr/share/asterisk-privacy/monitoring/alerts.yml /usr/share/asterisk-privacy/examples/wire.conf
must "there is a manual page" inside man -w asterisk-privacy
must "bash completes commands" inside bash -c '. /usr/share/bash-completion/completions/asterisk-privacy; COMP_WORDS=(asterisk-privacy record); COMP_CWORD=1; _asterisk_privacy_completion asterisk-privacy; [ "${COMPREPLY[0]}" = recordings ]'
inside mkdir /etc/asterisk
for name in extensions features ari http pjsip; do echo "[general]" > "$root/etc/asterisk/$name.conf"; done
must "setup finds what was shipped" inside asterisk-privacy setup --yes
must "and takes it out again" inside asterisk-privacy setup --undo --yes
must "keys are made" inside asterisk-privacy keys generate-number-key /etc/asterisk-privacy/number.key

echo "== libraries for several PBXs"
compiled() { find "$root/usr/lib/asterisk-privacy" -name '*.pyc' | wc -l; }
own=$(compiled)
inside sh -c 'cp /etc/asterisk-privacy/config.toml /tmp/config.toml'
say_url() { sed -i '/^\[registry\]/a url = "postgresql://recorder@127.0.0.1:1/calls?connect_timeout=1"\nnode = "pbx-1"' "$root/etc/asterisk-privacy/config.toml"; }
say_bucket() { sed -i '/^\[s3\]/a bucket = "recordings"\nendpoint = "http://127.0.0.1:1"' "$root/etc/asterisk-privacy/config.toml"; }
says() { # what is said by the rest of the words, once spaces and lines are one
    { inside env AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x asterisk-privacy "${@:2}" 2>&1 || true; } | tr -s ' \n' ' ' | grep "$1"
}
say_url
must "without psycopg it is said which package has it" says "needs the library psycopg.*asterisk-privacy-postgres" recordings list
say_bucket
must "without botocore as well" says "needs the library botocore.*asterisk-privacy-s3" check-config --ask
inside dpkg -i /tmp/asterisk-privacy-postgres.deb /tmp/asterisk-privacy-s3.deb | tail -2
must "with them the server is asked" says "registry postgresql://.*127.0.0.1:1" recordings list
must_not "and no library is missing" says "needs the library" recordings list
must "the bucket is asked, too" says "127.0.0.1:1/" check-config --ask
must_not "and nothing is missing for that" says "needs the library" check-config --ask
must "they are compiled once, too" test "$(compiled)" -gt "$own"
inside dpkg -r asterisk-privacy-postgres asterisk-privacy-s3 | tail -2
must "taken out, they leave what was there" test "$(compiled)" = "$own"
must "and nothing of their own" sh -c "! find '$root/usr/lib/asterisk-privacy' | grep -q 'psycopg\|botocore'"
inside cp /tmp/config.toml /etc/asterisk-privacy/config.toml

echo "== upgrade"
echo "# mine" >> "$root/etc/asterisk-privacy/config.toml"
inside su -s /bin/sh asterisk-privacy -c 'echo sealed > /var/lib/asterisk-privacy/recordings/x.flac.age'
inside dpkg -i /tmp/again.deb | tail -1
must "the command still runs" inside asterisk-privacy --version
must "my configuration is mine" grep -q "^# mine" "$root/etc/asterisk-privacy/config.toml"
must_not "it is still not enabled" inside systemctl is-enabled asterisk-privacy

echo "== remove"
inside dpkg -r asterisk-privacy | tail -1
must "nothing of the program is left" test ! -e "$root/usr/lib/asterisk-privacy" -a ! -e "$root/usr/bin/asterisk-privacy"
must "the recordings are" test -s "$root/var/lib/asterisk-privacy/recordings/x.flac.age"

echo "== purge"
inside dpkg -P asterisk-privacy | tee "$root/tmp/purged" | tail -3
must "it says what stays" grep -q "stay in /var/lib/asterisk-privacy" "$root/tmp/purged"
must "the recordings are there, and the keys" test -s "$root/var/lib/asterisk-privacy/recordings/x.flac.age" -a -s "$root/etc/asterisk-privacy/number.key"
must_not "the configuration is gone" test -e "$root/etc/asterisk-privacy/config.toml"
echo "== $package: installed, upgraded, removed, purged"
