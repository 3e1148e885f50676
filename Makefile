# Everything from a fresh clone: Python 3.11 or later is all it takes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location

.PHONY: help demo serve test check format openapi documents clean

help:
	@echo "make demo     a server with a year of made-up data; prints the address and the login"
	@echo "make serve    a server on what ./okube-data holds"
	@echo "make test     the whole suite (OKUBE_TEST_MONGODB=mongodb://host/ runs it on MongoDB too)"
	@echo "make check    linter, formatter, types"
	@echo "make format   puts the code into the formatter's shape"
	@echo "make openapi  writes openapi/openapi.json from the app"
	@echo "make documents  writes docs/settings.md and docs/kpis.md from what they tell of"
	@echo "make clean    removes the environment and caches; ./okube-data stays"

demo: $(VENV)/.installed
	@$(BIN)/okube-api demo $(ARGS)

serve: $(VENV)/.installed
	@$(BIN)/okube-api serve $(ARGS)

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

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

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find okube_api tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than pyproject.toml when the environment has what it asks for.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing okube-api into $(VENV) (once)..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing okube-api and its development tools into $(VENV) (once)..."
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python cannot make environments here. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
