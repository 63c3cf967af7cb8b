"""What the Python shops share: their job, the life that each of them leads, and the record of what the library held."""
import json
import os
import pathlib
import sys
import time

JOB = json.loads(sys.argv[1])
STEPS = []
MOVED_WITHIN = 20


def step(order, name, work):
    """Notes what `work` gave, or the error as the library threw it; gives None after an error.

    `work` may give (value, more), as `create` of `live` does.
    """
    noted = {"order": order, "step": name}
    value = None
    try:
        value = work()
        value, told = value if isinstance(value, tuple) else (value, {})
        noted.update(ok=True, value=value, **told)
    except Exception as error:  # what the library threw is what is shown
        noted.update(ok=False, error=f"{type(error).__name__}: {error}"[:2000], kind=type(error).__name__)
    STEPS.append({**noted, "at": time.time_ns() // 1_000_000})
    pathlib.Path(JOB["report"]).write_text(json.dumps({"steps": STEPS}))
    return value


def operator(asked):
    """Waits until the operator has done something, and gives what he says."""
    print(f"@{asked}", flush=True)
    return sys.stdin.readline().strip()


def stranger(what, work):
    """A call with a credential that payferry has never met; then the operator adopts it."""
    operator("before")
    step(what, "stranger", work)
    said = operator("adopt")

    def adopted():
        if said != "done":
            raise RuntimeError(said)

    step(what, "adopt", adopted)


def live(shop):
    """`shop` has a function for every step of a life that its library offers; see README.md.

    create(order) gives the invoice or (invoice, more): `guid` in more is what the library sent, if it sent one; `sent`
    is {texts, buyer} where it cannot send or hold all of the order; `settings` are those that its invoice has; `promised`
    are the members of its own model, `types` what the answer broke of them.
    """
    def call(*names):
        for name in names:
            if name in shop:
                step("", name, shop[name])

    call("rates")
    if JOB["adopt"]:
        stranger("merchant", lambda: shop["create"](JOB["orders"][0]))
    call("tokens")
    made = buy(JOB["orders"], "create", "read", shop["create"], shop["read"])
    call("list", "list-none", "rates-late", "rate", "currencies", "wallets")
    if "pos" in shop:
        create, read = shop["pos"]
        one = JOB["orders"][:1]
        if JOB["adopt"]:
            stranger("pos", lambda: create(one[0]))
        buy(one, "pos-create", "pos-read", create, read)
    for order, guid, invoice in made:
        if "guid" in shop:
            step(order, "guid", lambda: shop["guid"](guid))
        if "bare" in shop:
            step(order, "bare", lambda: shop["bare"](invoice["id"]))
    for order, _, invoice in [one for one in made if one[0] == JOB["bought"]]:
        step(order, "paid", lambda: moved("pay", shop["read"], invoice["id"], "new"))
        step(order, "confirmed", lambda: moved("confirm", shop["read"], invoice["id"], "paid"))
        if "resend" in shop:
            step(order, "resend", lambda: shop["resend"](invoice))
    for name, work in shop["refused"].items() if made else []:
        step("", name, lambda: work(made[0][2]))
    os._exit(0)  # nothing that a library left running may keep the shop up


def moved(what, read, id, before):
    """Lets the buyer pay, or a block be found, and reads until the invoice is no more as it was."""
    said, until = operator(f"{what} {id}"), time.monotonic() + MOVED_WITHIN
    if said != "done":
        raise RuntimeError(said)
    while True:
        told = read(id)
        invoice = told[0] if isinstance(told, tuple) else told
        if invoice["status"] != before or time.monotonic() > until:
            return told
        time.sleep(0.1)


def buy(orders, create_step, read_step, create, read):
    made = []
    for order in orders:
        invoice = step(order["name"], create_step, lambda: create(order))
        if invoice and invoice.get("id"):
            made.append((order["name"], STEPS[-1].get("guid"), invoice))
            step(order["name"], read_step, lambda: read(invoice["id"]))
    return made


def foreign(pem):
    """A configuration file of a shop that was paired by somebody else, with the key `pem`."""
    pathlib.Path("key.pem").write_text(pem)
    one = {"PrivateKeyPath": "key.pem", "PrivateKey": None, "ApiTokens": {"merchant": JOB["token"]}, "proxy": None}
    config = {"BitPayConfiguration": {"Environment": JOB["environment"], "EnvConfig": {JOB["environment"]: one}}}
    pathlib.Path("adopted.json").write_text(json.dumps(config))
    return "adopted.json"
