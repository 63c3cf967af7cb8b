"""What a library's own types promise of invoices, rates, currencies and wallets, and where an answer breaks the promise.

TypeScript declarations are read (typescript.py); Python's models are asked by the shops' scripts; for libraries without
types promises.json has a list from their source.
"""
import functools
import json
import pathlib
import re

import crossing
import judge
import typescript

WRITTEN = json.loads((crossing.HERE / "promises.json").read_text())
CANNOT = json.loads((crossing.HERE / "cannot.json").read_text())["members"]
JUDGED = {
    "create": "invoice", "read": "invoice", "guid": "invoice", "list": "invoice", "paid": "invoice", "confirmed": "invoice",
    "rates": "rate", "rates-late": "rate", "rate": "rate", "currencies": "currency", "wallets": "wallet",
}


def kept(rows, modules):
    """{library: {answers, kept, broken: [member, what, count], excused: [member, entry]}} over all answers to merchants."""
    found = {}
    for library in dict.fromkeys(row["library"] for row in rows):
        kinds = declared(str(modules), library)
        steps = [step for row in rows if row["library"] == library for step in row["steps"]
                 if step["step"] in JUDGED and step["ok"] and not step["wrong"]]
        made = {step["value"]["id"] for step in steps if step["step"] == "create"}
        answers = [(step["step"] in judge.STATUSES, held) for step in steps for held in types(step, kinds, made)]
        counts = {}
        for paid, held in answers:
            for place in {(member, what, paid) for member, what in held if member.split(".")[0] not in judge.CORE}:
                counts[place] = counts.get(place, 0) + 1
        excuses = {place: [at for at, entry in enumerate(CANNOT) if excused(entry, library, *place)] for place in counts}
        named = {name for step in steps for name in promised(step, kinds)}
        bad = {name for name in named for member, *_ in counts if (member + ".").startswith(name + ".")}
        found[library] = {
            "answers": len(answers),
            "kept": len(named - bad),
            "broken": [(member, what + " once paid" * paid, count) for (member, what, paid), count in sorted(counts.items())
                       if not excuses[member, what, paid]],
            "excused": sorted({(member, at) for (member, *_), entries in excuses.items() for at in entries}),
        }
    return found


def types(step, kinds, made):
    """For each thing that a step gave: what breaks the promise, as [member, what]; `rate.` and so on before what is no
    invoice's. Of a list only what the library `made`: other shops of the store sent other words."""
    name = JUDGED[step["step"]]
    if "types" in step:  # asked in the shop, where the library's models are
        yield [(spoken_of(name, member), what) for member, what in step["types"]]
    elif name in kinds:
        for held in step["value"] if isinstance(step["value"], list) else [step["value"]]:
            if step["step"] == "list" and held["id"] not in made:
                continue
            yield [(spoken_of(name, member), what) for member, what in broken(kinds[name], held)]


def promised(step, kinds):
    """The members that the library's type has for what a step gave."""
    name = JUDGED[step["step"]]
    members = step["promised"] if "promised" in step else kinds[name][1] if name in kinds else ()
    return [spoken_of(name, member) for member in members]


def spoken_of(name, member):
    return member if name == "invoice" else f"{name}.{member}"


def excused(entry, library, member, what, paid):
    """Whether cannot.json says why this member is absent, or of another type, in an answer of a `paid` invoice or of another."""
    if paid and entry.get("unpaid"):
        return False
    libraries = entry.get("libraries")
    return re.fullmatch(entry["member"], member) and re.search(entry.get("what", "^(absent|missing)$"), what) and (
        not libraries or library in libraries)


def stale(found):
    """Entries of cannot.json that no answer needs any more."""
    used = {at for one in found.values() for _, at in one["excused"]}
    return [f"nothing needs {entry['member']} ({entry['reason']})" for at, entry in enumerate(CANNOT) if at not in used]


@functools.cache
def declared(modules, library):
    """{invoice, rate, currency, wallet: type}, as far as the library names them: from the package's .d.ts files, or from the
    lists in promises.json; nothing where a script asks the library's models."""
    told = crossing.LIBRARIES[library].get("types")
    if told is None:
        written = {name: members for name, members in WRITTEN.get(library, {}).items() if name != "source"}
        return {name: ("object", {one: (False, spelt(kind)) for one, kind in members.items()}) for name, members in written.items()}
    folder = pathlib.Path(modules, crossing.LIBRARIES[library]["module"], told["folder"])
    return {name: typescript.declared(folder, interface) for name, interface in told.items() if name != "folder"}


def spelt(kind):
    """`string or number` -> a type."""
    names = kind.split(" or ")
    return ("plain", kind) if len(names) == 1 else ("either", [("plain", name) for name in names])


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
