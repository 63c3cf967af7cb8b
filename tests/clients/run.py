#!/usr/bin/env python3
"""Real BitPay libraries, unmodified and pinned, live their whole life at payferry.

    unshare -m -n python3 run.py PAYFERRY INSTALLED [--json FILE] [--only WORD]

PAYFERRY is the program; INSTALLED is where `make clients-install` put the libraries. Must run in network and mount
namespaces of its own: bitpay.com is 127.0.0.1 in there. --json writes what the tables say for machines, --only takes the
libraries whose name holds WORD. Always writes INSTALLED/result.json (every answer as the library held it) and
INSTALLED/payferry.log; ends with 1 if anything is not as expected.csv says.
"""
import argparse
import concurrent.futures
import json
import pathlib
import shutil
import sys
import tempfile

import crossing
import ear
import judge
import machine
import promises
import show
import verdict

AT_ONCE = 3


def main():
    asked = arguments()
    program, installed = pathlib.Path(asked.payferry).resolve(), pathlib.Path(asked.installed).resolve()
    tools = crossing.Tools("node", str(installed / "venv/bin/python"), str(installed / "node_modules"), str(installed / "python"))
    orders = json.loads((crossing.HERE / "orders.json").read_text())
    ways = [way for way in crossing.all_crossings() if asked.only in way.library]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payferry-clients-"))
    machine.swap_names(folder)
    payferries, rows, ended, heard = [], [], [], ear.Ear()
    try:
        payferries.append(machine.Payferry(program, folder / "default", "127.0.0.1:80", "127.0.0.1:443"))
        payferries.append(machine.Payferry(program, folder / "ports", "127.0.0.1:8080", "127.0.0.1:8443"))
        rows = cross_all(payferries, heard, tools, folder, orders, ways)
    finally:
        ended = [payferry.stop() for payferry in payferries]
        logged = "".join(payferry.logged() for payferry in payferries)
        (installed / "payferry.log").write_text(logged)
        shutil.rmtree(folder, ignore_errors=True)
    (installed / "result.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    conclude(rows, ended, judge.leaked(logged, [(row["steps"], row.pop("secrets")) for row in rows], orders), asked, installed)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("payferry")
    parser.add_argument("installed")
    parser.add_argument("--json")
    parser.add_argument("--only", default="")
    return parser.parse_args()


def cross_all(payferries, heard, tools, folder, orders, ways):
    def one(numbered):
        number, way = numbered
        payferry = payferries[1 if way.port else 0]
        steps, secrets = crossing.cross(way, payferry, heard, tools, folder / f"shop-{number}", orders)
        verdict.judged(way, steps, orders, payferry.sandbox)
        return {"library": way.library, "way": way.way, "orders": len(orders), "steps": steps, "secrets": secrets}

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(one, enumerate(ways)))
    return sorted(rows, key=lambda row: list(crossing.LIBRARIES).index(row["library"]))


def conclude(rows, ended, leaks, asked, installed):
    table, names = verdict.expected_table()
    for row in rows:
        verdict.compare(row, table[row["library"], row["way"]], names)
    kept = promises.kept(rows, installed / "node_modules")
    failed = [line for row in rows for line in show.failures(row)]
    failed += [f"FAILED {library}: promised {member}: {what}" for library, one in kept.items() for member, what, _ in one["broken"]]
    failed += [f"FAILED cannot.json: {line}" for line in promises.stale(kept) if not asked.only]
    failed += [f"FAILED payferry demo ended with {code}" for code in ended if code != 0]
    failed += [f"FAILED payferry's log holds a secret: {name}" for name in leaks]
    if asked.json:
        told = [{name: row[name] for name in ("library", "way", "good", "cells")} for row in rows]
        pathlib.Path(asked.json).write_text(json.dumps({"crossings": told, "promises": kept, "failed": failed}, indent=1))
    print("\n".join([*show.table(rows, names), *show.promises(kept), "", *failed]), flush=True)
    if failed:
        print(f"Each answer: {installed / 'result.json'}; payferry's log: {installed / 'payferry.log'}")
    print(f"clients: {sum(row['good'] for row in rows)} passed, {sum(not row['good'] for row in rows)} failed", flush=True)
    sys.exit(1 if failed else 0)


main()
