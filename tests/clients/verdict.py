"""Judges the steps of a crossing, and compares what came of each with expected.csv."""
import csv
import json
import re
import tomllib

import crossing as crossings
import judge

ERRORS = tomllib.loads((crossings.HERE / "../../contract/errors.toml").read_text())
REFUSALS = {name: errors for name, errors in json.loads((crossings.HERE / "refusals.json").read_text()).items() if name != "comment"}
# ok: right in every member. refused: by payferry, and the library's own error says so in BitPay's words.
# -: the library has no such call.
VERDICTS = ("ok", "refused", "-")
INVOICES = ("create", "read", "guid", "bare", "paid", "confirmed", "pos-create", "pos-read")
AUDIENCES = {"bare": "public", "pos-create": "pos", "pos-read": "public"}


def expected_table():
    """{(library, way): {step: verdict}}, and the names of all steps in their order."""
    with (crossings.HERE / "expected.csv").open() as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter="|") if row]
    names = rows[0][2:]
    table = {}
    for library, way, *cells in rows[1:]:
        if len(cells) != len(names) or not set(cells) <= set(VERDICTS):
            raise ValueError(f"expected.csv: {library}, {way} does not fit the heading")
        table[library, way] = dict(zip(names, cells))
    return table, names


def judged(crossing, steps, orders, sandbox):
    """Adds `wrong` to each step: what is wrong in it, by name; and `refused` where it was refused as due."""
    by_name = {order["name"]: order for order in orders}
    made = {(step["step"], step["order"]): step for step in steps if step["step"].endswith("create") and step["ok"]}
    dollars = dollars_of(made.values())
    usual = "v1" if crossing.facts.get("v1") else "merchant"

    def invoice(held, create, step):
        audience = AUDIENCES.get(step["step"], usual)
        return judge.invoice(held or {}, by_name[create["order"]], create, sandbox, audience, step)

    for step in steps:
        name, held, check = step["step"], step.get("value"), lambda one, create: invoice(one, create, step)
        if name in REFUSALS:
            step["wrong"] = not_refused(step, crossing.facts["error"])
            step["refused"] = not step["wrong"]
        elif not step["ok"]:
            step["wrong"] = [step["error"]]
        elif name in INVOICES:
            create = made["pos-create" if name.startswith("pos") else "create", step["order"]]
            step["wrong"] = invoice(held, create, step)
            if name in judge.STATUSES:
                step["wrong"] += judge.moved(create["value"], held or {})
            elif name not in ("create", "pos-create"):
                step["wrong"] += judge.changed(create["value"], held or {})
        elif name == "told":
            step["wrong"] = told(crossing, step, steps, by_name[step["order"]], made["create", step["order"]])
        else:
            step["wrong"] = {
                "list": lambda: judge.listed(held, [one for (kind, _), one in made.items() if kind == "create"], check),
                "list-none": lambda: [] if held == [] else [f"{len(held or [])} invoices of days that had none"],
                "rates": lambda: judge.rates(held, dollars),
                "rates-late": lambda: judge.rates(held, dollars),
                "rate": lambda: judge.rate(held, names="name" in (held or {})),
                "currencies": lambda: judge.currencies(held),
                "wallets": lambda: judge.wallets(held),
                "tokens": lambda: judge.tokens(held),
                "resend": lambda: [] if held in (True, "Success") else [f"answered {held}"],
            }.get(name, lambda: [])()


def told(crossing, step, steps, order, create):
    """What is wrong with the notifications that a shop got of the invoice that was paid."""
    by_name = {one["step"]: one for one in steps if one["order"] == step["order"]}
    resent, read = by_name.get("resend", {}).get("ok", False), by_name["confirmed"]["value"]
    return judge.told(step["value"], read, resent, order, judge.sent(order, create), crossing.hears)


def dollars_of(made):
    """What a bitcoin costs in dollars, as an invoice's own exchange rates tell."""
    for step in made:
        found = ((step["value"] or {}).get("exchangeRates") or {}).get("BTC") or {}
        if isinstance(found.get("USD"), (int, float)):
            return found["USD"]
    return None


def not_refused(step, error_names):
    """Why a step is not a refusal that arrived as the library's own error with BitPay's words."""
    if step["ok"]:
        return [f"taken for a success: {json.dumps(step.get('value'))[:200]}"]
    wrong = [] if re.fullmatch(error_names or "", step["kind"]) else [f"not the library's own error, but {step['kind']}"]
    words = [ERRORS[name]["text"] for name in REFUSALS[step["step"]]]
    if not any(text in step["error"] or json.dumps(text)[1:-1] in step["error"] for text in words):
        wrong.append(f"not in BitPay's words: {step['error'][:300]}")
    return wrong


def outcome(steps, name, orders):
    """(ok, refused, wrong or absent; reasons) of all steps of one name."""
    found = [step for step in steps if step["step"] == name]
    if not found:
        return "absent", []
    wanted = orders if name in ("create", "read", "guid", "bare") else len(found)
    reasons = [f"{step['order']} {reason}".strip() for step in found for reason in step["wrong"]]
    if len(found) < wanted:
        reasons.append(f"only {len(found)} of {wanted} were tried")
    if reasons:
        return "wrong", reasons
    return ("refused" if name in REFUSALS else "ok"), []


def compare(row, expected, names):
    """Adds `cells` to a row: for each step what was expected, what came, and why it is not as expected."""
    row["cells"] = {}
    for name in names:
        came, reasons = outcome(row["steps"], name, row["orders"])
        wanted = expected[name]
        as_expected = came == ("absent" if wanted == "-" else wanted)
        if not as_expected and not reasons:
            reasons = [f"{came}, but expected.csv says {wanted}"]
        row["cells"][name] = {"expected": wanted, "came": came, "as_expected": as_expected, "reasons": reasons}
    unknown = {step["step"] for step in row["steps"]} - set(names) - {"end"}
    ends = [step["error"] for step in row["steps"] if step["step"] == "end"]
    row["failed"] = [f"{name}: {reason}" for name, cell in row["cells"].items() if not cell["as_expected"] for reason in cell["reasons"]]
    row["failed"] += [f"a step that expected.csv does not know: {name}" for name in sorted(unknown)]
    row["failed"] += ends
    row["good"] = not row["failed"]
