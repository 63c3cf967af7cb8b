"""What PyPI bitpay's own models refuse of notifications: bodies on standard input, one a line; refused members on standard
output, one a line as `member: kind`."""
import json
import sys

from bitpay.models.invoice.invoice_webhook import InvoiceWebhook
from pydantic import ValidationError

for line in sys.stdin:
    body = json.loads(line)
    try:
        model = InvoiceWebhook(**body.get("data", body))
        if model.id is None or model.status is None:
            print("id, status: not understood")
    except ValidationError as refused:
        for error in refused.errors():
            print(f"{error['loc'][0]}: {error['type']}")
