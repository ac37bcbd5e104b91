"""Says which links of a built site lead nowhere, by `python docs/links.py site`.

The status is 1 if one does. Every link and picture of every page is looked up among the site's own
files, with the place on the page that it names. What leads to other sites is not asked for.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Outline(NamedTuple):
    """What matters of a page."""

    links: list[str]
    anchors: set[str]


class Reader(HTMLParser):
    """Collects a page's links and the places that links can name."""

    def __init__(self) -> None:
        super().__init__()
        self.outline = Outline([], set())

    def handle_starttag(self, _: str, attributes: list[tuple[str, str | None]]) -> None:
        """Notes one element."""
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.outline.links.append(value)
            elif name == "id" and value:
                self.outline.anchors.add(value)


def read(page: Path) -> Outline:
    """Reads a page."""
    reader = Reader()
    reader.feed(page.read_text())
    return reader.outline


def broken(site: Path) -> list[str]:
    """What leads nowhere, each with its page."""
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    return [
        f"{path.relative_to(site.resolve())}: {link}"
        for path, outline in pages.items()
        # The page of errors is shown anywhere, so that its links are those of a host's root.
        if path.name != "404.html"
        for link in dict.fromkeys(outline.links)
        if leads_nowhere(path, link, pages)
    ]


def leads_nowhere(page: Path, link: str, pages: dict[Path, Outline]) -> bool:
    """Says whether the site lacks what a link of a page names."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    if target in pages:
        # Material's own script makes `__` anchors.
        anchor = unquote(parts.fragment)
        return bool(anchor) and not anchor.startswith("__") and anchor not in pages[target].anchors
    return not target.is_file()


def main() -> int:
    """Checks the site that is named; returns the exit status."""
    (folder,) = sys.argv[1:]
    site = Path(folder)
    if not (site / "index.html").is_file():
        raise SystemExit(f"{site}: expected a built site with index.html")
    found = broken(site)
    print("\n".join(found) or f"{site}: every link leads somewhere")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
