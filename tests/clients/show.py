"""The tables at the end: library x way x step, and the members that the libraries' own types promise."""
import textwrap



def table(rows, names):
    """One line for each crossing: `ok`, `refused` (as due), `-` (the library has no such call), or WRONG."""
    widths = [max(len(name), 7) + 1 for name in names]
    heading = "".join(f"{name:>{width}}" for name, width in zip(names, widths))
    lines = [f"{'LIBRARY':<25}{'WAY':<23}{heading}"]
    for row in rows:
        cells = "".join(f"{sign(row['cells'][name]):>{width}}" for name, width in zip(names, widths))
        lines.append(f"{row['library']:<25}{row['way']:<23}{cells}")
    return lines


def sign(cell):
    return cell["expected"] if cell["as_expected"] else "WRONG"


def failures(row):
    """One line for each thing that is not as expected in a crossing."""
    return [f"FAILED {row['library']}, {row['way']}: {reason}" for reason in row["failed"]]


def promises(found):
    """For each library: how many promised members were checked, those that broke the promise, and those that cannot be there."""
    lines = ["", "Members of an invoice that the libraries' own types promise, beyond what the steps check by value:"]
    for library, one in found.items():
        counted = f"{one['answers']} answers, {one['kept']} members right in all of them"
        lines.append(f"{library:<25}{counted}, {len(one['excused'])} cannot be there")
        lines += [f"{'':<25}WRONG {member}: {what} ({count} answers)" for member, what, count in one["broken"]]
        if one["excused"]:
            text = ", ".join(sorted({member for member, _ in one["excused"]}))
            lines += textwrap.wrap(text, 120, initial_indent=" " * 27, subsequent_indent=" " * 27)
    return lines
