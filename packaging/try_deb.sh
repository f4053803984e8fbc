#!/bin/bash
# try_deb.sh SUITE: installs, upgrades, removes and purges the packages of dist/SUITE in a Debian of its own, and looks at what each step leaves.
# Needs root and mmdebstrap.
set -euo pipefail
cd "$(dirname "$0")/.."
. packaging/own_debian.sh
suite=$1
package=$(ls -t "dist/$suite"/asterisk-privacy_*.deb | head -1)

root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf "$root"' EXIT
echo "== $suite: a Debian of its own"
a_debian "$suite" try "$root"
mount -t proc proc "$root/proc"
cp "$package" "$root/tmp/package.deb"
for extra in postgres s3; do cp "$(ls -t dist/"$suite"/asterisk-privacy-"$extra"_*.deb | head -1)" "$root/tmp/asterisk-privacy-$extra.deb"; done
# the same with a higher version, for the upgrade
mkdir "$root/tmp/again" && dpkg-deb -R "$package" "$root/tmp/again"
sed -i 's/^Version: .*/&+again/' "$root/tmp/again/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 -b "$root/tmp/again" "$root/tmp/again.deb" >/dev/null
# and with a lower one that had the configuration as a conffile, as the first packages did
sed -i 's/^Version: .*/Version: 0.0.9/' "$root/tmp/again/DEBIAN/control"
mkdir -p "$root/tmp/again/etc/asterisk-privacy"
{ cat "$root/tmp/again/usr/share/asterisk-privacy/examples/config.toml"; echo "# as it came then"; } > "$root/tmp/again/etc/asterisk-privacy/config.toml"
echo /etc/asterisk-privacy/config.toml > "$root/tmp/again/DEBIAN/conffiles"
dpkg-deb --root-owner-group -Zgzip -z1 -b "$root/tmp/again" "$root/tmp/first.deb" >/dev/null
rm -rf "$root/tmp/again"

# nobody there to answer a question
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" </dev/null; }
say() { echo "   $*"; }
must() { "${@:2}" >/dev/null 2>&1 || { echo "try_deb: $1" >&2; exit 1; }; say "ok: $1"; }
must_not() { ! "${@:2}" >/dev/null 2>&1 || { echo "try_deb: not so: $1" >&2; exit 1; }; say "ok: $1"; }

echo "== upgrade of a package whose configuration was a conffile"
inside dpkg -i /tmp/first.deb >/dev/null
echo "# mine" >> "$root/etc/asterisk-privacy/config.toml"
before=$(sha256sum "$root/etc/asterisk-privacy/config.toml")
must "dpkg asks nothing" inside dpkg -i /tmp/package.deb
must "and what I wrote is there" test "$before" = "$(sha256sum "$root/etc/asterisk-privacy/config.toml")"
must "nor the next time" inside dpkg -i /tmp/again.deb
must "and it is there" test "$before" = "$(sha256sum "$root/etc/asterisk-privacy/config.toml")"
inside dpkg -P asterisk-privacy >/dev/null
must_not "purged, it is gone" test -e "$root/etc/asterisk-privacy/config.toml"

echo "== install"
inside dpkg -i /tmp/package.deb | tail -3
must "the command runs" inside asterisk-privacy --version
must "its own user runs it, and not the libraries of others" inside su -s /bin/sh asterisk-privacy -c 'cd / && asterisk-privacy check-config --file-only'
told=$(inside asterisk-privacy check-config 2>&1 || true)
must "it says that keys are missing" grep -q "recipients.txt: cannot read" <<< "$told"
must_not "and finds the sounds that came along" grep -q "announcement:.*is missing\|tones" <<< "$told"
must "configuration and recordings are not for everybody" inside sh -c '[ "$(stat -c "%a %U %G" /etc/asterisk-privacy/config.toml)" = "640 root asterisk-privacy" ] && [ "$(stat -c %U /var/lib/asterisk-privacy)" = asterisk-privacy ]'
must "nobody else can read the recordings" inside sh -c 'case $(stat -c %a /var/lib/asterisk-privacy/recordings) in *0) ;; *) exit 1;; esac'
must_not "the unit is not enabled" inside systemctl is-enabled asterisk-privacy
must "the units are right" inside systemd-analyze verify /usr/lib/systemd/system/asterisk-privacy.service /usr/lib/systemd/system/asterisk-privacy-review.service
must_not "dpkg knows no conffile of it" grep -rqs asterisk-privacy/config.toml "$root/var/lib/dpkg/info/asterisk-privacy.conffiles"
must "what the manual names is there" inside ls /usr/share/asterisk-privacy/monitoring/alerts.yml /usr/share/asterisk-privacy/examples/wire.conf
must "there is a manual page" inside man -w asterisk-privacy
must "bash completes commands" inside bash -c '. /usr/share/bash-completion/completions/asterisk-privacy; COMP_WORDS=(asterisk-privacy record); COMP_CWORD=1; _asterisk_privacy_completion asterisk-privacy; [ "${COMPREPLY[0]}" = recordings ]'
inside mkdir /etc/asterisk
for name in extensions features ari http pjsip; do echo "[general]" > "$root/etc/asterisk/$name.conf"; done
must "setup finds what was shipped" inside asterisk-privacy setup --yes
must "and takes it out again" inside asterisk-privacy setup --undo --yes
must "keys are made" inside asterisk-privacy keys generate-number-key /etc/asterisk-privacy/number.key
must_not "and are the recorder's to read" grep -q "number.key: cannot be read" <<< "$(inside asterisk-privacy check-config 2>&1 || true)"
inside chmod 0600 /etc/asterisk-privacy/number.key
must "as root it is judged for the recorder's user, who cannot read it then" grep -q "number.key: cannot be read" <<< "$(inside asterisk-privacy check-config 2>&1 || true)"
inside systemd-tmpfiles --create asterisk-privacy.conf
must_not "once it is his, he can" grep -q "number.key: cannot be read" <<< "$(inside asterisk-privacy check-config 2>&1 || true)"

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
must_not "nor an empty file of ours" test -e "$root/etc/asterisk-privacy/config.toml.dpkg-dist"
echo "== $suite: $package: installed, upgraded, removed, purged"
