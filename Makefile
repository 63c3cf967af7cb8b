# make demo    one purchase of a legacy shop through payferry, on this machine
# make test    everything that proves payferry, and nothing that is skipped

.PHONY: demo test needs check

demo:
	cargo build --release
	./target/release/payferry demo $(ARGS)

test: needs check
	cargo test --features failpoints

needs:
	@tools/needs.sh

check:
	cargo fmt --check
	cargo clippy --all-targets --features failpoints -- -D warnings
