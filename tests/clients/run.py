#!/usr/bin/env python3
"""Real BitPay libraries, unmodified and pinned, buy through payferry.

    unshare -m -n python3 run.py PAYFERRY INSTALLED

PAYFERRY is the program; INSTALLED is where `make clients-install` put the libraries. Must run in network and mount
namespaces of its own: bitpay.com is 127.0.0.1 in there. Writes INSTALLED/result.json and INSTALLED/payferry.log;
ends with 1 if anything failed.
"""
import concurrent.futures
import json
import pathlib
import shutil
import sys
import tempfile

import crossing
import judge
import machine
import promises
import show

AT_ONCE = 4


def main():
    program, installed = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    tools = crossing.Tools("node", str(installed / "venv/bin/python"), str(installed / "node_modules"))
    orders = json.loads((crossing.HERE / "orders.json").read_text())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payferry-clients-"))
    machine.swap_names(folder)
    payferries = []
    try:
        payferries.append(machine.Payferry(program, folder / "default", "127.0.0.1:80", "127.0.0.1:443"))
        payferries.append(machine.Payferry(program, folder / "ports", "127.0.0.1:8080", "127.0.0.1:8443"))
        rows = cross_all(payferries, tools, folder, orders)
    finally:
        ended = [payferry.stop() for payferry in payferries]
        logged = "".join(payferry.logged() for payferry in payferries)
        (installed / "payferry.log").write_text(logged)
        shutil.rmtree(folder, ignore_errors=True)
    (installed / "result.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    failed = [line for row in rows for line in show.failures(row)]
    failed += [f"FAILED payferry demo ended with {code}" for code in ended if code != 0]
    every_step = [step for row in rows for step in row["steps"]]
    failed += [f"FAILED payferry's log holds a secret: {name}" for name in judge.leaked(logged, every_step, orders)]
    print("\n".join([*show.table(rows), *show.promises(rows), "", *failed]), flush=True)
    if failed:
        print(f"Each answer: {installed / 'result.json'}; payferry's log: {installed / 'payferry.log'}")
    print(f"clients: {sum(row['good'] for row in rows)} passed, {sum(not row['good'] for row in rows)} failed", flush=True)
    sys.exit(1 if failed else 0)


def cross_all(payferries, tools, folder, orders):
    def one(numbered):
        number, way = numbered
        payferry = payferries[1 if way.port else 0]
        steps = crossing.cross(way, payferry, tools, folder / f"shop-{number}", orders)
        return judged(way, steps, orders, payferry.sandbox, tools.modules)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, enumerate(crossing.all_crossings())))


def judged(way, steps, orders, sandbox, modules):
    """Adds to each answer what is wrong in it, and what its library's types miss."""
    by_name = {order["name"]: order for order in orders}
    library = crossing.LIBRARIES[way.library]
    made = {step["order"]: step for step in steps if step["step"] == "create" and step["ok"]}
    for step in steps:
        if not step["ok"] or step["step"] not in ("create", "read"):
            continue
        order, create = by_name[step["order"]], made[step["order"]]
        step["wrong"] = judge.wrong(step["value"], order, create.get("guid"), sandbox)
        if step["step"] == "read":
            step["wrong"] += [f"{name} (changed)" for name in judge.changed(create["value"], step["value"], order)]
        if "types" not in step and (kind := promises.declared(modules, way.library)):
            step["types"] = promises.broken(kind, step["value"])
        if "types" in step:
            step["types"] = [one for one in step["types"] if one[0].split(".")[0] not in judge.CORE]
    row = {"package": library.package, "way": way.way, "orders": len(orders), "steps": steps}
    return {**row, "good": show.complete(row)}


main()
