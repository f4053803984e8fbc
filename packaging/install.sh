#!/bin/bash
# Installs the program below DESTDIR/PREFIX, with what it needs of Python in a venv of its own, and everything else where a system looks for it.
# Called by `make install` and by the Debian package, from the root of the source. Starts nothing, enables nothing, changes no Asterisk.
set -euo pipefail
: "${DESTDIR:=}" "${PREFIX:=/usr/local}" "${SYSCONFDIR:=/etc}" "${PYTHON:=python3}" "${BUILD:=$(mktemp -d)}"
# systemd looks below /usr/lib, /usr/local/lib and /etc only
case $PREFIX in
    /usr | /usr/local) below=$PREFIX/lib ;;
    *) below=$SYSCONFDIR; [ -n "$DESTDIR" ] || [ -w "$SYSCONFDIR" ] || below=$PREFIX/lib ;;
esac
: "${UNITDIR:=$below/systemd/system}"
lib=$PREFIX/lib/asterisk-privacy
share=$PREFIX/share

if [ -z "$DESTDIR" ] && [ ! -w "$(dirname "$PREFIX")" ]; then
    echo "install: $PREFIX cannot be written; run this as root, or name a place of yours with PREFIX=" >&2
    exit 1
fi
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "install: $PYTHON is not Python 3.11 or later" >&2; exit 1; }

echo "== program and its libraries: $DESTDIR$lib"
"$PYTHON" -m venv "$BUILD/pip"
rm -rf "$DESTDIR${lib:?}"
"$PYTHON" -m venv --without-pip "$DESTDIR$lib"
pip() { "$BUILD/pip/bin/python" -m pip --disable-pip-version-check --no-cache-dir "$@"; }
pip --python "$DESTDIR$lib/bin/python" install --quiet --no-compile --no-deps --only-binary :all: --requirement packaging/requirements.txt
pip wheel --quiet --no-deps --wheel-dir "$BUILD/wheel" .
pip --python "$DESTDIR$lib/bin/python" install --quiet --no-compile --no-deps "$BUILD"/wheel/*.whl
"$DESTDIR$lib/bin/python" -I -c 'import asterisk_privacy.cli.main, asterisk_privacy.daemon.service'
# of the venv only what runs the program: no activate scripts, no shebangs with the path of the build, no second copy of the sounds
find "$DESTDIR$lib/bin" -mindepth 1 ! -name 'python*' -delete
find "$DESTDIR$lib" -name __pycache__ -type d -prune -exec rm -rf {} +
rm -rf "$DESTDIR$lib/share" "$DESTDIR$lib/lib64" "$DESTDIR$lib/include"
rm -f "$DESTDIR$lib/.gitignore"
sed -i '/^command = /d' "$DESTDIR$lib/pyvenv.cfg"
find "$DESTDIR$lib" \( -name direct_url.json -o -name RECORD -o -name INSTALLER \) -delete

install -d "$DESTDIR$PREFIX/bin"
printf '#!/bin/sh\nexec %s/bin/python3 -I -m asterisk_privacy "$@"\n' "$lib" > "$DESTDIR$PREFIX/bin/asterisk-privacy"
chmod 0755 "$DESTDIR$PREFIX/bin/asterisk-privacy"

echo "== dialplan, announcements, manuals, units"
install -d "$DESTDIR$share/asterisk-privacy/dialplan" "$DESTDIR$share/asterisk-privacy/examples" "$DESTDIR$share/asterisk-privacy/sounds"
install -m 0644 dialplan/*.conf "$DESTDIR$share/asterisk-privacy/dialplan/"
install -m 0644 examples/config.toml "$DESTDIR$share/asterisk-privacy/examples/"
install -d "$DESTDIR$share/asterisk-privacy/monitoring"
install -m 0644 monitoring/* "$DESTDIR$share/asterisk-privacy/monitoring/"
cp -R dialplan/sounds/*/ "$DESTDIR$share/asterisk-privacy/sounds/"
chmod -R u=rwX,go=rX "$DESTDIR$share/asterisk-privacy"
install -d "$DESTDIR$share/doc/asterisk-privacy"
install -m 0644 README.md ARCHITECTURE.md CHANGELOG.md docs/*.md "$DESTDIR$share/doc/asterisk-privacy/"
install -m 0644 examples/config.toml "$DESTDIR$share/doc/asterisk-privacy/config.toml.sample"
"$DESTDIR$lib/bin/python" -I tools/make_extras.py "$BUILD/extras"
install -D -m 0644 "$BUILD/extras/asterisk-privacy.1" "$DESTDIR$share/man/man1/asterisk-privacy.1"
install -D -m 0644 "$BUILD/extras/asterisk-privacy.bash" "$DESTDIR$share/bash-completion/completions/asterisk-privacy"
install -D -m 0644 "$BUILD/extras/asterisk-privacy.zsh" "$DESTDIR$share/zsh/vendor-completions/_asterisk-privacy"
install -d "$DESTDIR$UNITDIR" "$DESTDIR$below/sysusers.d" "$DESTDIR$below/tmpfiles.d"
for unit in systemd/*.service; do
    sed "s#/usr/bin/asterisk-privacy#$PREFIX/bin/asterisk-privacy#; s#/usr/share#$share#" "$unit" > "$DESTDIR$UNITDIR/$(basename "$unit")"
done
sed "s#/usr/share#$share#" systemd/wire.conf > "$DESTDIR$share/asterisk-privacy/examples/wire.conf"
install -m 0644 systemd/sysusers.d/*.conf "$DESTDIR$below/sysusers.d/"
install -m 0644 systemd/tmpfiles.d/*.conf "$DESTDIR$below/tmpfiles.d/"

config=$SYSCONFDIR/asterisk-privacy/config.toml
if [ -z "$DESTDIR" ] && [ ! -e "$config" ]; then  # a package makes it when it is installed
    install -d -m 0750 "$(dirname "$config")"
    sed "s#^\#sounds = .*#sounds = \"$share/asterisk-privacy/sounds\"#" examples/config.toml > "$config"
    [ "$share" != /usr/share ] || install -m 0640 examples/config.toml "$config"
    chmod 0640 "$config"
fi
find "$DESTDIR$lib" -name __pycache__ -type d -prune -exec rm -rf {} +
echo "== installed; nothing was started. Next: systemd-sysusers; systemd-tmpfiles --create; $PREFIX/bin/asterisk-privacy setup"
[ "$below" != "$PREFIX/lib" ] || case $PREFIX in /usr | /usr/local) ;; *)
    echo "== $SYSCONFDIR cannot be written by this user: systemd does not see the units in $UNITDIR" ;; esac
