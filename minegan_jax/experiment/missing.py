"""What a config needs that is not there yet: what it is, where it comes from, what brings it.

A config says all of this once, in its docstring: commands that make a source (`--out=SOURCE`, or
`--workdir=RUN` for `RUN/source`), a sentence on its images that begins with their path, and one
that names the config which shows the same with what the package brings. What is published, and
under which licence, the command's module says.
"""

import ast
import importlib
import re
from collections.abc import Iterator, Sequence
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
SAME = re.compile(r"`(\w+)\.py(:[\w.]+)?`\s+shows\s+the\s+same")


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
    sources, images = _sources(config, written, text), _images(config, written)
    instead = SAME.search(text)
    if not instead or not (sources or images):
        return
    name = instead[1] + (instead[2] or "")
    raise InputError(
        f"{_shown(file)} needs what is not here yet:",
        *_of_sources(sources, text),
        *(_of_images(path, text) for path in images),
        f"without it, this shows the same: minegan train --config={name} --workdir=RUN",
    )


def docstring(file: str) -> str:
    """Returns the docstring of a config's file, commands on one line each."""
    found = ast.get_docstring(ast.parse(Path(file).read_text())) or ""
    return re.sub(r"(?: \\\n)? +(?=--)", " ", found)


def _shown(file: str) -> str:
    """Returns the name of a packaged config, or the file of another."""
    path = Path(file)
    return f"config {path.stem}" if path.parent == PACKAGED else file


def _sources(config: Config, written: Config, text: str) -> list[str]:
    """Returns the sources that the file names and that are not there; of a recipe, what stands for
    them.
    """
    if config.sources != written.sources or "sources" not in used_fields.READ.get(
        config.method, ()
    ):
        return []
    if not config.sources:
        return [given[1]] if (given := GIVEN.search(text)) else []
    known = packaged_sources()
    return [name for name in config.sources if name not in known and not as_path(name).is_dir()]


def _of_sources(names: Sequence[str], text: str) -> Iterator[str]:
    """Yields what makes each source: first where it comes from, then the command."""
    of_recipe = GIVEN.search(text)
    before = ""
    for command in COMMAND.findall(text):
        made = MADE.search(command)
        name = made and (f"{made[2]}/{SOURCE}" if made[1] == "workdir" else made[2])
        if name in names:
            given = f"--config.sources={name}" if of_recipe and name == of_recipe[1] else name
            origin = _published(command)
            if origin != before:
                yield f"{given}: {origin}"
            before = origin
            yield f"  {command}"


def _published(command: str) -> str:
    """Returns a command's purpose: which weights it converts, their licence, or that it trains."""
    conversion = CONVERSION.search(command)
    if not conversion:
        return "what a training leaves"
    module = importlib.import_module(weights.converter(conversion[1]))
    what = (module.__doc__ or "").splitlines()[0].rstrip(".")
    licence = getattr(module, "LICENCE", "not stated with the weights")
    return f"{what} (licence: {licence})"


def _images(config: Config, written: Config) -> list[str]:
    """Returns the path of the images that the file names, if it is not there."""
    kind, _, path = config.target.images.partition(":")
    named = config.target.images == written.target.images and kind in ("folder", "npz", "zip")
    return [path] if named and not as_path(path).exists() else []


def _of_images(path: str, text: str) -> str:
    """Returns the docstring's sentence on the images."""
    sentence = re.search(rf"`{re.escape(path)}` ([^`]*?)\.(?:\s|$)", text)
    said = " ".join(sentence[1].split()) if sentence else "holds images"
    return f"{path} {said}; or --config.target.images=folder:PHOTOS"
