"""The documents say what the code says: messages, versions, formats, links and the site's frame."""

import ast
import dataclasses
import importlib
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

import minegan_jax
from minegan_jax import config, main
from minegan_jax.experiment import comparison_config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGES = sorted(DOCS.glob("*.md"))
SAID_BY_THE_SYSTEM = ("No space left on device",)


def literals(packages=("minegan_jax", "weights_conversion")):
    """All text that stands in the code, of one expression together, with dots for what varies."""
    for package in packages:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (getattr(part, "value", "…") for part in node.values)
                    yield "".join(part if isinstance(part, str) else "…" for part in parts)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def messages():
    """The messages that the page on trouble explains."""
    rows = re.findall(r"^\| (.+?) \|", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    return [message for row in rows for message in re.findall(r"^`(.+)`$", row)]


@pytest.fixture(scope="module")
def said():
    return set(literals())


@pytest.mark.parametrize("message", messages())
def test_a_message_that_is_explained_exists(message, said):
    pattern = re.compile(".*".join(map(re.escape, message.split("…"))), re.DOTALL)
    system = any(message in words for words in SAID_BY_THE_SYSTEM)
    assert system or any(pattern.search(text) for text in said)


def test_one_version_everywhere():
    version = minegan_jax.__version__
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "minegan_jax.version.__version__"
    }
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    changes = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert changes[0] == version
    assert len(changes) == len(set(changes))


def test_every_extra_that_is_named_exists():
    extras = PYPROJECT["project"]["optional-dependencies"]
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run", *PAGES]
    named = re.findall(r'"\.\[([a-z,-]+)\]"', "\n".join(text.read_text() for text in texts))
    assert named
    assert {extra for names in named for extra in names.split(",")} <= set(extras)
    assert {"cuda12", "cuda13", "tpu", "docs", "dev"} <= set(extras)


def test_every_format_is_a_command():
    modules = [path.stem for path in (ROOT / "weights_conversion").glob("*.py")]
    with_flags = {
        name for name in modules
        if hasattr(importlib.import_module(f"weights_conversion.{name}"), "FLAGS")
    }  # fmt: skip
    assert set(main.FORMATS) == with_flags


@pytest.mark.parametrize("name", [*main.MODES, *main.FORMATS])
def test_the_reference_names_every_command(name):
    assert f"`{name}`" in (DOCS / "commands.md").read_text() + (DOCS / "weights.md").read_text()


def test_the_reference_names_every_flag():
    text = (DOCS / "commands.md").read_text()
    for flags in main.MODES.values():
        assert not [name for name in flags if f"`--{name}" not in text]


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_bytes()) < 10_000


@pytest.fixture(scope="module")
def script():
    """Loads a script of the documents."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load


def test_links_that_lead_nowhere_are_found(script, tmp_path):
    links = script("links")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(b"")
    good = (
        '<a href="sub/#here"></a><img src="a.png"><a href="https://x.org"></a><a href="#i" id="i">'
    )
    (tmp_path / "index.html").write_text(good)
    (tmp_path / "sub" / "index.html").write_text('<p id="here"><a href="..">x</a>')
    assert links.broken(tmp_path) == []
    bad = '<a href="gone/"></a><a href="#gone"></a><a href="../#i"></a><a href="../#j"></a>'
    (tmp_path / "sub" / "index.html").write_text(f'<p id="here">{bad}')
    found = [line.partition(": ")[2] for line in links.broken(tmp_path)]
    assert found == ["gone/", "#gone", "../#j"]


def test_every_link_in_the_repository_leads_somewhere():
    """Those of the documents between each other and to the code; the built site's too, in CI."""
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
    for text in texts:
        for link in re.findall(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)", text.read_text()):
            assert (text.parent / link).exists(), (text.name, link)


def test_every_page_has_its_place_on_the_site():
    frame = (ROOT / "mkdocs.yml").read_text()
    assert not [page.name for page in PAGES if page.name not in frame]


def named_fields(text):
    """Paths of a config that a text names: as flags, or by a section in backticks."""
    flags = re.findall(r"--config\.([a-z][\w.]*[a-z0-9])(?:=|\b)", text, re.IGNORECASE)
    sections = "|".join({path.partition(".")[0] for path in config.FIELDS if "." in path})
    files = "(?!html|json|md|png|record)"  # `report.html` is none
    return {*flags, *re.findall(rf"`((?:{sections})\.{files}\w+)", text)}


def is_field(path):
    """Says whether a run's config, or a comparison's, has it."""
    for start in (r"fields\.", r"methods\.\w+\.", r"settings\.\w+\."):
        path = re.sub(rf"^{start}", "", path)
    of_comparisons = {field.name for field in dataclasses.fields(comparison_config.Comparison)}
    return path in config.FIELDS or path in of_comparisons or path.isupper()


@pytest.mark.parametrize(
    "file",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES, *sorted((ROOT / "configs").glob("*.py"))],
    ids=lambda file: file.name,
)
def test_every_field_that_is_named_exists(file):
    assert [path for path in sorted(named_fields(file.read_text())) if not is_field(path)] == []


def test_a_field_that_does_not_exist_is_seen():
    text = "`--config.methods.VAE.kl_weight=0.5`, `game.speed`, `--config.run.seed=1`"
    assert not is_field("VAE.kl_weight")
    assert {path for path in named_fields(text) if not is_field(path)} == {
        "methods.VAE.kl_weight",
        "game.speed",
    }
