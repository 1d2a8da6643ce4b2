# Each target makes .venv if there is none, installs what it needs, and runs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ := rust_loader/fuzz
RUST := Cargo.toml Cargo.lock $(shell find rust_loader -path $(FUZZ) -prune -o \( -name '*.rs' -o -name Cargo.toml -o -name build_hook.py \) -print)

.PHONY: help demo test lint format docs docs-serve bench fuzz clean
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
	cargo fmt --manifest-path $(FUZZ)/Cargo.toml --check
	cargo clippy --manifest-path $(FUZZ)/Cargo.toml --target-dir target --locked --quiet -- -D warnings

format: $(VENV)/.dev ## Format Python and Rust.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --all
	cargo fmt --manifest-path $(FUZZ)/Cargo.toml

docs: $(VENV)/.docs ## Build the docs site into site/, strictly.
	$(BIN)/python docs/tables.py --check
	$(BIN)/python -m docs.cli_reference --check
	$(BIN)/python -m docs.options_reference --check
	$(BIN)/python -m docs.errors_reference --check
	$(BIN)/python -m docs.pictures --check
	$(BIN)/python -m studies.miniature draw --check
	$(BIN)/zensical build --clean --strict

docs-serve: $(VENV)/.docs ## Serve the docs site on this machine.
	$(BIN)/zensical serve

bench: $(VENV)/.dev ## Measure the loss and a training step side by side with others; takes half an hour.
	$(BIN)/minictl bench loss
	$(BIN)/minictl bench step bert-128

FUZZ_SECONDS ?= 300
fuzz: ## Throw damaged manifests and shards at the loader, FUZZ_SECONDS each; needs cargo-fuzz and a nightly compiler.
	@cargo fuzz --version >/dev/null 2>&1 || { echo "error: no cargo-fuzz found. Get it: cargo install cargo-fuzz; and a compiler for it: rustup toolchain install nightly" >&2; exit 2; }
	@for target in manifest shard; do \
		mkdir -p target/fuzz/corpus/$$target && \
		cargo +nightly fuzz run --fuzz-dir $(FUZZ) --target-dir target/fuzz $$target \
			target/fuzz/corpus/$$target rust_loader/reldistill-loader/tests/golden \
			-- -max_total_time=$(FUZZ_SECONDS) -max_len=6000 -timeout=10 || exit 1; \
	done

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
