"""One library by one way: the shop comes by its credential, then its script leads its life."""
import dataclasses
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import threading
import time

import judge
import setup_scripts

HERE = pathlib.Path(__file__).resolve().parent
WITHIN = 120
DATA = json.loads((HERE / "libraries.json").read_text())
LIBRARIES = DATA["libraries"]
# What a developer's machine may have set, and a shop would not.
NOT_INHERITED = re.compile(r"^(NODE_|PYTHON|REQUESTS_|SSL_|CURL_|npm_|https?_proxy$|all_proxy$|no_proxy$)", re.I)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# An id of the right form that no server gave out.
UNKNOWN = "UnknownUnknownUnknown2"
# The order that a buyer pays.
BOUGHT = "dates"


@dataclasses.dataclass(frozen=True)
class Crossing:
    """`comes_by`: setup, code, key, foreign or none, as libraries.json tells."""

    library: str
    way: str
    comes_by: str
    base: str
    port: bool

    @property
    def facts(self):
        return LIBRARIES[self.library]

    @property
    def hears(self):
        """What the shop is told of an invoice that is paid, up to `confirmed`."""
        return self.facts.get("hears", ["confirmed"])


def all_crossings():
    """Every library by each of its ways; those that take longest come first."""
    found = []
    for library, facts in LIBRARIES.items():
        for way, comes_by in facts["ways"].items():
            address = DATA["addresses"][way]
            found.append(Crossing(library, way, comes_by, address["base"], address.get("port", False)))
    return sorted(found, key=lambda one: one.comes_by != "setup")


@dataclasses.dataclass
class Tools:
    """Where the installed libraries are."""

    node: str
    python: str
    modules: str
    packages: str


def cross(crossing, payferry, ear, tools, folder, orders):
    """Gives (steps, secrets): steps are dicts with order, step, ok, value or error; secrets are what must not be logged."""
    folder.mkdir()
    env = environment(crossing, payferry, tools, folder)
    job = new_job(crossing, payferry, folder, orders)
    steps = []
    try:
        steps += come_by(crossing, payferry, tools, folder, env, job)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return [{"order": "", "step": "pair", "ok": False, "kind": "operator", "error": str(error)}], {}
    steps += lead_life(crossing, payferry, tools, job, folder, env)
    steps += told(crossing, steps, ear)
    return steps, {name: job[name] for name in ("token", "v1_key", "pos_token") if job[name]}


def new_job(crossing, payferry, folder, orders):
    foreign = crossing.comes_by == "foreign"
    day = 86400
    return {
        "module": crossing.facts["module"],
        "base": crossing.base,
        "environment": "Test" if "test." in crossing.base else "Prod",
        "orders": orders,
        "bought": BOUGHT,
        "days": [date(-day), date(+day)],
        "no_days": crossing.facts.get("no_days", ["2015-01-01", "2015-01-02"]),
        "adopt": foreign,
        "code": None,
        "config": None,
        "token": made_up(44) if foreign else None,
        "v1_key": made_up(22) if foreign else None,
        "pos_token": made_up(44) if foreign else payferry.pos_token,
        "unknown": UNKNOWN,
        "report": str(folder / "report.json"),
    }


def date(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + seconds))


def made_up(length):
    """A credential that nobody gave out."""
    return "".join(secrets.choice(BASE58) for _ in range(length))


def environment(crossing, payferry, tools, folder):
    env = {name: value for name, value in os.environ.items() if not NOT_INHERITED.match(name)}
    env.update(HOME=str(folder), PYTHONDONTWRITEBYTECODE="1")
    env["NODE_PATH"] = f"{folder / 'node_modules'}:{tools.modules}"
    env["PYTHONPATH"] = f"{tools.packages}/{crossing.facts['module']}"
    if crossing.facts["ca"]:
        env[crossing.facts["ca"]] = payferry.ca
    return env


def come_by(crossing, payferry, tools, folder, env, job):
    """Puts the credential into the job. A code is entered by the shop itself, so `pair` is a step of its own there."""
    if crossing.facts.get("config"):
        configure_bitpay_rest(crossing, tools.modules, folder)
    if crossing.comes_by == "code":
        job["code"] = payferry.new_code()
    elif crossing.comes_by == "key":
        job["v1_key"] = payferry.new_secret("v1-key")
        return [{"order": "", "step": "pair", "ok": True, "value": None}]
    elif crossing.comes_by == "setup":
        job["config"] = pair_by_setup_script(crossing, payferry, tools, folder, env)
        return [{"order": "", "step": "pair", "ok": True, "value": None}]
    return []


def pair_by_setup_script(crossing, payferry, tools, folder, env):
    """Gives the configuration file that the script wrote."""
    setup, module = crossing.facts["setup"], crossing.facts["module"]
    if crossing.library.startswith("PyPI"):
        command = [tools.python, f"{tools.packages}/{module}/bitpay/{setup['script']}"]
    elif "/" in setup["writes"]:  # into its own package: the shop has one of its own, as after an `npm install`
        shutil.copytree(f"{tools.modules}/{module}", folder / "node_modules" / module)
        command = [tools.node, str(folder / "node_modules" / module / setup["script"])]
    else:
        command = [tools.node, f"{tools.modules}/{module}/{setup['script']}"]
    code = setup_scripts.converse(command, folder, env, setup["questions"], job_letter(crossing))
    payferry.approve(code)
    written = folder / "node_modules" / module / setup["writes"] if "/" in setup["writes"] else folder / setup["writes"]
    return str(written)


def job_letter(crossing):
    """What the setup scripts call BitPay's two hosts."""
    return "T" if "test." in crossing.base else "P"


def configure_bitpay_rest(crossing, modules, folder):
    """The package's own preset for BitPay's hosts; host and port by hand for any other."""
    scheme, host, port = re.fullmatch(r"(https?)://([^:]+)(?::(\d+))?", crossing.base).groups()
    preset = {"bitpay.com": "prod.json", "test.bitpay.com": "test.json"}.get(host)
    if preset:
        text = pathlib.Path(modules, crossing.facts["module"], "config", preset).read_text()
    else:
        port = int(port or {"http": 80, "https": 443}[scheme])
        text = json.dumps({"apiHost": host, "apiPort": port, "forceSSL": scheme == "https"})
    (folder / ".bitpay").mkdir()
    (folder / ".bitpay/config.json").write_text(text)


def lead_life(crossing, payferry, tools, job, folder, env):
    """Runs the shop's script to its end; answers it when it asks for the operator."""
    script = crossing.facts["shop"]
    program = tools.python if script.endswith(".py") else tools.node
    command = [program, str(HERE / "shops" / script), json.dumps(job)]
    complaints = folder / "complaints.txt"
    with complaints.open("w") as stderr, subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as shop:
        late = threading.Timer(WITHIN, shop.kill)
        late.start()
        try:
            with payferry.operator() as operator:
                for line in shop.stdout:  # some libraries print what they are told
                    if line.startswith(("@before\n", "@adopt\n", "@pay ", "@confirm ")):
                        shop.stdin.write(operator(line.strip()[1:]) + "\n")
                        shop.stdin.flush()
            code = shop.wait()
        finally:
            late.cancel()
            shop.kill()
    report = folder / "report.json"
    steps = json.loads(report.read_text())["steps"] if report.exists() else []
    if code != 0:
        said = complaints.read_text()[-600:].strip() or f"killed after {WITHIN} s"
        steps.append({"order": "", "step": "end", "ok": False, "kind": "process", "error": f"{script} ended with {code}: {said}"})
    return steps


def told(crossing, steps, ear):
    """What the shop was told of the order that was paid, as a step of its own; none where it was told nothing."""
    read = next((step for step in steps if step["step"] == "confirmed" and step["ok"]), None)
    if read is None or not read["value"]:
        return []
    again = any(step["step"] == "resend" and step["ok"] for step in steps)
    heard = ear.heard(read["value"].get("id"), lambda bodies: not again or judge.repeated(bodies, crossing.hears))
    return [{"order": BOUGHT, "step": "told", "ok": True, "value": heard, "at": read["at"]}] if heard else []
