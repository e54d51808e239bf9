# `make` prints the targets; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SET_UP := $(VENV)/.set-up
PIP_COMPILE := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.DEFAULT_GOAL := help
.PHONY: help run test check generate golden lock behaviours clean images cluster-up cluster-down e2e soak bench bench-guard bench-operator
export PYTHONPATH := tests

help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(SET_UP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

run: $(SET_UP) ## serve the embedded default on 127.0.0.1:8080 (no key, no cluster needed)
	$(BIN)/llmgateway serve

test: $(SET_UP) check ## every test that needs no cluster runtime, with real servers
	$(BIN)/python -m support.set_up_servers
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/golden tests/contract tests/apiserver tests/charts

check: $(SET_UP) ## ruff, mypy --strict, layer rules, stale generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m llmgateway_api.generate --check
	$(BIN)/python -m llmgateway.translate.fidelity --check
	$(BIN)/python -m llmgateway_operator.status.document --check
	$(BIN)/python charts/generate.py --check

generate: $(SET_UP) ## write CRDs, API reference and the other generated documents
	$(BIN)/python -m llmgateway_api.generate
	$(BIN)/python -m llmgateway.translate.fidelity
	$(BIN)/python -m llmgateway_operator.status.document
	$(BIN)/python charts/generate.py

golden: $(SET_UP) ## rewrite the golden files; read the diff before you commit it
	GOLDEN_REFRESH=1 $(BIN)/pytest -q tests/golden tests/unit/dialects

images: $(SET_UP) ## build the gateway and operator images (and load them into a running test cluster)
	$(BIN)/python -m support.cluster images

cluster-up: $(SET_UP) images ## a real cluster with running pods; NODES=1..3
	$(BIN)/python -m support.cluster up --nodes $(or $(NODES),1)

cluster-down: $(SET_UP) ## take that cluster down
	$(BIN)/python -m support.cluster down

e2e: $(SET_UP) ## end-to-end tests in the cluster of KUBECONFIG, else in the one of `make cluster-up`
	$(BIN)/pytest tests/cluster

bench: $(SET_UP) ## measure side by side with peers in one run: a table and bench.json
	$(BIN)/python -m bench --json bench.json

bench-guard: $(SET_UP) ## ratios against a plain pass-through of the same run; fails when one is exceeded
	$(BIN)/python -m bench guard

bench-operator: $(SET_UP) ## the operator with 1,000 LLMGateways on a real API server: times, calls, memory
	$(BIN)/python -m support.set_up_servers
	$(BIN)/python -m bench.operator_scale --json bench-operator.json

soak: $(SET_UP) ## ten minutes of two gateways and a store, with something killed every 20 s
	$(BIN)/python -m bench.soak

behaviours: $(SET_UP) ## which rows of the behaviour list have tests
	$(BIN)/python -m support.behaviour_report

lock: $(SET_UP) ## write the hash-pinned requirements/*.txt from pyproject.toml
	for extra in gateway operator claude-agent; do \
		$(PIP_COMPILE) --extra $$extra -o requirements/$$extra.txt pyproject.toml || exit 1; done
	$(PIP_COMPILE) --only-build-deps --build-deps-for wheel -o requirements/build.txt pyproject.toml
	$(PIP_COMPILE) --extra gateway --extra operator --extra claude-agent --extra dev -o requirements/dev.txt pyproject.toml

clean: ## remove the virtual environment and caches of this folder
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
