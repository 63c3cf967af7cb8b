"""PyPI bitpay 3.4, with the configuration file that its own setup script wrote, or a foreign key and token."""
import re

from bitpay.client import Client
from bitpay.models.bill.bill import Bill
from bitpay.models.invoice.buyer import Buyer
from bitpay.models.invoice.invoice import Invoice
from bitpay.utils.key_utils import generate_pem

from shop import JOB, foreign, live

CLIENT = Client(JOB["config"] or foreign(generate_pem()))
# Its parser looks for set_notification_u_r_l, which no model has: the answer's URL is lost in the library.
# closeURL is lost the same way, and autoRedirect it never sends.
LOST = ("notificationURL", "closeURL", "autoRedirect")
SPELT = {"redirectURL": "redirect_u_r_l", "notificationURL": "notification_url", "closeURL": "close_url"}


def wire(name):
    """get_redirect_u_r_l -> redirectURL"""
    camel = re.sub(r"_(\w)", lambda found: found.group(1).upper(), name.removeprefix("get_"))
    return camel.replace("Url", "URL")


def held(model):
    """What the getters of a model give, under the wire's names; what is still at the model's empty default is left out."""
    if isinstance(model, (list, tuple)):
        return [held(one) for one in model]
    if isinstance(model, dict):
        return {name: held(one) for name, one in model.items()}
    if not type(model).__module__.startswith("bitpay."):
        return model
    getters = [name for name in dir(model) if name.startswith("get_")]
    values = {wire(name): getattr(model, name)() for name in getters}
    return {name: held(value) for name, value in values.items() if value not in (None, "")}


def told(model):
    """What the library's model has a getter for, and what of it the answer did not fill, as [member, what]."""
    found, names = held(model), [wire(name) for name in dir(model) if name.startswith("get_")]
    return {"promised": names, "types": [[name, "absent"] for name in names if name not in found]}


def fill(model, members):
    """Calls the model's setter for each."""
    for name, value in members.items():
        getattr(model, "set_" + SPELT.get(name, re.sub("([A-Z])", lambda found: "_" + found.group(1).lower(), name)))(value)


def create(order):
    invoice = Invoice(order["price"], order["currency"])
    fill(invoice, {**order["texts"], **order.get("settings", {})})
    buyer = Buyer()
    fill(buyer, order["buyer"])
    invoice.set_buyer(buyer)
    made = CLIENT.create_invoice(invoice)
    texts, settings = ({name: value for name, value in order.get(kind, {}).items() if name not in LOST} for kind in ("texts", "settings"))
    return held(made), {"sent": {"texts": texts, "buyer": order["buyer"]}, "settings": settings, **told(made)}


def read(model):
    return held(model), told(model)


live({
    "create": create,
    "read": lambda id: read(CLIENT.get_invoice(id)),
    "list": lambda: held(CLIENT.get_invoices(*JOB["days"])),
    "list-none": lambda: held(CLIENT.get_invoices(*JOB["no_days"])),
    "rates": lambda: CLIENT.get_rates().to_json()["rates"],
    "rates-late": lambda: CLIENT.get_currency_rates("BTC").to_json()["rates"],  # with the signature of the call before
    "rate": lambda: CLIENT.get_currency_pair_rate("BTC", "USD").to_json(),
    "currencies": lambda: held(CLIENT.get_currencies()),
    "wallets": lambda: held(CLIENT.get_supported_wallets()),
    "resend": lambda made: CLIENT.request_invoice_notifications(made["id"]),
    "refused": {
        "unknown": lambda made: CLIENT.get_invoice(JOB["unknown"]),
        "refund": lambda made: CLIENT.create_refund(made["id"], 1.0, "USD"),
        "cancel": lambda made: CLIENT.cancel_invoice(made["id"]),
        "bill": lambda made: CLIENT.create_bill(Bill("7", "USD", "ada@example.com", items=[])),
        "ledger": lambda made: CLIENT.get_ledgers(),
        # elsewhere the library refuses it by itself
        **({"pay": lambda made: CLIENT.pay_invoice(made["id"])} if JOB["environment"] == "Test" else {}),
    },
})
