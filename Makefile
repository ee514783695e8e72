# make demo    a charging session on this machine (ARGS=--fast for a short one)
# make test    what continuous integration runs: lint, formatting, types, tests
# make torture the same power cuts and their like in full counts, and how many there were (half an hour)
# make bench   what this charger costs on this machine beside its targets (7 minutes; ARGS=--json: one document)
# make clean   remove everything that make has made
#
# All tools live in .venv, which the first run sets up and a later one finds ready.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

# Whatever has more to do under --torture.
TORTURED := tests/torture tests/hal/search tests/storage/test_damage.py tests/domain/test_many_worlds.py \
  $(addprefix tests/scenarios/test_,damaged_store.py personality_pairs.py interleaved_sessions.py budgets.py smart_charging.py)

.PHONY: help demo test lint format types units torture bench clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(READY)
	@$(VENV)/bin/cpd demo $(ARGS)

test: $(READY) faketime
	@$(MAKE) --no-print-directory --keep-going lint format types units

lint: $(READY)
	$(VENV)/bin/ruff check .

format: $(READY)
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy --strict

# A third worker, because real processes are waited for more than half of their time.
units: $(READY)
	$(VENV)/bin/pytest -n 3

torture: $(READY)
	$(VENV)/bin/pytest -n 2 --torture $(TORTURED)

bench: $(READY)
	@$(VENV)/bin/python -m tests.bench $(ARGS)

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

# With it, tests step the clock of a running daemon; where it cannot be had, they are skipped and say so.
.PHONY: faketime
faketime:
	@command -v faketime >/dev/null || [ "$$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || \
	  { apt-get update && apt-get install --yes faketime; } >/dev/null 2>&1 || true

.PHONY: python3-venv
python3-venv:
	@if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; \
	then apt-get update && apt-get install --yes python3-venv; \
	else echo "$(PYTHON) cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; \
	fi
