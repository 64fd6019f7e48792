# Two commands do everything, on a machine with nothing but Python 3.11 or newer and make:
#
#   make run     serve http://127.0.0.1:8000
#   make test    the whole test suite
#
# Both call `make setup`, which installs the pinned dependencies into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# A file is run by one worker, so that what its fixtures make is made once, and the files in the order of conftest.py.
PYTEST := mkdir -p .test && $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --basetemp .test/tmp

# Bytecode is kept, also where the environment says otherwise: each worker starts five seconds sooner.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run setup test thorough bench check format lock clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## Serve on http://127.0.0.1:8000, with a PostgreSQL of its own unless BYLINE_DATABASE_URL is set
	@exec $(BIN)/byline serve $(ARGS)

setup: $(INSTALLED) ## Make .venv with the pinned dependencies

$(INSTALLED): pyproject.toml requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Byline needs Python 3.11 or newer: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

test: $(INSTALLED) ## Run the test suite, in parallel (ARGS="-k slug" narrows it)
	$(PYTEST) $(ARGS)

thorough: $(INSTALLED) ## The test suite with many more examples, for before a release
	$(PYTEST) --hypothesis-profile=thorough $(ARGS)

bench: $(INSTALLED) ## Measure against what the machine could do (needs wrk; ARGS="--posts 10000")
	$(BIN)/python -m benchmarks $(ARGS)

check: $(INSTALLED) ## Format, lint, types, layers, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.check_migrations

format: $(INSTALLED) ## Rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(INSTALLED) ## Pin the dependencies anew, with hashes
	$(BIN)/python -m tools.lock

clean: ## Remove what `make setup` and the tests made; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .test
