# Needs make and Python 3.11 or newer with its venv module; everything else is installed into .venv, from hashes.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
# PORT: where `make run` serves.  PYTHON: the interpreter to build .venv with.  WORKERS: parallel test processes.
PORT ?= 8000
PYTHON ?=
WORKERS ?= auto
# Arguments for pytest: make test PYTEST_ARGUMENTS="tests/isolation -x"
PYTEST_ARGUMENTS ?=

RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

.PHONY: help run test check lint types contracts migrations fixtures format bench environment stop lock clean

help:  ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

run: $(RUNTIME)  ## Database, migrations, fixtures, analysis and the server on 127.0.0.1:PORT
	@$(PY) manage.py demo --port $(PORT)

test: lint types contracts  ## Lint, types, import order and every test
	$(PY) -m pytest -n $(WORKERS) -m "not benchmark" $(PYTEST_ARGUMENTS)

check: lint types contracts migrations  ## Everything but the tests

lint: $(DEVELOPMENT)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(DEVELOPMENT)
	$(PY) -m mypy

contracts: $(DEVELOPMENT)
	@PYTHONPATH=. $(VENV)/bin/lint-imports

migrations: $(DEVELOPMENT)
	$(PY) manage.py makemigrations --check --dry-run

fixtures: $(RUNTIME)  ## Write fixtures/demo.json anew from its generator
	@$(PY) -m fixtures.generate_demo

format: $(DEVELOPMENT)  ## Put imports and layout in order
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(DEVELOPMENT)  ## Speed and memory, as ratios within one run
	$(PY) -m pytest -m benchmark $(PYTEST_ARGUMENTS)

environment: $(DEVELOPMENT)  ## Install everything into .venv

stop: $(RUNTIME)  ## Stop the embedded PostgreSQL, which otherwise keeps running
	@$(PY) -m stratibreak.embedded_postgres stop

# One version of everything for all Pythons and platforms. No index addresses: where files come from is pip's affair.
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-header --no-annotate --no-emit-index-url pyproject.toml

lock:  ## Write the requirements files from pyproject.toml (needs uv); UPGRADE=--upgrade takes new versions
	$(UV_COMPILE) $(UPGRADE) --output-file requirements.txt
	$(UV_COMPILE) $(UPGRADE) --group dev --constraint requirements.txt --output-file requirements-dev.txt

clean:  ## Remove the environment and what tools left; the development data stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Debian keeps ensurepip in a package of its own (python3-venv), so its presence is asked for.
FIND_PYTHON := for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	then echo "$$candidate"; break; fi; done

# A virtual environment is allowed where the system's own Python is closed to pip (PEP 668).
define make_environment
@if ! $(PY) -c '' 2>/dev/null; then \
	python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 to 3.14 with venv was not found. Install it (Debian: apt-get install python3 python3-venv)," >&2; \
		echo "or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	rm -rf $(VENV); \
	"$$python" -m venv $(VENV); \
fi
endef

# uv takes seconds where pip takes a minute, but nothing depends on it.
define install
@echo "Installing $(1) into $(VENV)"
@{ command -v uv >/dev/null 2>&1 && uv pip install --quiet --python $(PY) --require-hashes --requirement $(1); } || \
	PIP_USER=0 $(PY) -m pip install -qq --no-input --disable-pip-version-check --require-hashes --requirement $(1)
@touch $@
endef

$(RUNTIME): requirements.txt
	$(make_environment)
	$(call install,requirements.txt)

$(DEVELOPMENT): requirements-dev.txt
	$(make_environment)
	$(call install,requirements-dev.txt)
	@touch $(RUNTIME)
