"""What makes the documents a site: pages for the package's modules, and for files that are linked.

`mkdocs.yml` calls these. In the repository a link leads to a file, as `../minegan_jax/main.py`; on
the site it leads to that module's place in the reference, or to a page that shows the file. The
front page is the README.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGES = ("minegan_jax", "weights_conversion")
SKIPPED = {"configs", "assets", "__pycache__", "__main__"}
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
SHOWN = {".py": "python", ".json": "json", ".toml": "toml", ".ipynb": "json"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the modules' pages below what the configuration lists."""
    config.nav.append({"Python": [{room: api_page(room)} for room in rooms()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the front page, the modules' pages, and those of linked files."""
    made = {"index.md": (ROOT / "README.md").read_text()}
    made |= {api_page(room): reference(room, modules) for room, modules in rooms().items()}
    paths = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    texts = [(path, path.read_text()) for path in paths]
    while texts:
        for target in linked(*texts.pop()):
            page = place(target)[0]
            if page.startswith("source/") and page not in made:
                made[page] = shown(target)
                texts += [(ROOT / origin_of(page), made[page])] if lists_links(target) else []
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Leads a page's links to where their files are on the site."""
    here = page.file.src_uri
    origin = ROOT / origin_of(here)

    def relinked(link: re.Match) -> str:
        target = resolved(origin, link[1])
        if not target:
            return link[0]
        uri, anchor = place(target)
        anchor = link[2] or (f"#{anchor}" if anchor else "")
        return f"]({posixpath.relpath(uri, posixpath.dirname(here))}{anchor})"

    return LINK.sub(relinked, markdown)


def rooms() -> dict[str, list[str]]:
    """The packages and the modules of each that a page shows, by their names in Python."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            if SKIPPED.isdisjoint(parts):
                package_name = ".".join(parts[:-1])
                name = package_name if parts[-1] == "__init__" else ".".join(parts)
                found.setdefault(package_name, []).append(name)
    return {room: sorted(modules) for room, modules in found.items()}


def api_page(room: str) -> str:
    """The page of a package."""
    return f"api/{room}.md"


def reference(room: str, modules: list[str]) -> str:
    """The text of a package's page."""
    return "\n\n".join([f"# {room}", *(f"::: {module}" for module in modules)])


def origin_of(page: str) -> str:
    """The file in the repository that a page is made of."""
    if page == "index.md":
        return "README.md"
    if page.startswith("source/"):
        return page.removeprefix("source/")
    return f"docs/{page}"


def resolved(origin: Path, link: str) -> str:
    """What a link of a file leads to, from the repository's root; nothing if no file is there."""
    if ":" in link:
        return ""
    target = posixpath.normpath((origin.parent / link).as_posix())
    inside = os.path.exists(target) and target.startswith(f"{ROOT.as_posix()}/")
    return posixpath.relpath(target, ROOT.as_posix()) if inside else ""


def linked(origin: Path, text: str) -> list[str]:
    """The files that a text links to, which lies, or would lie, at `origin`."""
    return list(filter(None, (resolved(origin, link[1]) for link in LINK.finditer(text))))


def lists_links(target: str) -> bool:
    """Says whether what shows a file has links, not code."""
    return target.endswith(".md") or (ROOT / target).is_dir()


def place(target: str) -> tuple[str, str]:
    """The page on which a file of the repository is shown, and its anchor there."""
    path = Path(target)
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    for room, modules in rooms().items():
        if path.suffix == ".py" and module in modules:
            return api_page(room), module
        if path.suffix == "" and module == room:
            return api_page(room), ""
    if target == "README.md":
        return "index.md", ""
    if path.parts[0] == "docs" and (ROOT / target).is_file():
        return target.removeprefix("docs/"), ""
    return (f"source/{target}" if path.suffix == ".md" else f"source/{target}.md"), ""


def shown(target: str) -> str:
    """The text of a page that shows a file, or says what a folder holds."""
    path = ROOT / target
    if path.is_dir():
        names = sorted(each.name for each in path.iterdir() if each.suffix in SHOWN)
        links = (f"- [{name}]({path.name}/{name})" for name in names)
        return f"# {target}\n\n" + "\n".join(links)
    if path.suffix == ".md":
        return path.read_text()
    return f"# {target}\n\n````{SHOWN.get(path.suffix, 'text')}\n{path.read_text()}\n````"
