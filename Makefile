# The bare command lists the commands.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

POSTERN := $(abspath $(or $(CARGO_TARGET_DIR),target))/debug/postern
# What npm itself writes last when it installs.
NPM_DONE := web/node_modules/.package-lock.json

.PHONY: help demo test soak check bench bench-relay fuzz pictures setup walls locks console e2e program

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A debug build: from nothing it is ready in half the time of a release build.
demo:  ## Build, walk through the main job with a simulated tenant; on a terminal it stays up afterwards
	cargo run --locked --quiet --package postern --bin postern -- demo --tour --stay

test: setup  ## Run all tests
	cargo nextest run --locked --workspace
	cargo test --locked --workspace --doc --quiet
	tests/peers/run
	@$(MAKE) --no-print-directory e2e

check: setup walls locks console  ## Check all that is not a test: format, lints, walls, licences, sources, lock files
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --locked check --hide-inclusion-graph licenses bans sources

soak: setup  ## Kill the process a hundred times and more while mail flows, and see that nothing is lost
	POSTERN_SOAK_KILLS=$${POSTERN_SOAK_KILLS:-120} cargo nextest run --locked --package postern --test story --no-capture killed

bench:  ## Measure (release build)
	cargo bench --locked --workspace --bench '*'

bench-relay: setup  ## Measure the relay side by side with Postfix; writes docs/performance.md (root, release build)
	bench/relay/run --write

pictures: program $(NPM_DONE)  ## Take the console's pictures in docs/ anew
	@cd web && POSTERN_BIN=$(POSTERN) npm run --silent pictures

SECONDS_EACH := $(or $(TIME),60)
TARGETS ?= pkcs12 pem id_token oauth graph smtp paste
fuzz:  ## Throw dirt at every parser, a minute each (TIME=3600 TARGETS="pkcs12 pem")
	@command -v cargo-fuzz >/dev/null || { echo "missing: cargo install --locked cargo-fuzz"; exit 1; }
	@for target in $(TARGETS); do mkdir -p fuzz/corpus/$$target; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run $$target fuzz/corpus/$$target $$(tools/fuzz-seeds $$target) -- \
	    -max_total_time=$(SECONDS_EACH) -timeout=10 -rss_limit_mb=2048; done

setup:  ## Install what tests and checks need
	@tools/setup

walls:
	@tools/check-walls

# The console: types, lints, and that its API client fits the API.
console: $(NPM_DONE)
	@cd web && npm run --silent check

# As the tests build it: another selection of packages would build half of it anew.
program: setup
	@cargo test --locked --workspace --no-run --quiet

# The console in a browser, in front of the program.
e2e: program $(NPM_DONE)
	@cd web && POSTERN_BIN=$(POSTERN) npm run --silent e2e

$(NPM_DONE): web/package-lock.json
	@cd web && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

# What is built is what was committed.
locks:
	@git ls-files --error-unmatch Cargo.lock >/dev/null
	@git diff --exit-code --stat HEAD -- $$(git ls-files '*Cargo.lock' '*package-lock.json')
