#!/usr/bin/env python3
"""Runs every real client against payferry inside a private network and mount namespace.

Called by tests/clients.rs as `unshare -mn python3 run.py PAYFERRY MODULES PYTHON RESULT`; bitpay.com is 127.0.0.1 in here.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PAYFERRY, MODULES, PYTHON, RESULT = sys.argv[1:5]
TEXTS = {
    "orderId": "2026-01-02T03:04:05Z",
    "posData": '{"b": 1.50, "a": "2026-01-02T03:04:05Z"}',
    "itemDesc": "Café ☕ 2026-01-02T03:04:05Z",
    "redirectURL": "https://shop.example/thanks?a=1&b=2",
}
BUYER = {"name": "Zoë Ünal", "email": "zoe@example.com", "locality": "Zürich", "country": "CH"}
DNS = "DNS swap"
# library, ways: DNS swap is https://bitpay.com; URL swap by address, with and without a port
LIBRARIES = {
    "bitpay-sdk 8.0.4": ["bitpay-sdk.js", [(DNS, "https://bitpay.com")]],
    "bitpay (PyPI) 8.0.3": ["bitpay_sdk.py", [(DNS, "https://bitpay.com")]],
    "btcpay 0.2.5": ["btcpay.js", [
        (DNS, "https://bitpay.com"),
        ("URL http, port", "http://127.0.0.1:8080"), ("URL http, no port", "http://127.0.0.1"),
        ("URL https, port", "https://localhost:8443"), ("URL https, no port", "https://localhost")]],
    "bitpay-rest 0.3.2": ["bitpay-rest.js", [
        (DNS, "https://bitpay.com:443"),
        ("URL http, port", "http://127.0.0.1:8080"), ("URL http, no port", "http://127.0.0.1:80"),
        ("URL https, port", "https://localhost:8443"), ("URL https, no port", "https://localhost:443")]],
}


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def start_demo(folder, http, https):
    ready = folder / "ready.json"
    log = open(folder / "payferry.log", "w")
    demo = subprocess.Popen([PAYFERRY, "demo", "--json", ready, "--http-listen", http, "--https-listen", https, "--log"],
                            stdout=log, stderr=subprocess.STDOUT)
    for _ in range(200):
        if ready.exists():
            return demo, json.loads(ready.read_text())
        if demo.poll() is not None:
            sys.exit("payferry demo did not start:\n" + (folder / "payferry.log").read_text())
        time.sleep(0.1)
    sys.exit("payferry demo was not ready within 20 s")


def play(script, base, demo, home):
    config = demo["config_file"]
    code = json.loads(run(PAYFERRY, "--config", config, "pairing", "new", "demo", "--json"))["pairing_code"]
    job = {"base": base, "code": code,
           "approve": [PAYFERRY, "--config", config, "pairing", "approve", "CODE", "--store", "demo"]}
    env = dict(os.environ, HOME=str(home), NODE_PATH=MODULES)
    for name in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_TLS_REJECT_UNAUTHORIZED"):
        env.pop(name, None)
    if script != "bitpay-rest.js":  # it never checks certificates, so it gets none
        env["NODE_EXTRA_CA_CERTS"] = env["REQUESTS_CA_BUNDLE"] = demo["ca_file"]
    scheme, host, port = re.fullmatch(r"(https?)://([^:]+)(?::(\d+))?", base).groups()
    (home / ".bitpay").mkdir(parents=True, exist_ok=True)
    settings = {"apiHost": host, "apiPort": int(port or 443), "forceSSL": scheme == "https"}
    (home / ".bitpay" / "config.json").write_text(json.dumps(settings))
    program = [PYTHON] if script.endswith(".py") else ["node"]
    done = subprocess.run([*program, str(HERE / script), json.dumps(job)], env=env, capture_output=True, text=True, timeout=60)
    try:
        return json.loads(done.stdout)["steps"]
    except (ValueError, KeyError):
        return {"start": {"ok": False, "error": (done.stderr or done.stdout)[-500:]}}


def wrong(invoice, sandbox, guid_sent):
    """What must be right, by name; empty where all is."""
    now = time.time() * 1000
    bad = [name for name, text in TEXTS.items() if invoice.get(name) != text]
    buyer = invoice.get("buyer") or {}
    bad += [f"buyer.{name}" for name, text in BUYER.items() if buyer.get(name) != text]
    checks = {
        "id": re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{21,22}", str(invoice.get("id"))),
        "url": invoice.get("url") == f"{sandbox}/invoice?id={invoice.get('id')}",
        "status": invoice.get("status") == "new",
        "price": invoice.get("price") == 12.5,
        "currency": invoice.get("currency") == "EUR",
        "invoiceTime": abs(now - int(invoice.get("invoiceTime") or 0)) < 60_000,
        "currentTime": abs(now - int(invoice.get("currentTime") or 0)) < 60_000,
        "expirationTime": int(invoice.get("expirationTime") or 0) - int(invoice.get("invoiceTime") or 0) == 900_000,
        "token": re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{43,44}", str(invoice.get("token"))),
        "guid": bool(invoice.get("guid")) == guid_sent,
    }
    return bad + [name for name, good in checks.items() if not good]


def promised(library):
    """Members that the library's own types name, with their type where it is a plain one."""
    if library.startswith("bitpay-sdk"):
        text = pathlib.Path(MODULES, "bitpay-sdk/dist/Model/Invoice/Invoice.d.ts").read_text()
        text = text.split("interface InvoiceInterface {", 1)[1].split("\n}", 1)[0]
    elif library.startswith("btcpay"):
        text = pathlib.Path(MODULES, "btcpay/dist/models/invoice.d.ts").read_text()
        text = text.split("interface Invoice {", 1)[1].split("\n}", 1)[0]
    elif library.startswith("bitpay (PyPI)"):
        fields = "import json;from bitpay.models.invoice.invoice import Invoice;print(json.dumps([f.alias or n for n,f in Invoice.model_fields.items()]))"
        return {name: None for name in json.loads(run(PYTHON, "-c", fields))}
    else:
        return {}
    return {name: kind for name, kind in re.findall(r"^    (\w+)\??: ([^;\n]+);", text, re.M)}


KINDS = {"string": str, "number": (int, float), "boolean": bool}


def other_fields(library, invoice):
    found = []
    for name, kind in promised(library).items():
        if name not in invoice:
            found.append(f"{name} missing")
        elif kind in KINDS and not isinstance(invoice[name], KINDS[kind]):
            found.append(f"{name} is no {kind}")
    return found


def main():
    run("ip", "link", "set", "lo", "up")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payferry-clients-"))
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost bitpay.com test.bitpay.com www.bitpay.com\n")
    run("mount", "--bind", str(hosts), "/etc/hosts")
    demos = {}
    (folder / "default").mkdir()
    (folder / "ports").mkdir()
    demos["default"] = start_demo(folder / "default", "127.0.0.1:80", "127.0.0.1:443")
    demos["ports"] = start_demo(folder / "ports", "127.0.0.1:8080", "127.0.0.1:8443")
    rows, failed = [], 0
    try:
        for library, (script, ways) in LIBRARIES.items():
            for number, (way, base) in enumerate(ways):
                demo = demos["ports" if way.endswith(", port") else "default"][1]
                home = folder / f"home-{script}-{number}"
                home.mkdir()
                steps = play(script, base, demo, home)
                guid_sent = script != "btcpay.js"
                for name in ("create", "read"):
                    if steps.get(name, {}).get("ok"):
                        steps[name]["wrong"] = wrong(steps[name]["value"], demo["sandbox"], guid_sent)
                        steps[name]["other"] = other_fields(library, steps[name]["value"])
                made, read = (steps.get(name, {}).get("value") or {} for name in ("create", "read"))
                same = all(made.get(name) == read.get(name) for name in ("id", "url", "token", "guid", "price", *TEXTS))
                good = all(steps.get(name, {}).get("ok") for name in ("pair", "create", "read")) and same
                good = good and not any(step.get("wrong") for step in steps.values())
                failed += not good
                rows.append({"library": library, "way": way, "good": bool(good), "same": same, "steps": steps})
                show(rows[-1])
    finally:
        for demo, _ in demos.values():
            demo.send_signal(signal.SIGTERM)
            demo.wait(timeout=20)
    pathlib.Path(RESULT).write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    table(rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def show(row):
    for name, step in row["steps"].items():
        if not step["ok"]:
            print(f"! {row['library']} ({row['way']}) {name}: {step['error']}", flush=True)
        elif step.get("wrong"):
            print(f"! {row['library']} ({row['way']}) {name}: wrong {', '.join(step['wrong'])}", flush=True)


def table(rows):
    print(f"\n{'LIBRARY':<22}{'WAY':<20}{'PAIR':<6}{'CREATE':<8}{'READ':<6}")
    for row in rows:
        mark = lambda name: "ok" if row["steps"].get(name, {}).get("ok") and not row["steps"][name].get("wrong") else "FAIL"
        print(f"{row['library']:<22}{row['way']:<20}{mark('pair'):<6}{mark('create'):<8}{mark('read'):<6}")
    print("\nOther members that the library's types name (counted, not failed):")
    for row in rows:
        others = row["steps"].get("create", {}).get("other")
        if row["way"] == DNS and others is not None:
            print(f"  {row['library']}: {len(others)} of {len(promised(row['library']))}: {', '.join(others) or 'none'}")


main()
