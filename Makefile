# make demo    a charging session on this machine (ARGS=--fast for a short one)
# make test    what continuous integration runs: lint, formatting, types, tests
# make torture the same power cuts and their like in full counts, and how many there were (half an hour)
# make bench   what this charger costs on this machine beside its targets (7 minutes; ARGS=--json: one document)
# make deb     the Debian package for this machine, in dist/ (ARCH=arm64 [SUITE=trixie]: for another one, under emulation)
# make deb-test what becomes of it on Bookworm and Trixie: install, update, way back, purge (as root; 10 minutes)
# make clean   remove everything that make has made
#
# All tools live in .venv, which the first run sets up and a later one finds ready.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

# Whatever has more to do under --torture.
TORTURED := tests/torture tests/hal/search tests/storage/test_damage.py tests/domain/test_many_worlds.py \
  $(addprefix tests/scenarios/test_,damaged_store.py personality_pairs.py interleaved_sessions.py budgets.py card_budget.py smart_charging.py)

.PHONY: help demo test lint format types units torture bench deb clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(READY)
	@$(VENV)/bin/cpd demo $(ARGS)

test: $(READY) tools package
	@$(MAKE) --no-print-directory --keep-going lint format types units

lint: $(READY)
	$(VENV)/bin/ruff check .

format: $(READY)
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy --strict

# More workers than cores, because real processes are waited for more than half of their time.
units: $(READY)
	$(VENV)/bin/pytest -n 4

torture: $(READY) tools
	$(VENV)/bin/pytest -n 2 --torture $(TORTURED)

bench: $(READY)
	@$(VENV)/bin/python -m tests.bench $(ARGS)

# Debian's own Python, whatever else is in the PATH: the package depends on it.
DEB := dist/.built
DEB_SOURCES = $(shell find cpd hal systemd config -type f ! -name '*.pyc') pyproject.toml README.md CHANGELOG.md LICENSE
# Their names: one that is gone makes another package as well.
DEB_NAMES := dist/.sources

SUITE := bookworm
SUITES := bookworm trixie

ifdef ARCH
deb:
	systemd/debian/root.sh make $(SUITE) $(ARCH)
	CPD_SHARED=$(CURDIR) systemd/debian/root.sh run $(SUITE) $(ARCH) /usr/bin/python3 /mnt/systemd/debian/build.py /mnt/dist
else
deb: $(DEB)
endif

.PHONY: deb-test
deb-test:
	@tests/packaging/lifecycle.sh $(or $(ARCH),$(shell dpkg --print-architecture)) $(SUITES)

# What some tests install; where it cannot be built, they are skipped and say so.
.PHONY: package
package:
	@! command -v dpkg-deb >/dev/null || \
	  { ! /usr/bin/python3 -c 'import ensurepip' 2>/dev/null && [ "$$(id -u)" -ne 0 ]; } || \
	  $(MAKE) --no-print-directory deb

.PHONY: always
$(DEB_NAMES): always
	@mkdir -p dist
	@printf '%s\n' $(sort $(DEB_SOURCES)) | cmp -s - $@ || printf '%s\n' $(sort $(DEB_SOURCES)) >$@

# Also where somebody has deleted the package that was built.
$(DEB): $(DEB_SOURCES) $(DEB_NAMES) $(if $(wildcard $(shell cat $(DEB) 2>/dev/null)),,always)
	@/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory PYTHON=/usr/bin/python3 python3-venv
	@mkdir -p dist
	@/usr/bin/python3 systemd/debian/build.py dist >$@.new
	@mv $@.new $@ && cat $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# On Debian the module venv lacks ensurepip until python3-venv is installed.
$(READY): pyproject.toml config/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "cpd needs Python 3.11 or newer; name one with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c config/constraints.txt -e '.[test]'
	@touch $@

# With them, tests step the clock of a running daemon, cut the power of a card, typeset the manual and sign firmware; where
# they cannot be had, such tests are skipped and say so.
TOOLS := faketime mkfs.xfs mkfs.ext4 groff man gpg ip
TOOL_PACKAGES := faketime xfsprogs e2fsprogs groff-base man-db gnupg iproute2

.PHONY: tools
tools:
	@(for tool in $(TOOLS); do command -v $$tool || exit 1; done) >/dev/null || \
	  [ "$$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || \
	  { apt-get update && apt-get install --yes $(TOOL_PACKAGES); } >/dev/null 2>&1 || true

.PHONY: python3-venv
python3-venv:
	@if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; \
	then apt-get update && apt-get install --yes python3-venv; \
	else echo "$(PYTHON) cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; \
	fi
