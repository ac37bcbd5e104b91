"""Writes the tables of the documents from the results' JSON, and from the config's fields.

    python docs/tables.py [--check]

A table stands between `<!-- table NAME -->` and `<!-- end -->`, where NAME is that of a comparison
in `docs/results/`, or `<!-- given NAME -->` for what each of its methods was given. `NAME size=100`
shows one number of training images alone, `NAME setting=TEXT` one target. `<!-- fields NAME -->`
is for the fields of a config's section, `run` for example, or `config` for those of none,
`<!-- weights NAME -->` for runs that were drawn by two kinds of weights, `<!-- nearest NAME -->`
for searches of nearest images. With --check nothing is written: the status is 1 where a document
is not what its results say.
"""

import json
import re
import sys
from pathlib import Path

from minegan_jax import config
from minegan_jax.report import table

DOCS = Path(__file__).parent
PLACE = re.compile(
    r"(<!-- (table|given|fields|weights|nearest) (\w+)(?: (size|setting)=(.+?))? -->\n)"
    r".*?(<!-- end -->)",
    re.DOTALL,
)
FIELDS = {"size": "max_images", "setting": "setting"}


def texts() -> list[Path]:
    """The documents."""
    return [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


def made(name: str, what: str, field: str | None, value: str | None) -> str:
    """The Markdown of one table."""
    if what == "fields":
        return fields_of(name)
    if what == "nearest":
        return of_searches(json.loads((DOCS / "results" / f"{name}.json").read_text()))
    if what == "weights":
        return of_weights(json.loads((DOCS / "results" / f"{name}.json").read_text()))
    found = json.loads((DOCS / "results" / f"{name}.json").read_text())
    rows = [row for row in found["rows"] if not field or str(row[FIELDS[field]]) == value]
    if what == "given":
        lines = table.given_to_markdown(rows)
    else:
        lines = table.to_markdown(rows, found["milliseconds"], found["metrics"])
    return "".join(f"{line}\n" for line in lines.splitlines() if line.startswith("|") or not field)


def fields_of(section: str) -> str:
    """The fields of a config's section: default, which values they may have, and meaning."""
    lines = ["| field | default | values | meaning |", "| --- | --- | --- | --- |"]
    for path, field in config.FIELDS.items():
        if path.rpartition(".")[0] == ("" if section == "config" else section):
            default = f"`{field.default}`" if field.default not in ((), None) else ""
            kind = str(field.kind).removeprefix("<class '").removesuffix("'>")
            values = field.metadata["allowed"] or kind.replace("|", "or")
            lines.append(f"| `{path}` | {default} | {values} | {field.metadata['meaning']} |")
    return "\n".join(lines) + "\n"


def of_weights(rows: dict) -> str:
    """Runs drawn by two kinds of weights: means and deviations over seeds, by run and phase."""
    found: dict = {}
    for row, measured in rows.items():
        run = row.partition(", seed")[0]
        for which, figures in measured.items():
            if isinstance(figures, dict):
                phase, _, kind = which.partition(", ")
                for figure, value in figures.items():
                    column = found.setdefault((run, phase), {}).setdefault((figure, kind), [])
                    column.append(value)
    titles = {"frechet_distance": "Fréchet distance ↓", "recognised": "recognised ↑"}
    columns = list(next(iter(found.values())))
    columns.sort(key=lambda column: list(titles).index(column[0]))
    heads = [f"{titles[figure]}, {kind}" for figure, kind in columns]
    lines = [
        [f"`{run}`", phase, *(table.mean_and_spread(values[column]) for column in columns)]
        for (run, phase), values in found.items()
    ]
    return table.markdown(["config", "phase", *heads], lines) + "\n"


def of_searches(rows: dict) -> str:
    """How near sources come to digits: means and deviations over seeds, the nearest first."""
    heads = ["source", "target", "share of the way", "distance", "of own samples"]
    heads += ["of another kind", "Fréchet distance, mined"]
    columns = ("share", "target", "own_samples", "another_kind")
    lines = []
    for name, row in sorted(rows.items(), key=lambda item: sum(item[1]["share"])):
        mined = row["mined_frechet_distance"]
        figures = [table.mean_and_spread(row[column]) for column in columns]
        lines.append([*name.split(", "), *figures, "-" if mined is None else f"{mined:.3g}"])
    return table.markdown(heads, lines) + "\n"


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
            print(f"{path}: its tables are not up to date: run python docs/tables.py")
        else:
            path.write_text(filled(path.read_text()))
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
