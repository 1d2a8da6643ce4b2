# Each target makes .venv if there is none, installs what it needs, and runs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := Cargo.toml Cargo.lock $(shell find rust_loader -name '*.rs' -o -name Cargo.toml -o -name build_hook.py)

.PHONY: help demo test lint format docs docs-serve bench clean
.DEFAULT_GOAL := help

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## Distil a real BERT on this machine's documentation, offline, in a few minutes.
	$(BIN)/minictl demo

test: $(VENV)/.dev ## Run all tests: Rust, then Python.
	cargo test --workspace --locked --quiet
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## Check formatting, lints and types of Python and Rust.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

format: $(VENV)/.dev ## Format Python and Rust.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --all

docs: $(VENV)/.docs ## Build the docs site into site/, strictly.
	$(BIN)/python docs/tables.py --check
	$(BIN)/zensical build --clean --strict

docs-serve: $(VENV)/.docs ## Serve the docs site on this machine.
	$(BIN)/zensical serve

bench: $(VENV)/.dev ## Measure the loss kernels side by side; writes benchmarks/results/.
	$(BIN)/python benchmarks/relation_loss.py

clean: ## Remove what was built; the virtual environment stays.
	rm -rf target site dist build rust_loader/python/reldistill_loader/_native*

$(VENV)/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "error: no $(PYTHON) found. Get Python 3.11 or newer: https://www.python.org/downloads/, or 'apt install python3 python3-venv'; then: make PYTHON=python3.X ..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) -V), Python 3.11 or newer is needed: https://www.python.org/downloads/; then: make PYTHON=python3.X ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

.PHONY: rust-toolchain
rust-toolchain:
	@command -v cargo >/dev/null || { echo "error: no Rust toolchain found. Get one (stable, 1.89 or newer): https://rustup.rs, or 'apt install rustup && rustup default stable'" >&2; exit 2; }

# One stamp for each set of extras; a change of the project file or of the Rust sources installs again.
$(VENV)/.dev: EXTRAS := dev
$(VENV)/.demo: EXTRAS := demo
$(VENV)/.docs: EXTRAS := docs
$(VENV)/.dev $(VENV)/.demo $(VENV)/.docs: pyproject.toml $(RUST) | rust-toolchain $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@
