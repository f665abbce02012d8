# Every target sets up .venv first; set-up is quiet and instant when nothing changed.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export UV_PYTHON_DOWNLOADS := never
# Processes are started again and again: what was compiled is kept, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test tests up bench bench-dialing bench-agent bench-crash lint lock test-exhaustive mutation

demo: $(READY)
	@$(BIN)/dialer demo

up: $(READY)
	@$(BIN)/dialer up

# The check of types takes what the tests leave idle.
test: $(READY)
	@$(MAKE) --no-print-directory -j2 lint tests

# Compiled once, for the three that then run them. Long ones begin.
tests: $(READY)
	@$(BIN)/python -m pytest -q --collect-only >/dev/null || true
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

# The law beside a naive reading of it at every minute of a year in every zone; about an hour.
test-exhaustive: $(READY)
	@COMPLIANCE_EVERY_MINUTE=1 TEST_LIMIT_S=0 $(BIN)/python -m pytest -q -n auto tests/unit/test_compliance_naive.py

# Every way to get one operator of the law wrong must fail a test; at most 40 minutes.
mutation: $(READY)
	@$(BIN)/python -m tests.mutation

lint: $(READY)
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q . && nice -n 10 $(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m tests.benchmarks

# Claims, passes with up to a million leads waiting, Make-Call, decisions; some minutes.
bench-dialing: $(READY)
	@$(BIN)/python -m tests.benchmarks decide claim make-call placing passes status
	@$(BIN)/python -m tests.benchmarks.pacing

# 200 scripted conversations and 300 faulted calls with the whole product; some twelve minutes.
bench-agent: $(READY)
	@$(BIN)/python -m tests.benchmarks.agent
	@$(BIN)/python -m tests.benchmarks.faulted_calls

# 10,000 attempts under SIGKILL and every fault of the carrier; at most 25 minutes. CRASH takes the
# options of `python -m tests.benchmarks.crash --help`, such as CRASH="--seed 7 --attempts 500".
bench-crash: $(READY)
	@$(BIN)/python -m tests.benchmarks.crash $(CRASH)

# uv when it is there (seconds), plain pip when it is not (under a minute); hashes either way.
$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once) ..."
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

# Pins for Python 3.11-3.13, with hashes and without addresses. Needs uv.
lock:
	@uv lock -q --upgrade && uv export -q --no-header --no-emit-project --all-extras -o requirements.lock && rm uv.lock
