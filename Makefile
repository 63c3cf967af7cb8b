# make demo      one purchase of a legacy shop through payferry, on this machine; ARGS=--once ends after it
# make test      everything that proves payferry, and nothing that is skipped
# make crash     kill -9 at KILLS random moments under load; prints what was lost, reordered, doubled
# make clients   only the real libraries, with the table of what they got; ARGS="--json FILE" writes it for machines too

.PHONY: demo test crash needs check clients clients-install

# Built without optimisation: half the wait, and fast enough to look at.
demo:
	@tools/needs.sh build
	@echo "Building payferry; the first time this takes some minutes ..."
	@cargo build
	@exec cargo run --quiet -- demo $(ARGS)

test: needs check clients-install
	cargo test --features failpoints

clients: needs clients-install
	CLIENTS_ARGS="$(ARGS)" cargo test --features failpoints --test clients

KILLS ?= 1000
crash: needs
	KILLS=$(KILLS) cargo test --features failpoints --test crash -- --nocapture

needs:
	@tools/needs.sh

check:
	cargo fmt --check
	cargo clippy --all-targets --features failpoints -- -D warnings

# The pinned libraries, from their registries, into target/clients.
clients-install:
	@tools/clients-install.sh
