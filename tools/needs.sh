#!/usr/bin/env bash
# Says what the tests need and installs what is missing (Debian 12). Fails with a sentence where the machine cannot.
set -euo pipefail

if [ "${1:-}" = demo ]; then
    command -v cargo >/dev/null || { echo "needs.sh: there is no Rust toolchain (cargo); see https://rustup.rs" >&2; exit 1; }
    command -v cc >/dev/null || { echo "needs.sh: there is no C compiler; apt-get install gcc" >&2; exit 1; }
    exit 0
fi

echo "The tests need: a Rust toolchain, a C compiler, and for the real clients Node.js 18+, npm, Python 3 with venv,"
echo "iproute2, strace, and a kernel that lets this user make network and mount namespaces (unshare)."

missing=()
want() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
want cc gcc
want node nodejs
want npm npm
want python3 python3
want ip iproute2
want strace strace
want unshare util-linux
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
    echo "Installing with apt-get: ${missing[*]}"
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "needs.sh: run it as root, or install ${missing[*]} yourself" >&2; exit 1; }
        as_root="sudo"
    fi
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

command -v cargo >/dev/null || { echo "needs.sh: there is no Rust toolchain (cargo); see https://rustup.rs" >&2; exit 1; }
if ! unshare -m -n true 2>/dev/null && ! unshare -rmn true 2>/dev/null; then
    echo "needs.sh: this machine does not let you make network and mount namespaces (unshare -rmn); run as root or allow user namespaces" >&2
    exit 1
fi
echo "All there: $(cargo --version), node $(node --version), $(python3 --version)"
