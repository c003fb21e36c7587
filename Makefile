.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
CONSTRAINTS ?= constraints/latest.txt
PYTHON ?=
PYTESTFLAGS ?=
BIN := $(VENV)/bin

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.duckdb ## Load the shipped sample into DuckDB and show it
	@$(BIN)/python pipelines/carbon_intensity_pipeline.py

.PHONY: test
test: $(VENV)/.test ## Run all tests
	$(BIN)/python -m pytest $(PYTESTFLAGS)

.PHONY: check
check: $(VENV)/.lint $(VENV)/.test ## Everything a change must pass: format, lint, types, layers, news, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/towncrier build --draft --version next > /dev/null
	$(BIN)/python -m pytest $(PYTESTFLAGS)

.PHONY: format
format: $(VENV)/.lint ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: matrix
matrix: ## Run `make check` on every CPython from 3.10 to 3.13 that is there
	@for version in 3.10 3.11 3.12 3.13; do \
		if python=$$(scripts/python $$version); then \
			echo "== CPython $$version: $$python"; \
			$(MAKE) check VENV=.venvs/$$version PYTHON=$$python || exit 1; \
		else \
			echo "== CPython $$version: not on this machine, left out"; \
		fi; \
	done

.PHONY: lowest
lowest: ## Run all tests with the lowest versions of our dependencies
	@python=$$(scripts/python 3.10 3.11 3.12) || { echo "Needs a CPython from 3.10 to 3.12."; exit 1; }; \
	$(MAKE) test VENV=.venvs/lowest PYTHON=$$python CONSTRAINTS=constraints/lowest.txt

.PHONY: backends
backends: $(VENV)/.test ## Tell the stories of whole runs three times: with Arrow, with rows, and with either
	@for backend in arrow rows auto; do \
		echo "== $$backend"; \
		$(BIN)/python -m pytest tests/flows --backend $$backend $(PYTESTFLAGS) || exit 1; \
	done

.PHONY: bench
bench: $(VENV)/.duckdb ## Measure all workloads beside their peers and write the figures down (hours; 25 GB of disk)
	$(BIN)/python -m benchmarks --write

.PHONY: docs
docs: $(VENV)/.docs ## Make a site of the documentation in site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean --quiet

.PHONY: drill
drill: $(VENV)/.test ## Run jobs over the same dataset at once for 20 rounds, and compare every bookmark
	MATRIX_ROUNDS=20 $(BIN)/python -m pytest tests/orchestra/test_matrix.py

.PHONY: drills
drills: $(VENV)/.test ## Let everything go wrong around runs, kill them two hundred times, and print a table; takes an hour
	$(BIN)/python -m tests.drills
	$(BIN)/python -m tests.drills.resume
	$(BIN)/python -m tests.drills.resume --markers
	$(BIN)/python -m tests.drills.shares
	CONFORMANCE="every way" $(BIN)/python -m pytest tests/conformance
	MACHINES_STREAMS=8 $(BIN)/python -m pytest tests/dagster/test_many_machines.py
	AIRFLOW_ENDS=1 $(BIN)/python -m pytest tests/airflow

.PHONY: soak
soak: $(VENV)/.test ## Run on end for an hour, with faults, and see that nothing is lost and nothing grows
	$(BIN)/python -m tests.drills.soak

.PHONY: coverage
coverage: $(VENV)/.test ## Run all tests, and fail if they take fewer than 95 % of the branches
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTESTFLAGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage json --quiet -o - | $(BIN)/python scripts/branches.py

.PHONY: mutants
mutants: $(VENV)/.test,mutants ## Break the pure modules on purpose, and fail if too little of it is noticed; takes an hour
	$(BIN)/python scripts/mutants.py

.PHONY: lock
lock: ## Pin all dependencies anew, at their newest and at their lowest (needs uv)
	$(PIN) --all-extras --upgrade --output-file constraints/latest.txt
	$(PIN) --extra test --upgrade --resolution lowest-direct --output-file constraints/lowest.txt
	$(PIN) examples/airflow/requirements.txt --extra duckdb --upgrade --output-file constraints/airflow.txt

# No URL is written down: where packages come from is a matter of the machine.
PIN = uv pip compile pyproject.toml --quiet --universal --python-version 3.10 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: clean
clean: ## Remove environments, caches and everything that was loaded or built
	rm -rf .venv .venvs site mutants .benchmarks .cache .alto .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	rm -f *.duckdb *.duckdb.wal *.duckdb.lock
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One mark for each set of extras that is installed; newer requirements install them again.
$(VENV)/.%: pyproject.toml $(CONSTRAINTS)
	@PYTHON=$(PYTHON) scripts/install $(VENV) $* $(CONSTRAINTS)
	@touch $@
