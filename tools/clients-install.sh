#!/usr/bin/env bash
# Installs the pinned client libraries of tests/clients into target/clients; does nothing if they are there already.
set -euo pipefail
cd "$(dirname "$0")/.."
to=target/clients
wanted="$(cat tests/clients/package.json tests/clients/package-lock.json tests/clients/requirements/*.txt tools/clients-install.sh
    node --version; python3 --version)"
wanted="$(printf '%s' "$wanted" | sha256sum)"
if [ "$(cat "$to/installed" 2>/dev/null)" = "$wanted" ]; then
    echo "The client libraries are installed in $to."
    exit 0
fi

echo "Installing the npm and PyPI packages of tests/clients, as pinned, into $to ..."
mkdir -p "$to"
rm -rf "$to/installed" "$to/venv" "$to/python"
cp tests/clients/package.json tests/clients/package-lock.json "$to/"
# no scripts: the native half that bitpay and bitpay-rest bring cannot be built any more, and needs not be (see shops/bitpay_rest.js)
npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error
python3 -m venv "$to/venv"
# a folder for each version, since four are of one package
installing=()
for list in tests/clients/requirements/*.txt; do
    (
        folder="$to/python/$(basename "$list" .txt)"
        "$to/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder" -r "$list"
        PYTHONPATH="$folder" "$to/venv/bin/python" -m pip check >/dev/null
    ) &
    installing+=($!)
done
for one in "${installing[@]}"; do wait "$one"; done
echo "$wanted" >"$to/installed"
