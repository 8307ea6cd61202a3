# Quire: `make demo` from a fresh clone; plain `make` lists the rest.
SHELL := /bin/sh
PYTHON := .venv/bin/python
STACK := $(PYTHON) -m deploy.local
SYNCED := .venv/.synced
# Forks of processes that speak gRPC and only start others, and what the AMQP library leaves behind on a broken link.
BROKEN := GRPC_ENABLE_FORK_SUPPORT=false $(PYTHON) -W "ignore:coroutine 'Connection.close'"
# Empty is off: bytecode is kept, or each process of the stack would compile its imports anew for seconds.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup up down status logs demo test unit failpoints chaos chaos-mutants chaos-figures fuzz check verify generate lock bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SYNCED) ## make .venv from requirements/dev.txt and install RabbitMQ; instant when up to date
	@sh deploy/local/setup.sh broker

$(SYNCED): requirements/dev.txt pyproject.toml
	@sh deploy/local/setup.sh python
	@touch $@

up: setup ## start PostgreSQL, RabbitMQ, S3 and the services; wait until they answer
	@$(STACK) up

down: ## end all of it; the data in .quire stays
	@if [ -x $(PYTHON) ]; then $(STACK) down; fi

status: setup ## what runs, and where
	@$(STACK) status

logs: setup ## the last lines of every log
	@$(STACK) logs

demo: up ## from nothing to extracted fields: set up, start, submit the sample pile, show the results
	@$(STACK) run -- $(PYTHON) samples/demo.py

test: setup ## all tests: unit, contract, integration, e2e, and a short fuzz
	$(PYTHON) -m pytest --numprocesses $(or $(WORKERS),2) --dist loadfile tests/unit tests/contract tests/integration tests/e2e tests/fuzz

unit: setup ## only the pure tests
	$(PYTHON) -m pytest tests/unit

failpoints: setup ## break a process at each of 22 points, in four ways, with 1 and with 20 documents in flight
	$(PYTHON) -m pytest tests/failpoints

chaos: setup ## break everything at once, then check every promise; SEED=7 FAULTS=200
	@$(BROKEN) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS))

chaos-mutants: setup ## plant bugs and see that the checker catches each; MUTANTS="no_fence" for some
	@$(BROKEN) -m tests.chaos.mutants $(MUTANTS)

chaos-figures: setup ## how fast work goes on after each kind of loss, at the pace of production
	@$(BROKEN) -m tests.chaos.figures

fuzz: setup ## attack calls, routes, batches and parsers with made up input; MINUTES=30 for as long, ONLY="-k parsers"
	QUIRE_FUZZ_MINUTES=$(MINUTES) $(PYTHON) -m pytest tests/fuzz -x --timeout $(if $(MINUTES),0,120) $(ONLY)

check: setup verify ## lint, format, types, import contracts, protos, generated code
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/basedpyright
	.venv/bin/lint-imports
	.venv/bin/buf lint protos
	.venv/bin/buf format --diff --exit-code protos
	sh protos/breaking.sh

verify: setup ## fail when generated code is not what the protos say
	sh protos/generate.sh --check

generate: setup ## make libs/quire anew from protos/
	sh protos/generate.sh

lock: setup ## pin every wheel anew after a change of pyproject.toml
	sh requirements/lock.sh

bench: setup ## measure the speeds beside their bare libraries; ARGS="--quick --only fold" for less
	@$(PYTHON) -m tests.bench $(ARGS)

clean: down ## remove .venv, caches and the local stack WITH ITS DATA
	rm -rf .venv .quire .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
