#!/bin/bash
# dist/asterisk-privacy_VERSION_ARCH.deb, and the extras beside it, built for the Debian that this runs on, and looked at by lintian. `make deb` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for tool in dpkg-buildpackage:dpkg-dev dh:debhelper lintian:lintian; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
/usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    echo "make deb: apt install ${missing[*]}" >&2
    exit 1
fi

version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' asterisk_privacy/__init__.py)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=$work/asterisk-privacy-$version
mkdir "$source"
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached | xargs -0 -I{} sh -c '[ ! -e "{}" ] || printf "%s\0" "{}"' | tar --null -T - -c | tar -x -C "$source"
    : "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
else
    tar -c --exclude .venv --exclude dist --exclude build . | tar -x -C "$source"
    : "${SOURCE_DATE_EPOCH:=$(date +%s)}"
fi
export SOURCE_DATE_EPOCH
cp -r packaging/debian "$source/debian"
cat > "$source/debian/changelog" <<CHANGELOG
asterisk-privacy ($version) unstable; urgency=medium

  * Version $version; CHANGELOG.md says what is new.

 -- The asterisk-privacy authors <asterisk-privacy@example.org>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGELOG

# -d: nothing is compiled here, so build-essential is not needed; the tools that are were looked for above
echo "== build (downloads the pinned libraries; a minute or two)"
(cd "$source" && dpkg-buildpackage -d --build=binary --no-sign >"$work/log" 2>&1) || { tail -40 "$work/log" >&2; exit 1; }
mkdir -p dist
packages=()
for built in "$work"/asterisk-privacy*_"$version"_*.deb; do
    case $built in *-dbgsym_*) continue ;; esac
    cp "$built" dist/
    packages+=("dist/$(basename "$built")")
done
echo "== lintian"
lintian --fail-on error --tag-display-limit 5 "${packages[@]}"
for package in "${packages[@]}"; do
    echo "== $package, $(du -h "$package" | cut -f1)"
done
