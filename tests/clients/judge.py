"""What must be right in every invoice that a library holds, and what must not be in the log. Gives the names of what is wrong."""
import json
import re
import time

BASE58 = "[1-9A-HJ-NP-Za-km-z]"
CLOCKS_APART = 60_000
LIFE = 15 * 60_000
SECRET = ("token", "pairingCode", "merchant", "pos")
# A later read must say the same.
STABLE = ("id", "url", "token", "guid", "price", "currency", "status", "invoiceTime", "expirationTime")
CORE = {*STABLE, "currentTime", "buyer", "orderId", "itemDesc", "itemCode", "posData", "redirectURL", "notificationURL"}


def wrong(invoice, order, guid, sandbox):
    """`guid` is what the library sent, None where it sent none: then BitPay's answer has none either."""
    checks = {
        "id": matches(invoice.get("id"), BASE58 + "{20,24}"),
        "url": invoice.get("url") == f"{sandbox}/invoice?id={invoice.get('id')}",
        "status": invoice.get("status") == "new",
        "price": same(invoice.get("price"), order["price"]),
        "currency": invoice.get("currency") == order["currency"],
        "token": matches(invoice.get("token"), BASE58 + "{20,64}"),
        "guid": invoice.get("guid") == guid,
    }
    checks.update(times(invoice))
    for name, text in order["texts"].items():
        checks[name] = invoice.get(name) == text
    held = invoice.get("buyer")
    for name, text in order["buyer"].items():
        checks[f"buyer.{name}"] = isinstance(held, dict) and held.get(name) == text
    return [name for name, good in checks.items() if not good]


def times(invoice):
    """Milliseconds since 1970; BitPay gave a buyer a quarter of an hour."""
    names = ("invoiceTime", "expirationTime", "currentTime")
    if not all(type(invoice.get(name)) is int for name in names):
        return {name: type(invoice.get(name)) is int for name in names}
    made, ends, now = (invoice[name] for name in names)
    clock = time.time() * 1000
    return {
        "invoiceTime": abs(clock - made) < CLOCKS_APART,
        "expirationTime": ends - made == LIFE,
        "currentTime": abs(clock - now) < CLOCKS_APART and now >= made,
    }


def changed(made, read, order):
    """Members that differ between the create's answer and the read's."""
    names = [*STABLE, *order["texts"], "buyer"]
    found = [name for name in names if made.get(name) != read.get(name)]
    later = read.get("currentTime", 0) >= made.get("currentTime", 0)
    return found if later else [*found, "currentTime"]


def leaked(log, steps, orders):
    """Names of the secrets and of the buyers' and shops' texts that stand in payferry's log."""
    secrets = {}
    for order in orders:
        members = {**order["texts"], **{f"buyer.{name}": text for name, text in order["buyer"].items()}}
        secrets.update({(order["name"], name): text for name, text in members.items() if len(text) > 7})
    for step in steps:
        place = (step["step"], step["order"])
        values = [step["value"]] if isinstance(step.get("value"), dict) else step.get("value") or []
        for value in values:
            secrets.update({(*place, name): text for name, text in value.items() if name in SECRET and isinstance(text, str)})
    return sorted({" ".join(name) for name, text in secrets.items() if text in log or json.dumps(text)[1:-1] in log})


def matches(value, pattern):
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def same(number, sent):
    return isinstance(number, (int, float)) and not isinstance(number, bool) and number == sent
