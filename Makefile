# make demo    a charging session on this machine (ARGS=--fast for a short one)
# make test    what continuous integration runs: lint, formatting, types, tests
# make bench   what a start and each request cost on this machine (under a minute)
# make clean   remove everything that make has made
#
# All tools live in .venv, which the first run sets up and a later one finds ready.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

.PHONY: help demo test lint format types units bench clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(READY)
	@$(VENV)/bin/cpd demo $(ARGS)

test: $(READY)
	@$(MAKE) --no-print-directory --keep-going lint format types units

lint: $(READY)
	$(VENV)/bin/ruff check .

format: $(READY)
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy --strict

units: $(READY)
	$(VENV)/bin/pytest -n 2

bench: $(READY)
	@$(VENV)/bin/python -m tests.bench

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

.PHONY: python3-venv
python3-venv:
	@if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; \
	then apt-get update && apt-get install --yes python3-venv; \
	else echo "$(PYTHON) cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; \
	fi
