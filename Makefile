# make demo      one purchase of a legacy shop through payferry, on this machine
# make test      everything that proves payferry, and nothing that is skipped
# make clients   only the real libraries, with the table of what they got

.PHONY: demo test needs check clients clients-install

demo:
	@tools/needs.sh demo
	@echo "Building payferry (the first time takes some minutes) ..."
	cargo run --release --quiet -- demo $(ARGS)

test: needs check clients-install
	cargo test --features failpoints

clients: needs clients-install
	cargo test --features failpoints --test clients -- --nocapture

needs:
	@tools/needs.sh

check:
	cargo fmt --check
	cargo clippy --all-targets --features failpoints -- -D warnings

# The pinned libraries, from their registries, into target/clients.
clients-install:
	@mkdir -p target/clients
	@cp tests/clients/package.json tests/clients/package-lock.json target/clients/
	@echo "Installing the pinned npm and PyPI libraries into target/clients ..."
	@cd target/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@test -x target/clients/venv/bin/python || python3 -m venv target/clients/venv
	@target/clients/venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
