# Every target sets itself up: Python >= 3.11 and make are all that a machine needs.
#
#   make demo     five organisations decide 200 cases on this machine
#   make test     the tests, in random order on all cores
#   make check    lint, types, contracts between rooms, generated code, vectors, tests
#   make adversary  what adversaries try, in the amounts of a commit
#   make system   the tests that need root and packages of Debian
#   make bench    figures of speed, with how they were measured
#   make bench-stream  what reputation and the mixing rules are worth over streams of tasks
#   make bench-tally  what each rule is worth on recorded ballots, with intervals
#   make bench-plateau  what stop rules save and cost, with intervals and pictures
#   make kills    a node killed at every durable write of every member: four minutes
#   make model    the protocol's models, searched by spin; MODEL=full for the large ones
#   make night    the tests with far more examples, and the large models (needs spin and gcc)
#   make transcripts  the committees' transcripts anew; read what changed
#   make proto    node/pb from proto/
#   make metrics  the page of metrics, from the registry

PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Half of the tests wait for processes: twice as many workers as cores keep the cores busy. A worker
# without work takes some from another: tests differ a thousandfold in what they take.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
# Images for containers like to set this. Without bytecode each worker, and each of some three hundred
# processes that tests start, compiles every module anew: a third of a node's start.
unexport PYTHONDONTWRITEBYTECODE

# The generator of the oldest runtime that pyproject.toml allows: generated code runs on newer
# runtimes and refuses older ones.
GENERATOR_VERSION := 1.76.0
GENERATOR := $(VENV)/generator
GENERATOR_INSTALLED := $(GENERATOR)/.installed-$(GENERATOR_VERSION)
PROTO := $(wildcard proto/*.proto)
SERVICES := proto/control.proto proto/peer.proto

.PHONY: demo test adversary check lint types contracts drift vectors system bench bench-stream bench-tally \
	bench-plateau kills model night \
	transcripts proto metrics clean
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	$(BIN)/quorate demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

# All tests, those of adversaries in the amounts of a commit.
check: export QUORATE_SCALE = commit
check: lint types contracts drift vectors test

# What adversaries are given to try, in the amounts of a commit.
adversary: $(INSTALLED)
	QUORATE_SCALE=commit $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m adversary

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

contracts: $(INSTALLED)
	$(BIN)/lint-imports

drift: build/proto/.generated
	diff -r -x '__init__.py' -x '__pycache__' -x '.generated' build/proto/node/pb node/pb \
		|| { echo 'node/pb is not what proto/ generates: run make proto'; exit 1; }

vectors: $(INSTALLED)
	$(BIN)/python -m tests.vectors.everywhere

system: $(INSTALLED)
	$(BIN)/python -m pytest -q -n 0 --system -m system

bench: $(INSTALLED)
	$(BIN)/python -m tests.bench

bench-stream: $(INSTALLED)
	$(BIN)/python -m tests.bench.stream

bench-tally: $(INSTALLED)
	$(BIN)/python -m tests.bench.rules

bench-plateau: $(INSTALLED)
	$(BIN)/python -m tests.bench.stops

kills: $(INSTALLED)
	KILL_MATRIX=whole $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -rP \
		tests/e2e/test_kill_matrix.py

MODEL ?=
model: $(INSTALLED)
	$(BIN)/python -m tests.model $(MODEL)

# A night without the large models would look like one with them: what they need is looked for first.
night: $(INSTALLED)
	@for one in spin gcc; do command -v $$one >/dev/null || { \
		echo "make night searches the large models and needs $$one: install it (Debian: $$one)" >&2; \
		exit 2; }; done
	QUORATE_SCALE=night HYPOTHESIS_PROFILE=night KILL_MATRIX=whole \
		$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal
	$(BIN)/python -m tests.model full

transcripts: $(INSTALLED)
	$(BIN)/python -m tests.transcripts

metrics: $(INSTALLED)
	$(BIN)/python -m node.observe.page > node/observe/METRICS.md

proto: $(GENERATOR_INSTALLED)
	$(call generate,.)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache

define generate
$(GENERATOR)/bin/python -m grpc_tools.protoc -Inode/pb=proto --python_out=$(1) --pyi_out=$(1) $(PROTO)
$(GENERATOR)/bin/python -m grpc_tools.protoc -Inode/pb=proto --grpc_python_out=$(1) $(SERVICES)
endef

build/proto/.generated: $(GENERATOR_INSTALLED) $(PROTO)
	rm -rf build/proto && mkdir -p build/proto
	$(call generate,build/proto)
	touch $@

$(INSTALLED): pyproject.toml
	@test -n '$(PYTHON)' || { \
		echo 'quorate needs Python 3.11 or newer, and no python3 on the PATH is: install one, or say make PYTHON=/path/to/it' >&2; \
		exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo 'this Python cannot make virtual environments: install its venv package (Debian: python3-venv)' >&2; \
		exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[api,classifier,mcp,otel,dev]'
	touch $@

$(GENERATOR_INSTALLED): | $(INSTALLED)
	rm -rf $(GENERATOR)
	$(BIN)/python -m venv $(GENERATOR)
	$(GENERATOR)/bin/python -m pip install -q --disable-pip-version-check \
		grpcio-tools==$(GENERATOR_VERSION)
	touch $@
