"""A comparison as one page, `table.html`, that holds its pictures and leads to its runs' pages."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from minegan_jax.files import write_atomically
from minegan_jax.report import embedded, html, table
from minegan_jax.report.page import details, element, figure, page, paragraph
from minegan_jax.report.page import table as to_table

Record = Mapping[str, Any]

HTML_NAME = "table.html"
SPREAD = "Means over the seeds, and standard deviations."


def write(workdir: Path, measured: Record) -> None:
    """Writes the page of a comparison's folder, whose pictures lie there already."""
    write_atomically(workdir / HTML_NAME, to_html(workdir.name, measured, workdir).encode())


def to_html(title: str, measured: Record, folder: Path) -> str:
    """Returns the page.

    Args:
      title: of the comparison.
      measured: what `table.json` holds.
      folder: where its pictures lie; what is not there is left out.
    """
    rows = measured["rows"]
    sections = {
        "Figures": _figures(measured),
        "Samples": _pictures(folder, "figure", "samples, and the nearest training image of each"),
        "Over the number of images": _pictures(folder, "curves", "distances"),
        "What each method was given": to_table(table.GIVEN, table.given_rows(rows), "All runs"),
        "Runs": _runs(rows),
        "Recipe": details("versions", json.dumps(measured["versions"], indent=2))
        + paragraph(f"Measured on: {measured['device']}."),
    }
    methods = ", ".join(dict.fromkeys(row["title"] for row in rows))
    return page(title, f"{methods}: measured alike", sections)


def _figures(measured: Record) -> str:
    """A table for each number of training images, and what to know before it is read."""
    rows, parts = measured["rows"], []
    for size in dict.fromkeys(row["max_images"] for row in rows):
        mine = [row for row in rows if row["max_images"] == size]
        titles, cells = table.of_one_size(mine, measured["milliseconds"], measured["metrics"])
        unbroken = ([cell.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}") for cell in row]
                    for row in cells)  # fmt: skip
        parts.append(to_table(titles, unbroken, f"{size} training images"))
    remarks = dict.fromkeys(remark for row in rows for remark in row["remarks"])
    careful = (paragraph(f"Careful: {remark}.", "careful") for remark in remarks)
    views = (paragraph(view) for view in table.views(rows))
    return "".join([*careful, *views, *parts, paragraph(SPREAD)])


def _pictures(folder: Path, kind: str, said: str) -> str:
    """The pictures of a kind, one for each setting."""
    shown = [
        figure(picture, path.stem.removeprefix(kind).strip("_") or said, said)
        for path in sorted(folder.glob(f"{kind}*.png"))
        if (picture := embedded.whole(path))
    ]
    given = {"class_": "wide sheets", "tabindex": "0", "role": "region", "aria_label": said}
    return element("div", *shown, **given) if shown else ""


def _runs(rows: Sequence[Record]) -> str:
    """Links to every run's own page."""
    links = (
        element("li", element("a", escape(folder), href=f"{folder}/{html.HTML_NAME}"))
        for folder in dict.fromkeys(row["folder"] for row in rows)
    )
    return element("ul", *links)
