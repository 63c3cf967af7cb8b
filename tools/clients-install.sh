#!/usr/bin/env bash
# Installs the pinned client libraries of tests/clients into target/clients; does nothing if they are there already.
set -euo pipefail
cd "$(dirname "$0")/.."
to=target/clients
wanted="$(cat tests/clients/package.json tests/clients/package-lock.json tests/clients/requirements.txt tools/clients-install.sh
    node --version; python3 --version)"
wanted="$(printf '%s' "$wanted" | sha256sum)"
if [ "$(cat "$to/installed" 2>/dev/null)" = "$wanted" ]; then
    echo "The client libraries are installed in $to."
    exit 0
fi

echo "Installing npm bitpay-sdk, bitpay-rest, btcpay and PyPI bitpay, as pinned, into $to ..."
mkdir -p "$to"
rm -rf "$to/installed" "$to/venv"
cp tests/clients/package.json tests/clients/package-lock.json "$to/"
# no scripts: bitpay-rest's native half cannot be built any more, and needs not be (see npm_bitpay_rest.js)
npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error
python3 -m venv "$to/venv"
"$to/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r tests/clients/requirements.txt
"$to/venv/bin/python" -m pip check
echo "$wanted" >"$to/installed"
