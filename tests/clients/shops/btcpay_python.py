"""PyPI btcpay-python, BTCPay's own client of old: dicts in, dicts out, every call signed."""
from btcpay import BTCPayClient
from btcpay.crypto import generate_privkey

from shop import JOB, live, step

CLIENT = None


def pair():
    """As its documentation does: one call makes the key, pairs it and gives the client."""
    global CLIENT
    if JOB["adopt"]:
        CLIENT = BTCPayClient(host=JOB["base"], pem=generate_privkey(), tokens={"merchant": JOB["token"]})
    else:
        CLIENT = BTCPayClient.create_client(host=JOB["base"], code=JOB["code"])
    return dict(CLIENT.tokens)


def create(order):
    payload = {"price": order["price"], "currency": order["currency"], **order["texts"], "buyer": order["buyer"]}
    return CLIENT.create_invoice(payload), {}


if JOB["adopt"]:
    pair()
if JOB["adopt"] or step("", "pair", pair):
    live({
        "create": create,
        "read": lambda id: CLIENT.get_invoice(id),
        "list": lambda: CLIENT.get_invoices(date_start=JOB["days"][0], date_end=JOB["days"][1]),
        "list-none": lambda: CLIENT.get_invoices(date_start=JOB["no_days"][0], date_end=JOB["no_days"][1]),
        "rates-late": lambda: CLIENT.get_rates(),
        "rate": lambda: {"code": "USD", "rate": CLIENT.get_rate("USD")},
        "refused": {
            "no-price": lambda made: CLIENT.create_invoice({"price": 0, "currency": "USD"}),
        },
    })
