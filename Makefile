# `make demo` and `make test` need nothing but Python 3.11 to 3.13 and make; they fill .venv themselves.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/uv pip install --quiet --python .venv --require-hashes
PROJECT := $(BIN)/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
           --no-annotate
# One lock for every system and Python that is supported; tests/test_requirements.py resolves it for each.
LOCK := $(COMPILE) --universal --python-version 3.11
# AWS's serving images (deployments/aws/images.yaml), for which packaging brings what they lack.
CONTAINER := --no-deps --python-version 3.12 --python-platform x86_64-manylinux_2_28

# Where the machine has certificates of its own (a company's proxy), uv takes them as pip does.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= true
endif

# A virtual environment holds absolute paths: in a checkout that was moved it is made anew.
MADE_IN := $(shell cat .venv/.made-in 2>/dev/null)
ifneq ($(MADE_IN),)
ifneq ($(MADE_IN),$(CURDIR))
$(warning this checkout was moved from $(MADE_IN): .venv is made anew)
$(shell rm -rf .venv)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-clip setup-dev chaos soak acceptance demo test lint format up down clean requirements encoder

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.base  ## fill .venv with what the demo, the flows and the embedded AWS need
setup-clip: .venv/.clip  ## add PyTorch and open_clip, to package a real CLIP
setup-dev: .venv/.dev  ## add all that linting and testing need

.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "stygig needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 …" >&2; exit 2; }
	@echo "setting up .venv" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@printf %s "$(CURDIR)" > .venv/.made-in
	@touch $@

.venv/.base: .venv/.uv requirements/base.txt requirements/container.txt pyproject.toml
	@$(INSTALL) -r requirements/base.txt
	@rm -rf .venv/container
	@$(INSTALL) $(CONTAINER) --only-binary :all: --target .venv/container/py312 -r requirements/container.txt
	@$(PROJECT)
	@touch $@

.venv/.torch: .venv/.base requirements/container_torch.txt
	@rm -rf .venv/container_torch
	@$(INSTALL) $(CONTAINER) --only-binary :all: --target .venv/container_torch/py312 -r requirements/container_torch.txt
	@touch $@

.venv/.clip: .venv/.torch requirements/clip.txt
	@echo "adding PyTorch and open_clip: 3 GB on Linux, most of it CUDA. A CPU build: see README.md, On AWS" >&2
	@$(INSTALL) -r requirements/clip.txt
	@touch $@

.venv/.lint: .venv/.base requirements/lint.txt
	@$(INSTALL) -r requirements/lint.txt
	@touch $@

.venv/.dev: .venv/.torch requirements/dev.txt
	@echo "adding what tests need, PyTorch among it: 3 GB on Linux, most of it CUDA" >&2
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

chaos: setup-dev  ## 50 runs killed at random moments, one sweep, and whether anything is left (about half an hour)
	@$(BIN)/python -m tests.chaos.random_kills $(ARGS)
	@$(BIN)/python -m tests.chaos.nobody_left

soak: setup-dev  ## ten minutes of a stack beside busy processes, with schedules of a minute and a person who clicks
	@$(BIN)/python -m tests.chaos.left_alone $(ARGS)

acceptance: setup-dev  ## run the tests behind docs/acceptance.md, and write it anew
	@$(BIN)/python -m tests.acceptance

demo: setup  ## the main job on this machine, no account needed
	@$(BIN)/stygig nightly --local

test: setup-dev  ## all tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: .venv/.lint  ## ruff and mypy; needs no PyTorch
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: .venv/.lint
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

up: setup  ## the embedded AWS, a Prefect server with all deployments, and a worker, in the background
	@$(BIN)/python -m stygig.stack up

down: setup  ## end what `make up` started
	@$(BIN)/python -m stygig.stack down

encoder: setup-dev  ## fit the demo encoder anew: make encoder PHOTOGRAPHS=…/clothing-train
	@$(BIN)/python -m tools.demo_encoder.fit_encoder --photographs $(PHOTOGRAPHS) --out tasks/demo/encoder

requirements: .venv/.uv  ## compile the pinned requirements from pyproject.toml and requirements/*.in
	@$(LOCK) requirements/uv.in -o requirements/uv.txt
	@$(LOCK) pyproject.toml --extra clip --extra dev requirements/base.in -o requirements/dev.txt
	@$(LOCK) pyproject.toml requirements/base.in -c requirements/dev.txt -o requirements/base.txt
	@$(LOCK) pyproject.toml --extra clip -c requirements/dev.txt -o requirements/clip.txt
	@$(LOCK) requirements/lint.in -c requirements/dev.txt -o requirements/lint.txt
	@for each in container container_torch; do \
	  $(COMPILE) $(CONTAINER) requirements/$$each.in -c requirements/dev.txt -o requirements/$$each.txt; \
	done

clean:  ## remove .venv and caches
	rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache
