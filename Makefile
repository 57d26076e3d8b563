# Works with Python 3.11 or newer and make, nothing else. `make` alone lists what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench bench-scale lock clean
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

# The first Python that is new enough and can make an environment; PYTHON=/path/to/python decides otherwise.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v $$p; break; }; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CLIENT := $(wildcard clients/python/pyproject.toml)
NODE_TESTS := tests/compat/node
TYPESCRIPT := clients/typescript
NODE_MODULES := $(if $(shell command -v npm),$(patsubst %/package.json,%/node_modules/.package-lock.json,\
	$(wildcard $(NODE_TESTS)/package.json $(TYPESCRIPT)/package.json tests/bench/peers/package.json)))

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(BIN)/authserver ## the main job on real input, from nothing; ONCE=1 ends after the tour
	@$(BIN)/python clients/demo/tour.py $(if $(ONCE),--once)

test: $(BIN)/authserver $(NODE_MODULES) ## every test, and every branch of oauth/ and grants/ covered; ARGS="-k word" picks some
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(SIDE_BY_SIDE) --cov --cov-report=)
	@$(if $(ARGS),,$(BIN)/coverage report --fail-under=100)

# A file's tests share servers, so they stay together. In their own order: by number, slow files of few tests came last.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(BIN)/authserver ## ruff, mypy --strict, import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy --strict
	@$(BIN)/lint-imports --no-logo

bench: .venv/bench $(NODE_MODULES) ## tokens a second on this machine, our server and its peers; what tillit costs
	@$(BIN)/python -m tests.bench
	@$(if $(filter full,$(BENCH)),$(BIN)/python -m tests.bench.overload)
	@$(BIN)/python -m tests.bench.libraries

bench-scale: $(BIN)/authserver ## what a registry of BENCH_SCALE (1 is a million clients) costs beside a small one
	@$(BIN)/python -m tests.bench.scale

lock: $(BIN)/authserver ## resolve the dependencies anew into requirements/*.txt; UPGRADE=1 takes the newest
	@$(BIN)/uv pip compile $(LOCK) --output-file requirements/runtime.txt pyproject.toml
	@$(BIN)/uv pip compile $(LOCK) --output-file requirements/dev.txt --constraints requirements/runtime.txt \
		pyproject.toml $(CLIENT) requirements/dev.in
	@$(BIN)/uv pip compile $(LOCK) --output-file requirements/bench.txt --constraints requirements/dev.txt \
		requirements/bench.in

LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

clean: ## remove the environment and every cache; var/ with its database and keys stays
	@rm -rf .venv $(NODE_TESTS)/node_modules $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/dist tests/bench/peers/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	@find authserver clients tests -name __pycache__ -prune -exec rm -rf {} +

# One environment serves every target. --no-compile and --no-deps halve the installation: modules are compiled when they
# are first imported, and a complete lock needs no resolver.
.venv/locked: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "Tillit needs Python 3.11 or newer with its venv module, and found none." \
		"On Debian: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON) and installing the locked packages, once; this takes about a minute."
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes --no-deps --no-compile --only-binary :all: -r requirements/dev.txt
	@touch $@

$(BIN)/authserver: .venv/locked pyproject.toml $(CLIENT)
	@$(PIP) install --no-deps --no-build-isolation --editable . $(addprefix --editable ./,$(dir $(CLIENT)))
	@touch $@

# What only the benches use; most of its lock is in place already, in the same versions.
.venv/bench: requirements/bench.txt $(BIN)/authserver
	@$(PIP) install --require-hashes --no-deps --no-compile --only-binary :all: -r requirements/bench.txt
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	@echo "Installing the npm packages of $*."
	@npm ci --prefix $* --silent --no-audit --no-fund
	@touch $@
