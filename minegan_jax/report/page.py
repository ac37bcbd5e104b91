"""The elements of a page that loads nothing: its frame, tables, pictures and players of pictures.

Look and behaviour are `page.css` and `page.js`, which become parts of the page.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from minegan_jax.report.embedded import Picture

HERE = Path(__file__).parent
# Nothing is fetched, whatever a name or a remark holds.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """Returns a whole page.

    Args:
      title: as plain text.
      subtitle: as plain text.
      sections: HTML by heading, in order; empty ones are left out.
    """
    shown = {heading: body for heading, body in sections.items() if body}
    links = [element("a", escape(heading), href=f"#{anchor(heading)}") for heading in shown]
    bodies = (
        element("section", element("h2", escape(heading)), body, id=anchor(heading))
        for heading, body in shown.items()
    )
    style, script = ((HERE / f"page.{kind}").read_text() for kind in ("css", "js"))
    head = (
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        element("title", escape(title)),
        element("style", style),
    )
    body = (
        element("a", "Skip to the report", href="#main", class_="skip"),
        element("header", element("h1", escape(title)), element("p", escape(subtitle))),
        element("nav", *links, aria_label="Parts of this page"),
        element("main", *bodies, id="main"),
        element("script", script),
    )
    parts = element("head", *head) + element("body", *body)
    return f"<!doctype html>\n{element('html', parts, lang='en')}\n"


def element(name: str, *content: str, **attributes: str | int) -> str:
    """Returns an element around HTML; attributes are plain text, `class_` and `aria_label` too."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{given}>{''.join(content)}</{name}>"


def anchor(heading: str) -> str:
    """Returns a heading's name in links."""
    return re.sub(r"\W+", "-", heading.lower()).strip("-")


def paragraph(text: str, kind: str = "note") -> str:
    """Returns a paragraph of plain text."""
    return element("p", escape(text), class_=kind)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Returns a table of plain text; the first cell of a row is its head.

    A narrow screen scrolls it sideways, by keyboard too.
    """
    head = element("tr", *(element("th", escape(cell), scope="col") for cell in titles))
    body = (
        element(
            "tr",
            element("th", escape(first), scope="row"),
            *(element("td", escape(cell)) for cell in rest),
        )
        for first, *rest in rows
    )
    whole = element("table", element("thead", head), element("tbody", *body), aria_label=caption)
    # The title stands still where the table is scrolled.
    title = paragraph(caption, "note title")
    return title + element(
        "div", whole, class_="wide", tabindex=0, role="region", aria_label=caption
    )


def figure(picture: Picture, caption: str, said: str = "") -> str:
    """Returns a picture above its caption; `said` is read out in its place."""
    image = (
        f'<img src="{picture.uri}" width="{picture.width}" height="{picture.height}"'
        f' alt="{escape(said or caption)}">'
    )
    return element("figure", image, element("figcaption", escape(caption)))


def player(
    pictures: Mapping[str, Picture], *, label: str, period: int, there_and_back: bool = False
) -> str:
    """Returns pictures behind a slider; without scripts they stand side by side.

    Args:
      pictures: by caption, at least one.
      label: what the slider moves through.
      period: milliseconds of a picture when it plays.
      there_and_back: whether it plays by itself, back and forth, where motion is welcome.
    """
    frames = element("div", *(figure(picture, name) for name, picture in pictures.items()),
                     class_="frames", tabindex=0, role="region", aria_label=label)  # fmt: skip
    last = len(pictures) - 1
    slider = (
        f'<input type="range" min="0" max="{last}" value="{0 if there_and_back else last}"'
        f' aria-label="{escape(label)}">'
    )
    button = element("button", "Play", type="button")
    controls = element("div", button, slider, class_="controls")
    style = "both" if there_and_back else "once"
    return element("div", frames, controls, class_="player", data_period=period, data_style=style)


def details(summary: str, text: str) -> str:
    """Returns plain text that is folded away."""
    return element(
        "details", element("summary", escape(summary)), element("pre", escape(text), tabindex=0)
    )
