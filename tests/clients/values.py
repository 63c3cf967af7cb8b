"""What the other members of an invoice that nobody has paid must say, where they are there: each must agree with the price,
the rate and the address that the same invoice tells."""
import re
from decimal import ROUND_UP, Decimal

SATOSHI = Decimal(100_000_000)
ADDRESS = re.compile(r"bcrt1[a-z0-9]{20,}")  # the sandbox's network


def wrong(held, order, words):
    """Names of the members whose value is not what it must be."""
    rate = rate_of(held)
    due = rate and int((Decimal(str(order["price"])) / rate * SATOSHI).to_integral_value(ROUND_UP))
    total = (held.get("paymentTotals") or {}).get("BTC")
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
            "paymentTotals": {"BTC": due + fee(held)},
            "paymentDisplaySubTotals": {"BTC": Amount(due)},
            "paymentDisplayTotals": {"BTC": Amount(total)},
            "btcPrice": Amount(due),
            "btcDue": Amount(due + fee(held)),
            "buyerTotalBtcAmount": Amount(due + fee(held)),
        })
    found = [f"{name} is {held[name]}" for name, value in wanted.items() if name in held and not value == held[name]]
    switched = (held.get("supportedTransactionCurrencies") or {"BTC": {"enabled": True}}).items()
    if [code.upper() for code, one in switched if one.get("enabled")] != ["BTC"]:
        found.append(f"supportedTransactionCurrencies is {dict(switched)}")
    return found + methods(held, total)


# An invoice that nobody has paid, at a store that takes bitcoin.
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


def methods(held, total):
    """Payment addresses and links: one address everywhere, and the amount that is due."""
    links = [*(held.get("paymentUrls") or {}).values(), *((held.get("paymentCodes") or {}).get("BTC") or {}).values()]
    told = {held.get("bitcoinAddress"), (held.get("addresses") or {}).get("BTC")} - {None}
    told |= {link.removeprefix("bitcoin:").split("?")[0] for link in links}
    found = [] if len(told) < 2 else ["addresses that differ"]
    found += [f"address {address}" for address in told if not ADDRESS.fullmatch(address)]
    if total is not None:
        found += [f"payment link {link}" for link in links if not Amount(total) == link.partition("?amount=")[2]]
    return found


def flat(buyer):
    """The buyer under the names of v1."""
    names = {"name": "Name", "address1": "Address1", "address2": "Address2", "locality": "City", "region": "State",
             "postalCode": "Zip", "country": "Country", "phone": "Phone", "email": "Email"}
    return {f"buyer{names[name]}": text for name, text in buyer.items()}
