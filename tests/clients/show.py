"""The tables at the end: library x way x step, and what the libraries' types promise beyond what must be right."""
import textwrap

STEPS = ("pair", "create", "read")


def failures(row):
    """One line for each thing that went wrong in a crossing."""
    place = f"{row['package']}, {row['way']}"
    for step in row["steps"]:
        what = f"{step['step']} {step['order']}".strip()
        if not step["ok"]:
            yield f"FAILED {place}: {what}: {step['error']}"
        elif step.get("wrong"):
            yield f"FAILED {place}: {what}: wrong {', '.join(step['wrong'])}"


def table(rows):
    """Each cell tells how many of the orders went right."""
    lines = [f"{'LIBRARY':<24}{'WAY':<30}{'PAIR':>6}{'CREATE':>8}{'READ':>6}"]
    for row in rows:
        cells = [cell(row, name) for name in STEPS]
        lines.append(f"{row['package']:<24}{row['way']:<30}{cells[0]:>6}{cells[1]:>8}{cells[2]:>6}")
    return lines


def cell(row, name):
    good, wanted = count(row, name)
    return f"{good}/{wanted}"


def complete(row):
    """Whether every step of every order was taken, and was right."""
    return all(good == wanted for good, wanted in (count(row, name) for name in STEPS))


def count(row, name):
    good = [step for step in row["steps"] if step["step"] == name and step["ok"] and not step.get("wrong")]
    return len(good), 1 if name == "pair" else row["orders"]


def promises(rows):
    """Counted and shown, not failed. `missing` and wrong types break a promise; `absent` ones were optional."""
    lines = ["", "Other members that the libraries' own types name, in all answers of a new invoice:"]
    lines.append(f"{'LIBRARY':<24}{'MEMBER':<44}{'WHAT':<40}{'ANSWERS':>8}")
    for package in dict.fromkeys(row["package"] for row in rows):
        answers = [step for row in rows if row["package"] == package for step in row["steps"] if "types" in step]
        counts = {}
        for step in answers:
            for member, what in {(member, what) for member, what in step["types"]}:
                counts[member, what] = counts.get((member, what), 0) + 1
        lines += promised_by(package, counts, len(answers))
    return lines


def promised_by(package, counts, answers):
    if answers == 0:
        return [f"{package:<24}(no types in the package, or no answer)"]
    broken = {key: count for key, count in counts.items() if key[1] != "absent"}
    lines = [
        f"{package:<24}{member:<44}{what:<40}{f'{count}/{answers}':>8}" for (member, what), count in sorted(broken.items())
    ]
    lines = lines or [f"{package:<24}(nothing wrong, nothing missing)"]
    absent = sorted(member for member, what in counts if what == "absent")
    if not absent:
        return lines
    text = f"{len(absent)} optional and absent in some: {', '.join(absent)}"
    return lines + textwrap.wrap(text, 120, initial_indent=" " * 24, subsequent_indent=" " * 26)
