# `make demo` runs everything end to end, `make test` runs every test. Both set up what they need first; what is set up
# already is skipped. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export FOUNDRY_SOLC := $(CURDIR)/tools/solc
export FOUNDRY_DISABLE_NIGHTLY_WARNING := 1
CARGO ?= cargo
FORGE := node_modules/.bin/forge
ZKINFER := target/debug/zkinfer
GENERATED := contracts/generated/digits
DEMO_FLAGS ?=
SUITE_FLAGS ?=
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))

.PHONY: help setup demo demo-gpt demo-ezkl test fixtures pgvector check mutants pipeline-mutants kills clean preflight build ezkl fuzz compare flip invariants symbolic soak suite exporters scenarios goals

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: preflight node_modules/.installed build ## Install and build what the native backend needs: npm packages, zkinfer

demo: setup ## Prove a real model's answer, post it to a development chain, audit it; no Python
	$(ZKINFER) demo $(DEMO_FLAGS)

demo-gpt: setup ## Write with a transformer, prove every choice, post the proof and audit it; under the TEST SRS
	$(ZKINFER) demo --model gpt $(DEMO_FLAGS)

demo-ezkl: setup ezkl ## The same with EZKL, which it installs
	$(ZKINFER) demo --backend ezkl $(DEMO_FLAGS)

test: setup ezkl fixtures pgvector ## Run every test
	tools/test

fixtures: setup ezkl ## Prove the digits model and generate its verifier for the Solidity tests
	$(ZKINFER) verifier generate --backend ezkl --out $(GENERATED)
	$(ZKINFER) prove --backend ezkl --out $(GENERATED)/bundle.json

# Tests of the index need it, and skip without: where it cannot be had, that is said.
pgvector:
	@tools/pgvector fetch || true

check: node_modules/.installed ## One build of the dependencies, formatting, lints, documentation, committed artifacts
	tools/one_build
	$(CARGO) fmt --all --check
	$(FORGE) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(FORGE) build --skip test --skip script
	node tools/artifacts.mjs --check

mutants: node_modules/.installed ## Take every check out of the native verifier, one at a time, and run its attack
	$(FORGE) build
	node tools/mutations.mjs
	$(FORGE) test --match-contract VerifierMutants

# In target directories of its own: the programs in target/ stay what they are. MUTANTS_TARGET names one whose dependencies are built.
pipeline-mutants: ezkl ## Take every check out of the pipeline, one at a time, and run the test that has to notice
	node tools/mutants/run.mjs

# The tool makes a virtual environment of its own, by hash, in the cache directory.
suite: ## Read and execute ONNX's own test suite, and compare with docs/operators.md
	$(CARGO) build --locked --workspace --example suite_read
	@tools/preflight python
	python3 -B tools/suite/run.py $(SUITE_FLAGS)

# GOALS_FLAGS picks rows, `--only lenet`, or adds EZKL: `--backend native --backend ezkl-default`.
GOALS_FLAGS ?= --backend native --runs 5
goals: build ## Measure every model that this project has goals for: must, push and what is reached
	$(ZKINFER) bench --models goals $(GOALS_FLAGS)

# Virtual environments of their own, in the cache directory; PyTorch's is large. EXPORTERS names some of: torch keras sklearn.
exporters: build ## Export models with PyTorch, Keras and scikit-learn, prove them and verify the proofs (docs/models.md)
	@tools/preflight python
	python3 -B tools/exporters/run.py $(EXPORTERS)

# The lock file is the main build's, so that what is fuzzed is what is shipped. What libFuzzer finds stays in fuzz/corpus and
# fuzz/artifacts; a finding becomes a seed.
fuzz: ## Let libFuzzer look at every reader of foreign bytes, FUZZ_SECONDS each (needs `cargo install cargo-fuzz`)
	@$(CARGO) fuzz --version >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 3; }
	cp Cargo.lock fuzz/Cargo.lock
	$(CARGO) fuzz build --sanitizer none
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p fuzz/corpus/$$target; \
	    $(CARGO) fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=4096 -timeout=20 -print_final_stats=1; \
	done

kills: ezkl ## Prove 200 times with EZKL while its workers are killed at random
	ZKINFER_SOAK=1 $(CARGO) test --locked --test ezkl_backend killing_workers_at_random -- --nocapture

# Outside the workspace: the main build does not carry nova-snark (docs/decisions/0018).
compare: ## Compare the verdicts of the native opening with those of nova-snark
	cd tests/nova && $(CARGO) run --release --locked > /dev/null # the library prints, too

flip: ## Change every word of every recorded proof for the Python verifier: minutes
	python3 -B tests/protocol/verifier.py --flip tests/fixtures/native/*.json tests/fixtures/native/hez-final/*.json

invariants: node_modules/.installed ## Fuzz the contracts longer, and run the invariants of ClaimRegistry 10,000 times: hours
	FOUNDRY_PROFILE=soak $(FORGE) test

symbolic: node_modules/.installed ## Prove properties of the contracts' arithmetic for all inputs (needs `pip install halmos`)
	@command -v halmos >/dev/null || { echo "halmos is missing: pip install halmos" >&2; exit 3; }
	cd tests/symbolic && PATH="$(CURDIR)/node_modules/.bin:$$PATH" \
	    halmos --contract LibrariesSymbolic --solver z3 --no-status --loop 40

# Seeds are printed; ZKINFER_SEED begins elsewhere.
scenarios: build ## Run 1,000 scenarios of the submitter on chains in memory, 100 with bonds, and 40 with the daemon on anvil, killed
	ZKINFER_SCENARIOS=1000 ZKINFER_BOND_SCENARIOS=100 ZKINFER_DAEMON_SCENARIOS=40 $(CARGO) test --locked --test submitter scenarios:: -- --nocapture

soak: mutants pipeline-mutants kills fuzz compare flip invariants symbolic suite exporters scenarios ## What takes too long for every change

clean: ## Delete what was built here (the cache in the home directory stays)
	rm -rf target node_modules out cache contracts/generated

preflight:
	@tools/preflight

build: node_modules/.installed
	$(CARGO) build --locked --bin zkinfer

ezkl: build
	@tools/preflight python
	@$(ZKINFER) setup ezkl

node_modules/.installed: package.json package-lock.json .npmrc
	npm ci --no-audit --no-fund
	@touch $@
