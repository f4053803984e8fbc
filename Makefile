# asterisk-privacy: the two commands of a newcomer are `make demo` and `make test`; `make help` lists the rest.

# a failing pip must fail the pipe that shows its progress
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# The first Python here that is new enough; or name one: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# in memory where there is a /dev/shm: these tests fsync a lot. In a folder of this run's own: other runs close theirs to other users.
FAST = own=$$(mktemp -d "$$(test -w /dev/shm && echo /dev/shm || echo /tmp)/ap.XXXXXX"); trap 'rm -rf "$$own"' EXIT; \
	TMPDIR=$$own $(BIN)/python -m pytest -q -m 'not asterisk' --dist worksteal --basetemp="$$own/t"

.DEFAULT_GOAL := help
.PHONY: help venv lab demo lint unit core test-browser screenshots test-asterisk matrix fuzz test bench bench-long soak install deb test-deb test-systemd sounds clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## .venv with the package and what its tests need (network once)

$(STAMP): setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later found; on Debian: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is not Python 3.11 or later"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make a venv; on Debian: apt install python3-venv"; exit 1; }
	@echo "== venv: $(VENV), Python $$($(PYTHON) -c 'import platform; print(platform.python_version())'); downloads once, a minute or two"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --editable '.[test,pictures,speed,s3,postgres]' \
		| sed -un 's/^Collecting \([^ (]*\).*/     \1/p; s/^Installing collected packages.*/     installing/p'
	@touch $@
	@echo "== venv: ready"

lab: venv  ## an Asterisk to play with: the system's, or one unpacked into ~/.cache (network once, 390 MB)
	@echo "== lab"
	@$(BIN)/python -m asterisk_privacy.lab.unpack

demo: venv lab  ## real calls on a real Asterisk: what is kept, what is not, with pictures
	@$(BIN)/asterisk-privacy demo

lint: venv  ## ruff (rules and format), mypy --strict, import-linter
	@echo "== lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy --strict asterisk_privacy
	@$(BIN)/lint-imports

unit: venv  ## the fast tests, without Asterisk
	@echo "== unit tests"
	@$(FAST) tests/unit -n 3

core: venv  ## the stories that a lawyer can read, random calls, and planted bugs that must be seen
	@echo "== scenarios and properties"
	@$(FAST) tests/scenarios tests/properties -n 2

test-browser: venv  ## the review page in a real Chromium (apt install chromium; without it they are skipped)
	@echo "== tests in a browser"
	@$(BIN)/python -m pytest -q tests/browser -n 2 --dist worksteal

screenshots: venv  ## docs/pictures/review-*.png, taken anew from the review page (needs chromium)
	@$(BIN)/python tests/browser/screenshots.py

test-asterisk: venv lab  ## the tests on real calls
	@echo "== tests with the age program"
	@$(BIN)/python -m pytest -q -m asterisk tests/unit
	@echo "== tests on a real Asterisk"
	@tools/test_on_calls.sh $(BIN)/python

matrix: venv lab  ## every kind of waiting and moving, and random schedules, on real calls (three minutes; docs/waiting.md)
	@$(BIN)/python -m pytest -v tests/asterisk/matrix

FUZZ_SECONDS ?= 60
fuzz: venv  ## coverage-guided fuzzing of what reads strangers' bytes, a minute each (network once: atheris; FUZZ_SECONDS=3600 for longer)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --disable-pip-version-check -q --editable '.[fuzz]'
	@mkdir -p dist/fuzz
	@for target in agi-lines agi-caller ari-event user-event audio-socket rtp-packets configuration age-file review-forms; do echo "== fuzz $$target"; \
		(cd dist/fuzz && $(abspath $(BIN))/python ../../tools/fuzz.py $$target -max_total_time=$(FUZZ_SECONDS) -verbosity=0 2>&1 | sed '/^INFO/d;/^WARNING/d') || exit 1; done

test: lint unit core test-browser lab test-asterisk  ## all of it

bench: venv lab  ## what recording costs beside MixMonitor, on real calls; the time from key to sealed (five minutes)
	@$(BIN)/python tools/bench_calls --calls 50 --rounds 2 --window 6 --only 'no rec|two WAV|privacy' --extras ring,start,gate
	@$(BIN)/python -m pytest -q tests/unit/daemon/test_key_to_sealed.py --durations=3 --durations-min=0.01

bench-long: venv lab  ## the same in all sizes and variants, calls that wait, frames lost, an hour sealed; a purge of a million recordings
	@$(BIN)/python tools/bench_calls --calls 10,50,100,200 --rounds 3 --window 10 --waits --extras all
	@$(BIN)/python tools/bench.py
	@LONG=1 $(BIN)/python -m pytest -q tests/asterisk/test_asterisk_stands_still.py -k three-minutes -s
	@$(BIN)/python -m pytest -q tests/unit/daemon/test_key_to_sealed.py --durations=3 --durations-min=0.01

soak: venv lab  ## ten thousand short calls in half an hour: nothing of them may stay, in the daemon or in Asterisk
	@$(BIN)/python tools/bench_calls/soak.py

PREFIX ?= /usr/local
install:  ## the program, its libraries, manual and unit below PREFIX (/usr/local), or below DESTDIR for a package; starts nothing
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" PYTHON="$(PYTHON)" packaging/install.sh

deb:  ## dist/asterisk-privacy_*.deb for this Debian, looked at by lintian (apt install debhelper lintian python3-venv)
	@packaging/make_deb.sh

SUITES ?= bookworm trixie
test-deb:  ## built, installed, upgraded, removed and purged in Debians of their own, 12 and 13 (apt install mmdebstrap; as root; SUITES=)
	@for suite in $(SUITES); do packaging/build_in.sh $$suite && packaging/try_deb.sh $$suite || exit 1; done

test-systemd: venv lab  ## and under a real systemd, with calls: ready, reload, restart, upgrade, watchdog, credentials, removed (the same)
	@for suite in $(SUITES); do packaging/build_in.sh $$suite && $(BIN)/python packaging/try_systemd.py $$suite || exit 1; done

sounds:  ## speak dialplan/sounds/*/*.txt anew (needs espeak-ng and sox)
	@command -v espeak-ng >/dev/null && command -v sox >/dev/null || { echo "make: apt install espeak-ng sox"; exit 1; }
	@$(MAKE) --no-print-directory venv
	@$(BIN)/python tools/make_sounds.py

clean:  ## remove what make made here (not the unpacked Asterisk in ~/.cache)
	rm -rf .venv .venv-* build dist demo-out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
