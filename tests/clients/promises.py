"""What a library's own types promise of an invoice, and where an answer breaks the promise.

TypeScript declarations are read here (only as much of the language as these packages hold; anything else is an error);
Python's models are asked by the shops' scripts; for libraries without types promises.json has a list from their source.
"""
import functools
import json
import pathlib
import re

import crossing
import judge

TOKEN = re.compile(r"\s*('[^']*'|[A-Za-z_]\w*|[{}()\[\]<>:;,|?])")
WRITTEN = json.loads((crossing.HERE / "promises.json").read_text())
CANNOT = json.loads((crossing.HERE / "cannot.json").read_text())["members"]
JUDGED = ("create", "read", "guid", "list")


def kept(rows, modules):
    """{library: {answers, kept, broken: [member, what, count], excused: [member, entry]}} over all answers to merchants."""
    found = {}
    for library in dict.fromkeys(row["library"] for row in rows):
        kind = declared(str(modules), library)
        answers = [list(types(step, kind)) for row in rows if row["library"] == library for step in row["steps"] if step["ok"]]
        answers = [one for held in answers for one in held]
        counts = {}
        for held in answers:
            for place in {(member, what) for member, what in held if member.split(".")[0] not in judge.CORE}:
                counts[place] = counts.get(place, 0) + 1
        excuses = {place: [at for at, entry in enumerate(CANNOT) if excused(entry, library, *place)] for place in counts}
        asked = (step["promised"] for row in rows if row["library"] == library for step in row["steps"] if "promised" in step)
        named = set(kind[1] if kind else next(asked, ())) if answers else set()
        bad = {member.split(".")[0] for member, _ in counts}
        found[library] = {
            "answers": len(answers),
            "kept": len(named - bad),
            "broken": [(*place, count) for place, count in sorted(counts.items()) if not excuses[place]],
            "excused": [(place[0], at) for place, entries in sorted(excuses.items()) for at in entries],
        }
    return found


def types(step, kind):
    """For each invoice of a step: what breaks the promise, as [member, what]."""
    if step["step"] not in JUDGED:
        return
    if "types" in step:  # asked in the shop, where the library's models are
        yield step["types"]
    elif kind:
        for held in step["value"] if isinstance(step["value"], list) else [step["value"]]:
            yield broken(kind, held)


def excused(entry, library, member, what):
    """Whether cannot.json says why this member is absent, or of another type."""
    libraries = entry.get("libraries")
    return re.fullmatch(entry["member"], member) and re.search(entry.get("what", "^(absent|missing)$"), what) and (
        not libraries or library in libraries)


def stale(found):
    """Entries of cannot.json that no answer needs any more."""
    used = {at for one in found.values() for _, at in one["excused"]}
    return [f"nothing needs {entry['member']} ({entry['reason']})" for at, entry in enumerate(CANNOT) if at not in used]


@functools.cache
def declared(modules, library):
    """The invoice's type: from the package's .d.ts files, or from the list in promises.json; None where a script asks."""
    told = crossing.LIBRARIES[library].get("types")
    if told is None:
        written = WRITTEN.get(library)
        return written and ("object", {name: (False, spelt(kind)) for name, kind in written["members"].items()})
    interfaces = {}
    for file in sorted(pathlib.Path(modules, crossing.LIBRARIES[library]["module"], told["folder"]).rglob("*.d.ts")):
        for found in re.finditer(r"(?:export )?(?:interface|declare class) (\w+)[^{]*\{", file.read_text()):
            interfaces.setdefault(found.group(1), file.read_text()[found.end() - 1:])
    return Reader(interfaces).interface(told["interface"])


def spelt(kind):
    """`string or number` -> a type."""
    names = kind.split(" or ")
    return ("plain", kind) if len(names) == 1 else ("either", [("plain", name) for name in names])


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


def broken(kind, value, name=""):
    """[member, what]: "missing" for a promised member, "absent" for an optional one, or the two types."""
    if kind[0] == "either":
        inside = [inner for inner in kind[1] if inner[0] == {dict: "object", list: "array"}.get(type(value))]
        return broken(inside[0], value, name) if inside else ([] if fits(kind, value) else unfit(kind, value, name))
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
    return [] if fits(kind, value) else unfit(kind, value, name)


def unfit(kind, value, name):
    return [[name, f"is {plain_name(value)}, promised {spoken(kind)}"]]


def fits(kind, value):
    if kind[0] == "either":
        return any(fits(inner, value) for inner in kind[1])
    if kind[0] == "literal":
        return value == kind[1]
    if kind in (("plain", "any"), ("plain", "unknown")):
        return True
    if kind[0] == "tuple":
        return isinstance(value, list) and len(value) == len(kind[1]) and all(map(fits, kind[1], value))
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
