# Needs Python 3.11 or newer, and make. `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench clean

# The stamp's name holds the hash of what decides what is installed: as long as that stays, there is nothing to do.
STAMP := $(VENV)/.installed-$(shell cksum pyproject.toml | tr ' ' '-' | cut -d- -f1,2)

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the environment in .venv, with the strangler script in .venv/bin

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "strangler needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Name another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@rm -f $(VENV)/.installed-* && touch $@

demo: setup ## a shop half-way through its migration, with live traffic (DEMO="--for 20s" ends by itself)
	@PYTHONPATH=examples $(BIN)/python -m shop.demo $(DEMO)

# Two processes: the tests start servers and proxies of their own, and more would make them wait for each other.
test: setup ## run every test (TESTS=tests/unit runs some)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

lint: setup ## ruff, mypy, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@MYPYPATH=examples $(BIN)/mypy --package shop
	@$(BIN)/lint-imports

format: setup ## put the code into its form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: setup ## measure against nginx, HAProxy, Caddy and Envoy, as far as they are installed
	@$(BIN)/python -m pip install --quiet --group bench
	@$(BIN)/python -m benchmarks

clean: ## remove the environment, the demo's stores and everything that was built
	@rm -rf $(VENV) var dist build htmlcov .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
