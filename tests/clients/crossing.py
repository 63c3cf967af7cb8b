"""One library, one way to payferry: pair, create, read."""
import dataclasses
import json
import os
import pathlib
import re
import subprocess

import setup_scripts

HERE = pathlib.Path(__file__).resolve().parent
WITHIN = 120
# What a developer's machine may have set, and a shop would not.
NOT_INHERITED = re.compile(r"^(NODE_|PYTHON|REQUESTS_|SSL_|CURL_|npm_|https?_proxy$|all_proxy$|no_proxy$)", re.I)


@dataclasses.dataclass(frozen=True)
class Library:
    """A package under test. `pairs`: "code" (the operator makes the code) or "setup" (its setup script asks for one)."""

    package: str
    script: str
    pairs: str
    ca_variable: str | None


LIBRARIES = {
    "bitpay-sdk": Library("npm bitpay-sdk 8.0.4", "npm_bitpay_sdk.js", "setup", "NODE_EXTRA_CA_CERTS"),
    "bitpay": Library("PyPI bitpay 8.0.3", "pypi_bitpay.py", "setup", "REQUESTS_CA_BUNDLE"),
    "btcpay": Library("npm btcpay 0.2.5", "npm_btcpay.js", "code", "NODE_EXTRA_CA_CERTS"),
    # never checks a certificate, so it is given none
    "bitpay-rest": Library("npm bitpay-rest 0.3.2", "npm_bitpay_rest.js", "code", None),
}


@dataclasses.dataclass(frozen=True)
class Crossing:
    """`way` is what the table says; `port` tells which of the two payferries stands there."""

    library: str
    way: str
    base: str
    port: bool = False


def all_crossings():
    """Every library under BitPay's names; those that can be pointed elsewhere also by address."""
    found = []
    for library in LIBRARIES:
        found += [Crossing(library, f"DNS swap, {host}", f"https://{host}") for host in ("bitpay.com", "test.bitpay.com")]
    for library in ("btcpay", "bitpay-rest"):
        found += [
            Crossing(library, "URL swap, http, port 8080", "http://127.0.0.1:8080", True),
            Crossing(library, "URL swap, http, no port", "http://127.0.0.1"),
            Crossing(library, "URL swap, https, port 8443", "https://127.0.0.1:8443", True),
            Crossing(library, "URL swap, https, no port", "https://localhost"),
        ]
    return found


@dataclasses.dataclass
class Tools:
    """Where the installed libraries are."""

    node: str
    python: str
    modules: str


def cross(crossing, payferry, tools, folder, orders):
    """Gives the steps: dicts with order, step, ok, value or error, and guid (what the library sent)."""
    library = LIBRARIES[crossing.library]
    folder.mkdir()
    env = environment(library, payferry, tools, folder)
    job = {"base": crossing.base, "orders": orders}
    steps = []
    try:
        if library.pairs == "setup":
            job["config"] = pair_by_setup_script(crossing, payferry, tools, folder, env)
            steps.append({"order": "", "step": "pair", "ok": True})
        else:
            job["code"] = payferry.new_code()
        if crossing.library == "bitpay-rest":
            configure_bitpay_rest(crossing.base, tools.modules, folder)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return [{"order": "", "step": "pair", "ok": False, "error": str(error)}]
    return steps + run_script(library, tools, job, folder, env)


def environment(library, payferry, tools, folder):
    env = {name: value for name, value in os.environ.items() if not NOT_INHERITED.match(name)}
    env.update(HOME=str(folder), NODE_PATH=tools.modules, PYTHONDONTWRITEBYTECODE="1")
    if library.ca_variable:
        env[library.ca_variable] = payferry.ca
    return env


def pair_by_setup_script(crossing, payferry, tools, folder, env):
    production = crossing.base == "https://bitpay.com"
    if crossing.library == "bitpay-sdk":
        code, config = setup_scripts.npm(tools.node, tools.modules, folder, env, production)
    else:
        code, config = setup_scripts.pypi(tools.python, folder, env, production)
    payferry.approve(code)
    return str(config)


def configure_bitpay_rest(base, modules, folder):
    """The package's own preset for BitPay's hosts; host and port by hand for any other."""
    scheme, host, port = re.fullmatch(r"(https?)://([^:]+)(?::(\d+))?", base).groups()
    preset = {"bitpay.com": "prod.json", "test.bitpay.com": "test.json"}.get(host)
    if preset:
        text = pathlib.Path(modules, "bitpay-rest/config", preset).read_text()
    else:
        port = int(port or {"http": 80, "https": 443}[scheme])
        text = json.dumps({"apiHost": host, "apiPort": port, "forceSSL": scheme == "https"})
    (folder / ".bitpay").mkdir()
    (folder / ".bitpay/config.json").write_text(text)


def run_script(library, tools, job, folder, env):
    program = tools.python if library.script.endswith(".py") else tools.node
    command = [program, str(HERE / library.script), json.dumps(job)]
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=WITHIN)
        return json.loads(done.stdout)["steps"]
    except subprocess.TimeoutExpired:
        error = f"{library.script} did not end within {WITHIN} s"
    except (ValueError, KeyError):
        error = f"{library.script} ended with {done.returncode}: {(done.stderr or done.stdout)[-400:]}"
    return [{"order": "", "step": "start", "ok": False, "error": error}]
