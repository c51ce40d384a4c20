# Every command a person needs. Each target makes `.venv` where it is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# The first interpreter that is new enough and not too new; override with `make PYTHON=... demo`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.10 python3 python; do \
  $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
PYTEST := $(BIN)/python -m pytest

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "No CPython 3.10-3.13 found; name one: make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -e ".[paddle,dev]"
	touch $@

.PHONY: help venv demo test test-fast test-models lint format bench bench-operators docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(STAMP)  ## the virtual environment alone

demo: $(STAMP)  ## compile three real models, compare with eager, time them
	$(BIN)/dy2st demo

test: $(STAMP)  ## all tests but the nightly ones (at most 10 minutes on 2 cores)
	$(PYTEST) -q -n 2 -m "not nightly"

test-fast: $(STAMP)  ## what to run while working (under 60 s)
	$(PYTEST) -q -n 2 -m "not nightly and not slow and not models"

test-models: $(STAMP)  ## every model of paddle.vision and of tests/fixtures/models
	$(PYTEST) -q -n 2 -m "models or nightly" tests/models

lint: $(STAMP)  ## ruff (lint and format) and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

BENCH := benchmarks/.work/env
$(BENCH)/.installed: pyproject.toml
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -e ".[paddle,bench]"
	touch $@

BENCH_ARGS ?=
bench: $(BENCH)/.installed  ## measure against the peers; part of it: make bench BENCH_ARGS="--only lstm --batch 1"
	$(BENCH)/bin/python -m benchmarks $(BENCH_ARGS)

bench-operators: $(STAMP)  ## every operation alone against Paddle eager, the worst first
	$(BIN)/python -m benchmarks.operators

PYTHON37 ?= $(shell command -v python3.7)
FLUID := .venv-fluid/bin/python

.venv-fluid/.installed:
	@test -n "$(PYTHON37)" || { echo "No CPython 3.7 found; name one: make PYTHON37=/path/to/python3.7 test-fluid"; exit 1; }
	$(PYTHON37) -m venv .venv-fluid
	.venv-fluid/bin/pip install --quiet paddlepaddle==1.8.5 'protobuf<3.21'
	touch $@

test-fluid: $(STAMP) .venv-fluid/.installed  ## record what Paddle 1.8.5 computes, then compare (needs a Python 3.7)
	PYTHONPATH=. $(BIN)/python tests/migrate/record.py $(FLUID)
	PADDLE_1_8_PYTHON=$(FLUID) $(PYTEST) -q tests/migrate

docstrings: $(STAMP) .venv-fluid/.installed  ## run every docstring example of Paddle 1.8.5, before and after migration
	PYTHONPATH=. $(BIN)/python tests/migrate/docstrings.py --old $(FLUID) --report docs/migrate-docstrings.md $(DOCSTRINGS_ARGS)

FUZZ_SECONDS ?= 300
fuzz-migrate: $(STAMP)  ## broken files, hostile trees and kills for paddle-migrate, with a fresh seed
	PYTHONPATH=. $(BIN)/python tests/migrate/fuzz.py --seconds $(FUZZ_SECONDS)

OFFICIAL := benchmarks/.work/official
$(OFFICIAL)/bin/paddle_upgrade_tool:
	$(PYTHON) -m venv $(OFFICIAL)
	$(OFFICIAL)/bin/pip install --quiet paddle_upgrade_tool libcst

bench-migrate: $(STAMP) $(OFFICIAL)/bin/paddle_upgrade_tool  ## files a second, the official tool beside ours: prints docs/migrate-speed.md
	PYTHONPATH=. $(BIN)/python benchmarks/migrate.py --official $(OFFICIAL)/bin/paddle_upgrade_tool > docs/migrate-speed.md
	PYTHONPATH=. $(OFFICIAL)/bin/python benchmarks/migrate_libcst.py >> docs/migrate-speed.md

docs-migrate: $(STAMP)  ## print docs/migrate-coverage.md from the table and the recordings
	PYTHONPATH=. $(BIN)/python tests/migrate/coverage.py > docs/migrate-coverage.md

docs: $(STAMP)  ## print the pages that are printed from code
	$(BIN)/python -m dy2st.ops.coverage > docs/ops.md
	$(BIN)/python docs/generate.py

clean:  ## remove what make made
	rm -rf .venv benchmarks/.work build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
