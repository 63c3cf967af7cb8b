"""What the other members of an invoice must say, before and after it is paid in full, where they are there: each must agree with
the price, the rate and the address that the same invoice tells."""
import datetime
import re
from decimal import ROUND_UP, Decimal

SATOSHI = Decimal(100_000_000)
ADDRESS = re.compile(r"bcrt1[a-z0-9]{20,}")  # the sandbox's network


def wrong(held, order, words, paid=False):
    """Names of the members whose value is not what it must be."""
    rate = rate_of(held)
    due = rate and int((Decimal(str(order["price"])) / rate * SATOSHI).to_integral_value(ROUND_UP))
    total = rate and due + fee(held)
    buyer = words["buyer"]
    wanted = {
        **ALWAYS,
        "buyerProvidedEmail": buyer.get("email"),
        "universalCodes": {"paymentString": held.get("url")},
        "buyerFields": {name: text for name, text in flat(buyer).items()},
    }
    if rate:
        wanted.update({
            "exchangeRates": {"BTC": {order["currency"]: float(rate)}},
            "exRates": {"BTC": 1, order["currency"]: float(rate)},
            "rate": float(rate),
            "paymentSubtotals": {"BTC": due},
            "paymentTotals": {"BTC": total},
            "paymentDisplaySubTotals": {"BTC": Amount(due)},
            "paymentDisplayTotals": {"BTC": Amount(total)},
            "btcPrice": Amount(due),
            "btcDue": Amount(0 if paid else total),
            "buyerTotalBtcAmount": Amount(total),
        })
    if paid:
        wanted.update(PAID, transactions=[Transaction(total, wanted.get("exRates"), held)], **amounts_paid(total))
    found = [f"{name} is {held[name]}" for name, value in wanted.items() if name in held and not value == held[name]]
    switched = (held.get("supportedTransactionCurrencies") or {"BTC": {"enabled": True}}).items()
    if [code.upper() for code, one in switched if one.get("enabled")] != ["BTC"]:
        found.append(f"supportedTransactionCurrencies is {dict(switched)}")
    if paid and "amountPaid" in held and "transactionCurrency" not in held:
        found.append("transactionCurrency is missing")
    return found + methods(held, total, paid)


# An invoice at a store that takes bitcoin, as long as nobody has paid it.
ALWAYS = {
    "exceptionStatus": False,
    "lowFeeDetected": False,
    "refundAddressRequestPending": False,
    "jsonPayProRequired": False,
    "isCancelled": False,
    "bitpayIdRequired": False,
    "amountPaid": 0,
    "displayAmountPaid": "0",
    "btcPaid": "0.000000",
    "buyerPaidBtcMinerFee": "0.000000",
    "targetConfirmations": 6,
    "transactions": [],
    "refundAddresses": [],
    "merchantName": "demo",
    "flags": {"refundable": False},
}


# What is otherwise when a buyer has paid it in full.
PAID = {"transactionCurrency": "BTC", "nonPayProPaymentReceived": True}


def amounts_paid(total):
    """The amounts of an invoice that is paid in full, if its answer tells how much that is."""
    return {name: Amount(total) for name in ("displayAmountPaid", "btcPaid")} | {"amountPaid": total} if total else {}


def rate_of(held):
    """What one bitcoin costs in the invoice's currency, as the invoice tells."""
    rates = (held.get("exchangeRates") or {}).get("BTC") or {}
    rate = rates.get(held.get("currency"), held.get("rate"))
    return Decimal(str(rate)) if isinstance(rate, (int, float)) and rate > 0 else None


def fee(held):
    """The network fee that the buyer pays, in satoshi."""
    told = ((held.get("minerFees") or {}).get("BTC") or {}).get("totalFee", 0)
    return told if type(told) is int else 0


class Amount:
    """Equals a text that tells so many satoshi in bitcoin; BitPay wrote now more, now fewer zeros at the end."""

    def __init__(self, satoshi):
        self.satoshi = satoshi

    def __eq__(self, text):
        plain = isinstance(text, str) and re.fullmatch(r"[0-9]+(\.[0-9]{1,8})?", text)
        return bool(plain) and Decimal(text) * SATOSHI == self.satoshi


class Transaction:
    """Equals the one that paid an invoice with so many satoshi. BitPay wrote exRates and outputIndex from 2018 on."""

    MEMBERS = {"amount", "receivedTime", "txid"}

    def __init__(self, satoshi, rates, invoice):
        self.satoshi, self.rates = satoshi, rates
        self.life = range(invoice.get("invoiceTime") or 0, (invoice.get("currentTime") or 0) + 1)

    def __eq__(self, one):
        return (
            isinstance(one, dict) and self.MEMBERS <= set(one)
            and self.satoshi in (None, one["amount"])
            and time(one["receivedTime"]) in self.life
            and matches(one["txid"], "[0-9a-f]{64}")
            and one.get("exRates", self.rates) == self.rates
            and type(one.get("outputIndex", 0)) is int
        )


def time(text):
    """Milliseconds since 1970 of a time in UTC; PyPI bitpay 6 and 8 hold it as such, but write it with `000+0Z` at its end."""
    if not matches(text, r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(000\+0)?Z"):
        return None
    return round(datetime.datetime.fromisoformat(text[:23] + "+00:00").timestamp() * 1000)


def matches(value, pattern):
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def methods(held, total, paid):
    """Payment addresses and links: one address everywhere, and the amount that is due, or none when it is paid."""
    links = [*(held.get("paymentUrls") or {}).values(), *((held.get("paymentCodes") or {}).get("BTC") or {}).values()]
    told = {held.get("bitcoinAddress"), (held.get("addresses") or {}).get("BTC")} - {None}
    told |= {link.removeprefix("bitcoin:").split("?")[0] for link in links}
    found = [] if len(told) < 2 else ["addresses that differ"]
    found += [f"address {address}" for address in told if not ADDRESS.fullmatch(address)]
    asked = {link: link.partition("?amount=")[2] for link in links} if total is not None else {}
    found += [f"payment link {link}" for link, amount in asked.items() if not (amount == "" if paid else Amount(total) == amount)]
    return found


def flat(buyer):
    """The buyer under the names of v1."""
    names = {"name": "Name", "address1": "Address1", "address2": "Address2", "locality": "City", "region": "State",
             "postalCode": "Zip", "country": "Country", "phone": "Phone", "email": "Email"}
    return {f"buyer{names[name]}": text for name, text in buyer.items()}
