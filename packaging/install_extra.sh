#!/bin/bash
# install_extra.sh NAME DESTDIR: the libraries of packaging/requirements-NAME.txt, below DESTDIR, at the place where the program that
# install.sh has put into the environment's DESTDIR looks for them. Called by the Debian package.
set -euo pipefail
: "${PREFIX:=/usr}" "${BUILD:?}"
name=$1 there=$2
python=$DESTDIR$PREFIX/lib/asterisk-privacy/bin/python
place=$("$python" -I -c 'import sys; print("lib/asterisk-privacy/lib/python%d.%d/site-packages" % sys.version_info[:2])')

echo "== libraries of the extra [$name]: $there$PREFIX/$place"
"$BUILD/pip/bin/python" -m pip --disable-pip-version-check --no-cache-dir --python "$python" install --quiet --no-compile --no-deps \
    --only-binary :all: --target "$there$PREFIX/$place" --requirement "packaging/requirements-$name.txt"
# of the descriptions of all of a provider's services only what this program asks of one: 28 of 31 MB
data=$there$PREFIX/$place/botocore/data
if [ -d "$data" ]; then
    find "$data" -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts -exec rm -rf {} +
fi
rm -rf "$there$PREFIX/$place/bin"
find "$there" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$there" \( -name direct_url.json -o -name RECORD -o -name INSTALLER \) -delete
