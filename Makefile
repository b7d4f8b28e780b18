# Trailmark: `make run` builds and starts the server, `make test` checks everything.
# Both install what they need by themselves. One profile serves run, test and CI.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/trailmark
# A target folder outside the clone is shared between clones where it exists.
export CARGO_TARGET_DIR ?= $(firstword $(wildcard $(CACHE)/target) $(CURDIR)/target)
export CARGO_INCREMENTAL ?= $(if $(CI),0,1)
# The real clients that the tests drive live in an environment of their own.
export TRAILMARK_VENV ?= $(if $(wildcard $(CACHE)),$(CACHE),$(CURDIR))/.venv
TOOLS := $(if $(wildcard $(CACHE)),$(CACHE),$(CARGO_TARGET_DIR))/tools

# The faster linker is used where it is there; nothing needs it.
ifneq ($(and $(shell command -v clang),$(shell command -v mold)),)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER := clang
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS := -C link-arg=-fuse-ld=mold
endif

DATA_DIR ?= trailmark-data
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)

.PHONY: help run test nightly bench fmt lint deny fuzz generate clients system

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## Build and start the server; prints lines to paste into another shell
	cargo build --locked -p trailmark --bin trailmark
	exec $(CARGO_TARGET_DIR)/debug/trailmark serve --data-dir $(DATA_DIR) $(ARGS)

test: system clients lint deny ## Lints, unit tests, end-to-end tests with the real clients
ifeq ($(NEXTEST),yes)
	cargo nextest run --locked --workspace --no-fail-fast
else
	cargo test --locked --workspace --no-fail-fast
endif
	cargo test --locked --workspace --doc

nightly: clients ## As `test`, with many more seeds and crashes
	TRAILMARK_SEEDS=50000 TRAILMARK_KILLS=200 PROPTEST_CASES=4096 cargo test --locked --workspace --no-fail-fast

bench: clients ## Measure against the peers; writes target/bench.md
	benches/run $(ARGS)

fmt: ## Format the code
	cargo fmt --all

lint: ## Formatting and lints, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

deny: $(TOOLS)/bin/cargo-deny ## Licences, bans and sources of what we depend on
	$< check bans licenses sources

$(TOOLS)/bin/cargo-deny:
	cargo install --quiet --locked --debug --root $(TOOLS) --target-dir $(CARGO_TARGET_DIR)/tools-build cargo-deny

fuzz: ## Run every fuzz target for a while (FUZZ_SECONDS, default 30)
	fuzz/run

generate: clients ## Make the wire types and the service catalogue anew from the botocore models
	$(TRAILMARK_VENV)/bin/python tools/generate/generate.py
	cargo fmt --all

clients: $(TRAILMARK_VENV)/.ready

# What the tests call beside the clients. Installed where that is possible, named where it is not.
SYSTEM := cc curl python3 faketime
MISSING := $(strip $(foreach it,$(SYSTEM),$(if $(shell command -v $(it)),,$(it))))

system:
ifneq ($(MISSING),)
	apt-get update -qq && apt-get install -y -qq gcc curl python3-venv faketime || { echo "install these first: $(MISSING)" >&2; exit 1; }
endif

$(TRAILMARK_VENV)/.ready: tests/requirements.txt tests/second-s3.txt | system
	python3 -m venv $(TRAILMARK_VENV)
	$(TRAILMARK_VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(TRAILMARK_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/second-s3.txt
	touch $@
