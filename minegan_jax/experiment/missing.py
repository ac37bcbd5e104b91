"""What a config needs that is not there yet: what it is, where it comes from, what brings it.

A config says all of this once, in its docstring: commands that make a source (`--out=SOURCE`, or
`--workdir=RUN` for `RUN/source`), a sentence on its images that begins with their path, and one
that names the config which shows the same with what the package brings. What is published, and
under which licence, the command's module says.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from minegan_jax import weights
from minegan_jax.config import PACKAGED, Config
from minegan_jax.errors import InputError
from minegan_jax.experiment import used_fields
from minegan_jax.files import as_path
from minegan_jax.run_folder import SOURCE
from minegan_jax.sources import packaged_sources

COMMAND = re.compile(r"^ *((?:minegan|python -m) .*)$", re.MULTILINE)
CONVERSION = re.compile(r"minegan convert (\w+)")
# What a command makes, and the source of one that trains.
MADE = re.compile(r" --(out|workdir)=(\S+)")
GIVEN = re.compile(r" --config\.sources=(\S+)")  # what stands for the sources of a recipe
SAME = re.compile(r"`(\w+)\.py(:\w+)?` shows the same")


def check(config: Config, written: Config, file: str) -> None:
    """Makes sure that the sources and images which a config's file names are there.

    Args:
      config: of the run.
      written: as the file has it: what a user named instead is checked where it is read.
      file: with the config.

    Raises:
      InputError: they are not, and the file's docstring says what brings them: a few lines.
    """
    text = docstring(file)
    lines = [
        *(line for name in _sources(config, written, text) for line in _of_source(name, text)),
        *(f"{path}: {_of_images(path, text)}" for path in _images(config, written)),
    ]
    instead = SAME.search(text)
    if lines and instead:
        name = instead[1] + (instead[2] or "")
        raise InputError(
            "\n  ".join(
                [
                    f"{_shown(file)} needs what is not here yet:",
                    *lines,
                    f"without it, this shows the same: minegan train --config={name} --workdir=RUN",
                ]
            )
        )


def docstring(file: str) -> str:
    """Returns the docstring of a config's file, commands on one line each."""
    found = ast.get_docstring(ast.parse(Path(file).read_text())) or ""
    return re.sub(r"(?: \\\n)? +(?=--)", " ", found)


def _shown(file: str) -> str:
    """Returns the name of a packaged config, or the file of another."""
    path = Path(file)
    return f"config {path.stem}" if path.parent == PACKAGED else file


def _sources(config: Config, written: Config, text: str) -> Iterator[str]:
    """Yields the sources that the file names and that are not there."""
    if config.sources != written.sources or "sources" not in used_fields.READ[config.method]:
        return
    stands_for = GIVEN.search(text)
    if not config.sources and stands_for:
        yield stands_for[1]
    known = packaged_sources()
    yield from (name for name in config.sources if name not in known and not as_path(name).is_dir())


def _of_source(name: str, text: str) -> list[str]:
    """Returns a line for each command that makes a source: what it takes, and the command."""
    found = []
    for command in COMMAND.findall(text):
        made = MADE.search(command)
        if made and (f"{made[2]}/{SOURCE}" if made[1] == "workdir" else made[2]) == name:
            what = _published(command)
            found.append(f"{name}: {what}{command}")
    return found or [f"{name}: expected a directory with a source"]


def _published(command: str) -> str:
    """Returns what a command converts and under which licence that is."""
    conversion = CONVERSION.search(command)
    if not conversion:
        return ""
    module = importlib.import_module(weights.converter(conversion[1]))
    what = (module.__doc__ or "").splitlines()[0].rstrip(".")
    licence = getattr(module, "LICENCE", "not stated with the weights")
    return f"{what} (licence: {licence}): "


def _images(config: Config, written: Config) -> Iterator[str]:
    """Yields the path of the images that the file names, if it is not there."""
    kind, _, path = config.target.images.partition(":")
    is_path = kind in ("folder", "npz", "zip") and path
    if is_path and config.target.images == written.target.images and not as_path(path).exists():
        yield path


def _of_images(path: str, text: str) -> str:
    """Returns what the docstring says of the images."""
    sentence = re.search(rf"`{re.escape(path)}`,? ([^`]*?)\.(?:\s|$)", text)
    said = " ".join(sentence[1].split()) if sentence else "expected images"
    return f"{said}; or --config.target.images=folder:PHOTOS"
