"""PyPI bitpay: asks for a code as its own setup script does (POST /tokens with id and facade), then all by its client."""
import json
import subprocess
import sys

import requests
from bitpay.client import Client
from bitpay.models.invoice.buyer import Buyer
from bitpay.models.invoice.invoice import Invoice
from bitpay.utils.key_utils import generate_pem, get_sin_from_pem
from bitpay.utils.token_container import TokenContainer

JOB = json.loads(sys.argv[1])
RESULT = {"steps": {}}


def step(name, work):
    try:
        value = work()
        RESULT["steps"][name] = {"ok": True, "value": plain(value)}
        return value
    except Exception as error:  # the library's own errors are what is shown
        RESULT["steps"][name] = {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(RESULT))
        sys.exit(0)


def plain(value):
    """By the library's own names on the wire; what it does not know is left out."""
    if isinstance(value, Invoice):
        return json.loads(value.model_dump_json(by_alias=True, exclude_none=True))
    return value


def pair():
    answer = requests.post(
        JOB["base"] + "/tokens",
        headers={"x-accept-version": "2.0.0", "content-type": "application/json"},
        data=json.dumps({"id": get_sin_from_pem(PEM), "facade": "merchant"}),
        timeout=10,
    ).json()["data"][0]
    approve = [answer["pairingCode"] if part == "CODE" else part for part in JOB["approve"]]
    subprocess.run(approve, check=True, capture_output=True)
    return answer["token"]


PEM = generate_pem()
token = step("pair", pair)
tokens = TokenContainer()
tokens.add_merchant(token)
client = Client.create_client(PEM, tokens)
invoice = Invoice(price=12.5, currency="EUR")
invoice.order_id = "2026-01-02T03:04:05Z"
invoice.pos_data = '{"b": 1.50, "a": "2026-01-02T03:04:05Z"}'
invoice.item_desc = "Café ☕ 2026-01-02T03:04:05Z"
invoice.redirect_url = "https://shop.example/thanks?a=1&b=2"
buyer = Buyer()
buyer.name, buyer.email, buyer.locality, buyer.country = "Zoë Ünal", "zoe@example.com", "Zürich", "CH"
invoice.buyer = buyer
made = step("create", lambda: client.create_invoice(invoice))
step("read", lambda: client.get_invoice(made.id))
print(json.dumps(RESULT))
