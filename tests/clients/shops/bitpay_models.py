"""PyPI bitpay 6 to 8, with the configuration file that its own setup script wrote, or a foreign key and token."""
import inspect
import json

from bitpay.client import Client
from bitpay.environment import Environment
from bitpay.logger.logger_provider import LoggerProvider
from bitpay.models.bill.bill import Bill
from bitpay.models.facade import Facade
from bitpay.models.invoice.buyer import Buyer
from bitpay.models.invoice.invoice import Invoice
from bitpay.utils.key_utils import generate_pem
from pydantic import TypeAdapter, ValidationError

from shop import JOB, foreign, live


class LastAnswer:
    """The library's own hook for logging; keeps the answer as it was before the models read it."""

    answer = None

    def log_request(self, method, endpoint, json_data):
        pass

    def log_response(self, method, endpoint, json_data):
        self.answer = json_data

    def log_error(self, message):
        pass


LOGGER = LastAnswer()
LoggerProvider.set_logger(LOGGER)
CLIENT = Client.create_client_by_config_file_path(JOB["config"] or foreign(generate_pem()))
MADE = set()
POS = Client.create_pos_client(JOB["pos_token"], Environment[JOB["environment"].upper()])


def held(model):
    """What a model holds, under the wire's names; members that the answer lacked are left out."""
    return json.loads(json.dumps(model.model_dump(by_alias=True, exclude_unset=True), default=number))


def number(value):
    """Its models hold satoshi as Decimal."""
    return int(value) if value == value.to_integral_value() else float(value)


def told(*models):
    """The members of the library's model, and those that an answer lacked or had in another type, as [member, what]."""
    kind = type(models[0])
    fields = kind.model_fields
    names = {name: fields[name].alias or name for name in fields if not name.isupper()}  # Currency's codes are no members
    found = [[names[name], "absent"] for name in names for model in models if name not in model.model_fields_set]
    answer = LOGGER.answer["data"]
    try:
        TypeAdapter(list[kind]).validate_json(json.dumps(answer if isinstance(answer, list) else [answer]), strict=True)
    except ValidationError as wrong:
        found += [[".".join(map(str, error["loc"][1:])), error["msg"]] for error in wrong.errors()]
    return {"promised": list(names.values()), "types": found}


def read(model):
    return held(model), told(model)


def table(models):
    return [held(one) for one in models], told(*models)


def listed(models):
    """Other shops of the store are in the list, too; what they sent is theirs."""
    return [held(one) for one in models], told(*(one for one in models if one.id in MADE))


def create(client, order, *as_pos):
    settings = order.get("settings", {})
    invoice = Invoice(price=order["price"], currency=order["currency"], buyer=Buyer(**order["buyer"]), **order["texts"], **settings)
    made = client.create_invoice(invoice, *as_pos)
    MADE.add(made.id)
    # the library put its guid into the object it was given
    return held(made), {"guid": invoice.guid, "settings": settings, **told(made)}


def resend(made):
    """8 asks with the invoice's own token, which the shop hands it, 6 with the merchant's."""
    if "invoice_token" in inspect.signature(CLIENT.request_invoice_notifications).parameters:
        return CLIENT.request_invoice_notifications(made["id"], made["token"])
    return CLIENT.request_invoice_notifications(made["id"])


live({
    "create": lambda order: create(CLIENT, order),
    "read": lambda id: read(CLIENT.get_invoice(id)),
    "guid": lambda guid: read(CLIENT.get_invoice_by_guid(guid)),
    "list": lambda: listed(CLIENT.get_invoices(*JOB["days"])),
    "list-none": lambda: [held(one) for one in CLIENT.get_invoices(*JOB["no_days"])],
    "rates": lambda: table(CLIENT.get_rates().rates),
    "rates-late": lambda: table(CLIENT.get_currency_rates("BTC").rates),  # with the signature of the call before
    "rate": lambda: read(CLIENT.get_currency_pair_rate("BTC", "USD")),
    "currencies": lambda: table(list(CLIENT.get_currencies().values())),
    "wallets": lambda: table(CLIENT.get_supported_wallets()),
    "pos": (lambda order: create(POS, order, Facade.POS, False), lambda id: held(POS.get_invoice(id, Facade.POS, False))),
    "resend": resend,
    "refused": {
        "unknown": lambda made: CLIENT.get_invoice(JOB["unknown"]),
        "refund": lambda made: CLIENT.create_refund(made["id"], 1.0),
        "cancel": lambda made: CLIENT.cancel_invoice(made["id"]),
        "bill": lambda made: CLIENT.create_bill(Bill(number="7", currency="USD", email="ada@example.com", items=[])),
        "ledger": lambda made: CLIENT.get_ledgers(),
        "pay": lambda made: CLIENT.pay_invoice(made["id"]),
    },
})
