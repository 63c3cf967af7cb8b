"""PyPI bitpay, with the configuration file that its own setup script wrote."""
import json
import sys

from bitpay.client import Client
from bitpay.logger.logger_provider import LoggerProvider
from bitpay.models.invoice.buyer import Buyer
from bitpay.models.invoice.invoice import Invoice
from pydantic import ValidationError

JOB = json.loads(sys.argv[1])
STEPS = []


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


def step(order, name, work):
    try:
        invoice = work()
    except Exception as error:  # what the library threw is what is shown
        STEPS.append({"order": order, "step": name, "ok": False, "error": f"{type(error).__name__}: {error}"[:500]})
        return None
    value = json.loads(invoice.model_dump_json(by_alias=True, exclude_unset=True))
    STEPS.append({"order": order, "step": name, "ok": True, "value": value, "types": types(invoice)})
    return invoice


def types(invoice):
    """Members of the library's model that the answer lacked, or had in another type; as [member, what]."""
    fields = Invoice.model_fields
    found = [[fields[name].alias or name, "absent"] for name in fields if name not in invoice.model_fields_set]
    try:
        Invoice.model_validate_json(json.dumps(LOGGER.answer["data"]), strict=True)
    except ValidationError as wrong:
        found += [[".".join(map(str, error["loc"])), error["msg"]] for error in wrong.errors()]
    return found


def create(client, order):
    invoice = Invoice(price=order["price"], currency=order["currency"], buyer=Buyer(**order["buyer"]), **order["texts"])
    made = step(order["name"], "create", lambda: client.create_invoice(invoice))
    STEPS[-1]["guid"] = invoice.guid  # the library put its guid into the object it was given
    return made


CLIENT = Client.create_client_by_config_file_path(JOB["config"])
for one in JOB["orders"]:
    made_invoice = create(CLIENT, one)
    if made_invoice is not None:
        step(one["name"], "read", lambda: CLIENT.get_invoice(made_invoice.id))
print(json.dumps({"steps": STEPS}))
