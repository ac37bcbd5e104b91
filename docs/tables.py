"""Writes the tables of the documents from the results' JSON.

    python docs/tables.py [--check]

A table stands between `<!-- table NAME -->` and `<!-- end -->`, where NAME is that of a comparison
in `docs/results/`, or `<!-- given NAME -->` for what each of its methods was given. `NAME size=100`
shows one number of training images alone, `NAME setting=TEXT` one target. With --check nothing is
written: the status is 1 where a document is not what its results say.
"""

import json
import re
import sys
from pathlib import Path

from minegan_jax.report import table

DOCS = Path(__file__).parent
PLACE = re.compile(
    r"(<!-- (table|given) (\w+)(?: (size|setting)=(.+?))? -->\n).*?(<!-- end -->)", re.DOTALL
)
FIELDS = {"size": "max_images", "setting": "setting"}


def texts() -> list[Path]:
    """The documents."""
    return [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


def made(name: str, what: str, field: str | None, value: str | None) -> str:
    """The Markdown of one table."""
    found = json.loads((DOCS / "results" / f"{name}.json").read_text())
    rows = [row for row in found["rows"] if not field or str(row[FIELDS[field]]) == value]
    if what == "given":
        lines = table.given_to_markdown(rows)
    else:
        lines = table.to_markdown(rows, found["milliseconds"], found["figures"])
    return "".join(f"{line}\n" for line in lines.splitlines() if line.startswith("|") or not field)


def filled(text: str) -> str:
    """A document with its tables as the results say."""

    def fill(place: re.Match) -> str:
        start, what, name, field, value, end = place.groups()
        body = made(name, what, field, value)
        return f"{start}\n{body.replace('## ', '#### ').strip()}\n\n{end}"

    return PLACE.sub(fill, text)


def main() -> int:
    """Fills or checks all documents; returns the exit status."""
    stale = [path for path in texts() if filled(path.read_text()) != path.read_text()]
    for path in stale:
        if "--check" in sys.argv:
            print(f"{path}: its tables are not those of docs/results: run python docs/tables.py")
        else:
            path.write_text(filled(path.read_text()))
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
