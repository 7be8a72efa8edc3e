# The bare command lists the commands.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

.PHONY: help demo test check bench setup walls locks console

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A debug build: from nothing it is ready in half the time of a release build.
demo:  ## Build, walk through the main job with a simulated tenant; on a terminal it stays up afterwards
	cargo run --locked --quiet --package postern --bin postern -- demo --tour --stay

test: setup  ## Run all tests
	cargo nextest run --locked --workspace
	cargo test --locked --workspace --doc --quiet
	tests/peers/run

check: setup walls locks console  ## Check all that is not a test: format, lints, walls, licences, sources, lock files
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --locked check --hide-inclusion-graph licenses bans sources

bench:  ## Measure (release build)
	cargo bench --locked --workspace --bench '*'

setup:  ## Install what tests and checks need
	@tools/setup

walls:
	@tools/check-walls

# The console: types, lints, and that its API client fits the API.
console:
	@cd web && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error && npm run --silent check

# What is built is what was committed.
locks:
	@git ls-files --error-unmatch Cargo.lock >/dev/null
	@git diff --exit-code --stat HEAD -- $$(git ls-files '*Cargo.lock' '*package-lock.json')
