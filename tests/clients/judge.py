"""What must be right in every answer that a library holds, and what must not be in the log. Gives the names of what is wrong."""
import json
import re

import values

BASE58 = "[1-9A-HJ-NP-Za-km-z]"
# One clock for all, and BTCPay's times are whole seconds; the slowest shop gives up after this.
ANSWER_WITHIN = 30_000
LIFE = 15 * 60_000
SECRET = ("token", "pairingCode", "merchant", "pos")
# A later read must say the same.
STABLE = ("id", "url", "token", "guid", "price", "currency", "status", "invoiceTime", "expirationTime")
CORE = {*STABLE, "currentTime", "buyer", "orderId", "itemDesc", "itemCode", "posData", "redirectURL", "notificationURL"}
# The flat answers of v1 give back no more of the shop's words than posData.
V1_WORDS = ("posData",)


def sent(order, create):
    """The order's texts and buyer as far as the library could send and hold them."""
    return create.get("sent") or {"texts": order["texts"], "buyer": order["buyer"]}


# What an answer hides from whom: `pos` has just made the invoice with a POS token, `public` reads with that or with
# nothing, `v1` is the flat answer to an API key.
MERCHANTS = ("notificationURL", "notificationEmail", "fullNotifications", "extendedNotifications")
OWNERS = ("token", "buyer", "buyerEmail", "buyerFields")
HIDDEN = {"merchant": (), "pos": MERCHANTS, "public": (*MERCHANTS, *OWNERS), "v1": (*MERCHANTS, "token", "buyer", "guid")}


# What an invoice may say of itself after each step that moves it; `complete` follows `confirmed` by itself.
STATUSES = {"paid": ("paid",), "confirmed": ("confirmed", "complete")}


def invoice(held, order, create, sandbox, audience, step):
    """What is wrong with an invoice that a library had in `step`. `create` is the step that made it: guid is what the library
    sent, absent where it sent none, and then BitPay's answer has none either."""
    words = sent(order, create)
    checks = {
        "id": matches(held.get("id"), BASE58 + "{20,24}"),
        "url": held.get("url") == f"{sandbox}/invoice?id={held.get('id')}",
        "status": held.get("status") in STATUSES.get(step["step"], ("new",)),
        "price": same(held.get("price"), order["price"]),
        "currency": held.get("currency") == order["currency"],
        **times(held, create, step["at"]),
    }
    texts = {name: text for name, text in words["texts"].items() if audience != "v1" or name in V1_WORDS}
    checks.update({name: held.get(name) == text for name, text in texts.items()})
    checks.update({name: held.get(name) == value for name, value in (create.get("settings") or {}).items()})
    checks["token"] = matches(held.get("token"), BASE58 + "{20,64}")
    checks["guid"] = held.get("guid") == create.get("guid")
    buyer = held.get("buyer")
    for name, text in words["buyer"].items():
        checks[f"buyer.{name}"] = isinstance(buyer, dict) and buyer.get(name) == text
    hidden = HIDDEN[audience]
    checks = {name: good for name, good in checks.items() if name.split(".")[0] not in hidden}
    checks.update({name: name not in held for name in hidden})
    return [name for name, good in checks.items() if not good] + values.wrong(held, order, words, step["step"] in STATUSES)


def times(held, create, at):
    """Milliseconds since 1970; BitPay gave a buyer a quarter of an hour. Where the shop asked for a time of its own, payferry
    has to name a moment to BTCPay before BTCPay has made the invoice, which may be a second later. `at` is when the library
    had the answer."""
    names = ("invoiceTime", "expirationTime", "currentTime")
    if not all(type(held.get(name)) is int for name in names):
        return {name: type(held.get(name)) is int for name in names}
    made, ends, now = (held[name] for name in names)
    asked = (create.get("settings") or {}).get("acceptanceWindow")
    return {
        "invoiceTime": 0 <= create["at"] - made < ANSWER_WITHIN,
        "expirationTime": ends - made == LIFE or bool(asked) and 0 < asked - (ends - made) <= 1000,
        "currentTime": 0 <= at - now < ANSWER_WITHIN and now >= made,
    }


def changed(made, read):
    """Members that differ between the create's answer and a later one; `public` answers lack some."""
    names = [name for name in (*STABLE, *CORE) if name in made and name in read and name not in ("currentTime", "status")]
    found = [f"{name} (changed)" for name in dict.fromkeys(names) if made[name] != read[name]]
    later = read.get("currentTime", 0) >= made.get("currentTime", 0)
    return found if later else [*found, "currentTime (earlier than at create)"]


def moved(made, read):
    """What is wrong with an answer of a paid invoice beside its create's: no member is lost when a buyer pays."""
    return changed(made, read) + [f"{name} (gone)" for name in made if name not in read]


def repeated(bodies, hears):
    """How many notifications came beside those that come by themselves: `hears`, and later `complete` where each step is told."""
    said = [body.get("status") for body in bodies]
    return len(said) - len(hears) - ("paid" in hears and "complete" in said)


def told(bodies, read, resent, order, words, hears):
    """What is wrong with all that a shop was told of an invoice: `hears` in this order, the last state once more if the shop has
    asked for it, and each body agrees with what the library `read`."""
    said = [body.get("status") for body in bodies]
    later = said[len(hears):]
    orderly = hears + [word for known in STATUSES["confirmed"] for word in later if word == known]
    found = [] if said == orderly and repeated(bodies, hears) == resent else [f"told {said}"]
    for body in bodies:
        wrong = [name for name in CORE - {"status", "currentTime"} if name in body and name in read and body[name] != read[name]]
        # since 2019 BitPay's notifications had an empty exchangeRates
        whole = {**read, **{name: value for name, value in body.items() if value != {}}}
        wrong += [reason for reason in values.wrong(whole, order, words, paid=True) if reason.split()[0] in body]
        found += [f"told {body.get('status')}: {reason}" for reason in wrong]
    return found


def listed(held, made, check):
    """What is wrong with a list that must hold each of `made`, a shop's create steps."""
    if not isinstance(held, list) or not all(isinstance(one, dict) for one in held):
        return ["not a list of invoices"]
    by_id = {one.get("id"): one for one in held}
    if len(by_id) != len(held):
        return ["an invoice is there twice"]
    found = []
    for step in made:
        one = by_id.get(step["value"]["id"])
        wrong = ["not in the list"] if one is None else check(one, step) + changed(step["value"], one)
        found += [f"{step['order']}: {name}" for name in wrong]
    return found


def rates(held, dollars):
    """A table of rates; `dollars` is what the sandbox charges for a bitcoin, if an invoice told."""
    if not isinstance(held, list) or not held:
        return ["no table of rates"]
    found = [f"[{at}].{name}" for at, one in enumerate(held) for name in rate(one)]
    codes = [one["code"] for one in held if not rate(one)]
    found += [f"{code} missing" for code in ("USD", "EUR") if code not in codes]
    found += [f"{code} twice" for code in set(codes) if codes.count(code) > 1]
    value = next((one["rate"] for one in held if not rate(one) and one["code"] == "USD"), None)
    if value and dollars and abs(value / dollars - 1) > 0.01:
        found.append(f"USD is {value}, invoices were made at {dollars}")
    return found


def rate(held, names=True):
    """One rate: code, name and rate, and nothing that BitPay never had."""
    one = held if isinstance(held, dict) else {}
    checks = {
        "code": matches(one.get("code"), "[A-Z]{3,5}"),
        "name": not names or (isinstance(one.get("name"), str) and one["name"] != ""),
        "rate": isinstance(one.get("rate"), (int, float)) and not isinstance(one.get("rate"), bool) and one.get("rate") > 0,
    }
    return [name for name, good in checks.items() if not good]


def currencies(held):
    """The table, or the one currency that the library picked out of it."""
    table = held if isinstance(held, list) else [held]
    codes = [one.get("code") for one in table if isinstance(one, dict)]
    wanted = ("USD", "EUR", "BTC") if isinstance(held, list) else ("USD",)
    found = [f"{code} missing" for code in wanted if code not in codes]
    for one in table:
        texts = [name for name in ("code", "name", "plural", "symbol") if not isinstance((one or {}).get(name), str)]
        numbers = [name for name in ("precision",) if type((one or {}).get(name)) is not int]
        found += [f"{(one or {}).get('code')}.{name}" for name in texts + numbers]
    return found


def wallets(held):
    """The list of wallets that a buyer may be shown."""
    if not isinstance(held, list) or not held:
        return ["no list of wallets"]
    bad = [one for one in held if not all(isinstance(one.get(name), str) for name in ("key", "displayName", "avatar"))]
    bad += [one for one in held if not isinstance(one.get("currencies"), list)]
    paying = [one for one in held if any(each.get("code") == "BTC" for each in one.get("currencies") or [])]
    return [f"wallet {one.get('key')}" for one in bad] + ([] if paying else ["none that pays in bitcoin"])


def tokens(held):
    """Facade -> token, as GET /tokens tells."""
    table = {name: token for one in (held if isinstance(held, list) else [held]) for name, token in (one or {}).items()}
    return [] if matches(table.get("merchant"), BASE58 + "{20,64}") else ["merchant"]


def leaked(log, crossings, orders):
    """Names of the secrets and of the buyers' and shops' texts that stand in payferry's log."""
    secrets = {}
    for order in orders:
        members = {**order["texts"], **{f"buyer.{name}": text for name, text in order["buyer"].items()}}
        secrets.update({(order["name"], name): text for name, text in members.items() if len(text) > 7})
    for steps, more in crossings:
        secrets.update({("credential", name): text for name, text in more.items()})
        for step in steps:
            for value in step["value"] if isinstance(step.get("value"), list) else [step.get("value")]:
                members = value.items() if isinstance(value, dict) else ()
                found = {name: text for name, text in members if name in SECRET and isinstance(text, str)}
                secrets.update({(step["step"], step["order"], name, text): text for name, text in found.items()})
    return sorted({" ".join(name[:3]) for name, text in secrets.items() if text in log or json.dumps(text)[1:-1] in log})


def matches(value, pattern):
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def same(number, sent_number):
    return isinstance(number, (int, float)) and not isinstance(number, bool) and number == sent_number
