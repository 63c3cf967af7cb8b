"""What a library's own TypeScript declarations promise of an invoice, and where an answer breaks the promise.

Reads only as much TypeScript as the two packages' declarations hold; anything else is an error.
"""
import functools
import pathlib
import re

TOKEN = re.compile(r"\s*('[^']*'|[A-Za-z_]\w*|[{}()\[\]<>:;,|?])")


@functools.cache
def declared(modules, package):
    """The invoice's type, from the package's .d.ts files; None for a package without types."""
    places = {"bitpay-sdk": ("dist/Model", "InvoiceInterface"), "btcpay": ("dist/models", "Invoice")}
    if package not in places:
        return None
    folder, name = places[package]
    interfaces = {}
    for file in sorted(pathlib.Path(modules, package, folder).rglob("*.d.ts")):
        for found in re.finditer(r"export (?:interface|declare class) (\w+)[^{]*\{", file.read_text()):
            interfaces.setdefault(found.group(1), file.read_text()[found.end() - 1:])
    return Reader(interfaces).interface(name)


class Reader:
    """A type is ("object", {name: (optional, type)}), ("record", type), ("array", type), ("either", types),
    ("literal", value) or ("plain", name)."""

    def __init__(self, interfaces):
        self.interfaces, self.text, self.at = interfaces, "", 0

    def interface(self, name):
        outer = (self.text, self.at)
        self.text, self.at = self.interfaces[name], 0
        found = self.braces()
        self.text, self.at = outer
        return found

    def take(self, *wanted):
        found = TOKEN.match(self.text, self.at)
        token = found.group(1) if found else ""
        if wanted and token not in wanted:
            return None
        self.at = found.end()
        return token

    def must(self, token):
        if not self.take(token):
            raise ValueError(f"expected {token} at: {self.text[self.at:self.at + 60]!r}")

    def braces(self):
        self.must("{")
        members = {}
        while not self.take("}"):
            self.comments()
            if self.take("["):
                self.take(), self.must(":"), self.must("string"), self.must("]"), self.must(":")
                found = ("record", self.kind())
                self.must(";"), self.must("}")
                return found
            name = self.take()
            if self.take("("):  # a method or constructor: nothing that an answer could hold
                self.at = self.text.index(";", self.at) + 1
            else:
                optional = self.take("?") is not None
                self.must(":")
                members[name] = (optional, self.kind())
                self.must(";")
            self.comments()
        return ("object", members)

    def comments(self):
        found = re.compile(r"(\s*(//[^\n]*|/\*.*?\*/))*", re.S).match(self.text, self.at)
        self.at = found.end()

    def kind(self):
        kinds = [self.one()]
        while self.take("|"):
            kinds.append(self.one())
        return kinds[0] if len(kinds) == 1 else ("either", kinds)

    def one(self):
        if re.compile(r"\s*\{").match(self.text, self.at):
            found = self.braces()
        else:
            found = self.named(self.take())
        while self.take("["):
            self.must("]")
            found = ("array", found)
        return found

    def named(self, name):
        if name == "Array":
            self.must("<")
            found = ("array", self.kind())
            self.must(">")
            return found
        if name == "Record":
            self.must("<"), self.must("string"), self.must(",")
            found = ("record", self.kind())
            self.must(">")
            return found
        if name[0] == "'":
            return ("literal", name[1:-1])
        if name in ("string", "number", "boolean", "any", "null", "false"):
            return ("plain", name)
        return self.interface(name)


def broken(kind, value, name=""):
    """[member, what]: "missing" for a promised member, "absent" for an optional one, or the two types."""
    if kind is None:
        return []
    if kind[0] == "object" and isinstance(value, dict):
        found = []
        for member, (optional, inner) in kind[1].items():
            path = f"{name}.{member}".lstrip(".")
            if member in value:
                found += broken(inner, value[member], path)
            else:
                found.append([path, "absent" if optional else "missing"])
        return found
    if kind[0] == "record" and isinstance(value, dict):
        return [one for member, inner in value.items() for one in broken(kind[1], inner, f"{name}.{member}")]
    if kind[0] == "array" and isinstance(value, list):
        return [one for inner in value for one in broken(kind[1], inner, f"{name}[]")]
    return [] if fits(kind, value) else [[name, f"is {plain_name(value)}, promised {spoken(kind)}"]]


def fits(kind, value):
    if kind[0] == "either":
        return any(fits(inner, value) for inner in kind[1])
    if kind[0] == "literal":
        return value == kind[1]
    if kind == ("plain", "any"):
        return True
    if kind == ("plain", "false"):
        return value is False
    return kind == ("plain", plain_name(value))


def plain_name(value):
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def spoken(kind):
    if kind[0] == "either":
        return " or ".join(spoken(inner) for inner in kind[1])
    return kind[1] if kind[0] in ("plain", "literal") else kind[0]
