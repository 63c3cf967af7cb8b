"""PyPI bitpay 2.6: dicts in, dicts out; the caller puts the token in."""
from bitpay.client import Client
from bitpay.key_utils import generate_pem

from shop import JOB, live, step

CLIENT = Client(api_uri=JOB["base"], pem=generate_pem())


def pair():
    """The merchant enters a code that the operator made."""
    return CLIENT.pair_pos_client(JOB["code"])


def create(order):
    params = {"price": order["price"], "currency": order["currency"], **order["texts"], "buyer": order["buyer"]}
    return CLIENT.create_invoice({**params, "token": TOKENS["merchant"]}), {}


TOKENS = {"merchant": JOB["token"]} if JOB["adopt"] else step("", "pair", pair)
if TOKENS:
    CLIENT.tokens = TOKENS
    live({
        "create": create,
        "read": lambda id: CLIENT.get_invoice(id, TOKENS["merchant"]),
        "bare": lambda id: CLIENT.get_invoice(id),
        "tokens": lambda: [{"merchant": TOKENS["merchant"]}] if CLIENT.verify_tokens() else [],
        "rates": lambda: CLIENT.unsigned_request("/rates").json()["data"],
        "rates-late": lambda: CLIENT.unsigned_request("/rates/BTC").json()["data"],
        "rate": lambda: CLIENT.unsigned_request("/rates/BTC/USD").json()["data"],
        "currencies": lambda: CLIENT.unsigned_request("/currencies").json()["data"],
        "refused": {
            "unknown": lambda made: CLIENT.get_invoice(JOB["unknown"], TOKENS["merchant"]),
            "no-price": lambda made: CLIENT.create_invoice({"price": 0, "currency": "USD", "token": TOKENS["merchant"]}),
            **({} if JOB["adopt"] else {"code-again": lambda made: Client(api_uri=JOB["base"]).pair_pos_client(JOB["code"])}),
        },
    })
