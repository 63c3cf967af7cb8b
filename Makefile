# Everything a newcomer needs: `make demo` and `make test`.
.PHONY: test
test:
	cargo test
