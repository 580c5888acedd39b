# One-word commands. `make` alone lists them; ARGS passes more to the tool behind one, as in
# `make test ARGS="-k layers"`.
.DEFAULT_GOAL := help
.PHONY: help install demo lab test faults lint bench lock clean

BIN := .venv/bin
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

# Without bytecode every import takes two to three times as long.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

install: .venv/.installed ## make .venv with the locked versions (the others do it when needed)

.venv/.installed: requirements.lock pyproject.toml .ci/install
	@sh .ci/install

demo: install ## run the whole lifecycle on a year of flights
	@$(BIN)/workbench run $(ARGS)

lab: install ## open JupyterLab on the project
	@$(BIN)/jupyter-lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks $(ROOT_FLAG) $(ARGS)

# What takes longest begins first: in one process all that looks at the one run of the flights project.
# Many tests wait for others, so there are more processes than the two cores that CI has.
test: install ## run the tests
ifdef ARGS
	@$(BIN)/pytest -q $(ARGS)
else
	@$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --durations=20 \
		tests/notebooks tests/browser tests/faults tests/contract tests/unit
endif

faults: install ## kill, race and damage as often as it takes to be sure
	@WORKBENCH_TESTS=full $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=20 \
		tests/faults tests/contract $(ARGS)

lint: install ## check style, formatting (notebooks too) and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: install ## measure and print what the README states
	@$(BIN)/python -m tests.benchmarks $(ARGS)

lock: ## write requirements.lock anew from pyproject.toml (newer versions: ARGS=--upgrade)
	@test -x $(BIN)/uv || sh .ci/install
	@$(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --extra test --extra lint \
		--no-header --no-emit-index-url --no-emit-find-links --quiet $(ARGS) \
		pyproject.toml -o requirements.lock

clean: ## remove caches and builds (.venv and the project's state in .workbench stay)
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache
	@find . -path ./.venv -prune -o -path ./.workbench -prune -o \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +
