"""Reads types from a package's TypeScript declarations: only as much of the language as the tested packages hold; anything else
is an error."""
import functools
import re

TOKEN = re.compile(r"\s*('[^']*'|[A-Za-z_]\w*|[{}()\[\]<>:;,|?])")
INTERFACE = re.compile(r"(?:export )?(?:interface|declare class) (\w+)[^{]*\{")


@functools.cache
def declared(folder, interface):
    """The type of an interface, out of all the .d.ts files below a folder."""
    interfaces = {}
    for file in sorted(folder.rglob("*.d.ts")):
        text = file.read_text()
        for found in INTERFACE.finditer(text):
            interfaces.setdefault(found.group(1), text[found.end() - 1:])
    return Reader(interfaces).interface(interface)


class Reader:
    """A type is ("object", {name: (optional, type)}), ("record", type), ("array", type), ("either", types),
    ("tuple", types), ("literal", value) or ("plain", name)."""

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
        elif self.take("["):
            inner = []
            while not self.take("]"):
                inner.append(self.kind())
                self.take(",")
            found = ("tuple", inner)
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
        if name in ("string", "number", "bigint", "boolean", "any", "unknown", "null", "false", "Date"):
            return ("plain", name)
        return self.interface(name)
