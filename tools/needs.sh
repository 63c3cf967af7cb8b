#!/usr/bin/env bash
# Says what the build or the tests need, installs what Debian 12 has of it, and fails with a sentence where the machine
# cannot. `needs.sh build`: only what it takes to build and run payferry.
set -euo pipefail

fail() {
    echo "needs.sh: $1" >&2
    exit 1
}
missing=()
want() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

echo "The build needs a Rust toolchain and a C compiler (for SQLite and secp256k1)."
echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null 2>/dev/null || missing+=(gcc libc6-dev)
if [ "${1:-all}" != build ]; then
    echo "The tests also need Node.js 18 or newer, npm and Python 3.11 or newer with venv (the real client libraries), strace,"
    echo "iproute2, and the right to make network and mount namespaces (unshare): bitpay.com is 127.0.0.1 in there."
    want node nodejs
    want npm npm
    want python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
    want strace strace
    want ip iproute2
    want unshare util-linux
    want mount mount
fi

if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "missing ${missing[*]}: install them, or run this as root"
        as_root=(sudo)
    fi
    command -v apt-get >/dev/null || fail "missing ${missing[*]}, and there is no apt-get here to install them"
    echo "Installing Debian packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v cargo >/dev/null || fail "there is no Rust toolchain (cargo); rustup installs one"
if [ "${1:-all}" = build ]; then
    echo "All there: $(cargo --version)."
    exit 0
fi
cargo fmt --version >/dev/null 2>&1 || fail "cargo fmt is missing: rustup component add rustfmt"
cargo clippy --version >/dev/null 2>&1 || fail "cargo clippy is missing: rustup component add clippy"
node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' || fail "node $(node --version) is too old: 18 or newer"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$(python3 --version) is too old: 3.11 or newer"
try='ip link set lo up && mount --bind /etc/hosts /etc/hosts'
unshare -m -n sh -c "$try" 2>/dev/null || said="$(unshare -r -m -n sh -c "$try" 2>&1)" ||
    fail "this machine lets you make no network and mount namespaces; run as root, or allow user namespaces ($said)"
echo "All there: $(cargo --version), node $(node --version), npm $(npm --version 2>/dev/null), $(python3 --version)."
