"""The way back: a finetuned source, written as the published code of its networks saves them.

A command with `--export` reads a source's folder, or that of a run that finetuned one, and applies
the rules by which it converts backwards. Before a file is written, its arrays are converted again:
what the layout cannot hold shows there.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors.numpy

from minegan_jax import run_folder, sources, trees
from minegan_jax.errors import InputError
from minegan_jax.files import as_path, write_atomically
from minegan_jax.nets import family
from minegan_jax.sampling import adapter

from . import rules
from .command import Back, Flag, Network, shapes_of
from .torch_writing import write_torch

PHASE = "finetune"  # of a run, whose networks are worth writing
TORCH = (".pth", ".pt", ".bin")
SAFETENSORS = ".safetensors"
NPZ = ".npz"
CHOOSING = {  # flags that every way back has
    "source": Flag("the one to write of a run's several sources"),
    "sources": Flag("where a run's sources lie now, DIR,DIR"),
}

Arrays = dict[str, np.ndarray]
Fixed = Mapping[str, Mapping[str, tuple[Any, ...]]]


class Finetuned(NamedTuple):
    """A source to write, and what a user should know of it."""

    source: sources.Source
    remarks: tuple[str, ...] = ()


def only_arrays(arrays: dict[str, Arrays], _: Any) -> Arrays:
    """Returns those of the only network."""
    (only,) = arrays.values()
    return only


class Form(NamedTuple):
    """How a format's files hold the networks of a source."""

    family: str  # of the source
    networks: Callable[[Mapping[str, Any]], Mapping[str, Network]]  # of its arguments
    # By flag, the networks in a file, as far as a source has them.
    files: Mapping[str, tuple[str, ...]]
    # What a file holds, of the arrays of each network and of the arguments.
    content: Callable[[dict[str, Arrays], Mapping[str, Any]], Any] = only_arrays
    # Of the arguments, by network: the values that some of them have in every one of this layout.
    fixed: Callable[[Mapping[str, Any]], Fixed] = lambda _: {}
    endings: tuple[str, ...] = (*TORCH, SAFETENSORS)  # that the files' names may have


def back(form: Form, flags: Mapping[str, Flag]) -> Back:
    """Returns the way back of a command.

    Args:
      form: of its files.
      flags: of the files to write.
    """

    def write(place: str, given: Mapping[str, str]) -> str:
        files = {flag: file for flag, file in given.items() if flag not in CHOOSING}
        moved = tuple(filter(None, given.get("sources", "").split(",")))
        return export(form, place, files, given.get("source"), moved)

    return Back({**flags, **CHOOSING}, write)


def export(
    form: Form,
    place: str,
    files: Mapping[str, str],
    name: str | None = None,
    moved: tuple[str, ...] = (),
) -> str:
    """Writes the networks of a source.

    Args:
      form: of the files.
      place: of the source or of the run.
      files: to write, by flag.
      name: of the source, where a run finetuned several.
      moved: where the run's sources lie now; empty: where they were.

    Returns:
      A line that says what was written.

    Raises:
      InputError: there is no such source, the layout cannot hold it, or a file is there already.
    """
    paths = checked_paths(form, files)
    source, remarks = find_source(place, name, moved)
    arguments = arguments_of(form, source, place)
    contents = {}
    for flag, path in paths.items():
        there = [each for each in form.files[flag] if getattr(source, each)]
        if not there:
            raise InputError(
                f"--{flag}={path}: {place} has no {' or '.join(form.files[flag])} of its own"
            )
        arrays = {each: network_arrays(form, each, source, arguments, place) for each in there}
        contents[path] = form.content(arrays, arguments)
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
    written = " and ".join(map(str, paths.values()))
    return "; ".join([f"{written}: {source.name}, a {form.family}", *remarks])


def checked_paths(form: Form, files: Mapping[str, str]) -> dict[str, Path]:
    """Returns where the files go.

    Raises:
      InputError: none is asked for, one is there, two are one, or a name ends otherwise.
    """
    paths = {flag: as_path(file) for flag, file in files.items()}
    if not paths:
        wanted = ", ".join(f"--{flag}" for flag in form.files)
        raise InputError(f"--export: expected a file to write, at least one of {wanted}")
    for flag, path in paths.items():
        if path.suffix not in form.endings:
            raise InputError(f"--{flag}={path}: expected a name with {', '.join(form.endings)}")
        if path.exists():
            raise InputError(f"--{flag}={path}: expected a new file, found one that is there")
    if len(set(paths.values())) < len(paths):
        raise InputError(f"{' and '.join(f'--{flag}' for flag in paths)}: expected two files")
    return paths


def find_source(place: str, name: str | None, moved: tuple[str, ...]) -> Finetuned:
    """Opens a source's folder, or takes a source out of a run that finetuned it; see `export`.

    Raises:
      InputError: there is none there, or several.
    """
    folder = as_path(place)
    if (folder / run_folder.CONFIG).is_file():
        return _of_run(folder, name, moved)
    if name is not None or moved:
        raise InputError(f"--source and --sources choose those of a run, which {place} is not")
    if (folder / adapter.JSON_NAME).is_file():
        raise InputError(
            f"{place}: an adapter, which holds miners alone: expected the run's folder"
        )
    source = sources.load_source(place)
    return Finetuned(source, notes_of(source))


def notes_of(source: sources.Source) -> tuple[str, ...]:
    """Returns the notes of a source's conversion."""
    return tuple(f"as it was converted: {note}" for note in source.description.get("notes", ()))


def _of_run(folder: Path, name: str | None, moved: tuple[str, ...]) -> Finetuned:
    """Takes a source out of a run, with the average of its generator and the game's critic."""
    from minegan_jax import experiment  # which most exports need not load

    run = experiment.open_run(folder, moved)
    phase, names = run.phases_done()[-1], run.source_names
    if phase != PHASE:
        kept = folder / run_folder.SOURCE
        found = f": its source is {kept}" if kept.is_dir() else ", which leaves a source as it was"
        raise InputError(f"{folder}: expected a run that finetunes, found phase {phase!r}{found}")
    if (name is None and len(names) > 1) or name not in (None, *names):
        raise InputError(
            f"{folder}: expected --source= with the one to write of {', '.join(names)}"
        )
    number = names.index(name) if name else 0
    source, weights = run.experiment.sources[number], run.generator(phase).weights[number]
    judge = run.experiment.critics_source or source
    own = judge.location == source.location
    remarks = [*notes_of(source)]
    if jax.tree.leaves(weights["miners"]):
        remarks.append("its latents are its miner's, see 'The way back' in docs/weights.md")
    critic = run.state(phase).params["critic"] if own else {}
    return Finetuned(
        source._replace(generator=weights["generators"], critic=critic), tuple(remarks)
    )


def arguments_of(form: Form, source: sources.Source, place: str) -> dict[str, Any]:
    """Returns all arguments of a source's networks.

    Raises:
      InputError: it is of another family.
    """
    found = source.description["family"]
    if found != form.family:
        raise InputError(f"{place}: a source of family {found!r}, expected {form.family!r}")
    return family.in_full(found, source.description["arguments"])


def check_fixed(form: Form, name: str, arguments: Mapping[str, Any], place: str) -> None:
    """Makes sure that a network has what every one of a layout has.

    Raises:
      InputError: it has not.
    """
    for argument, values in form.fixed(arguments).get(name, {}).items():
        if arguments[argument] not in values:
            known = " or ".join(map(repr, values))
            raise InputError(
                f"{place}: {argument} is {arguments[argument]!r}, expected {known}, as in every"
                f" {name} of this layout"
            )


def network_arrays(
    form: Form, name: str, source: sources.Source, arguments: Mapping[str, Any], place: str
) -> Arrays:
    """Returns the arrays of a network, as its file has them.

    Raises:
      InputError: they would be read as another network.
    """
    check_fixed(form, name, arguments, place)
    network, params = form.networks(arguments)[name], getattr(source, name)
    made = list(network.rules(arguments))
    arrays = rules.convert_back(params, made)
    where = f"{place}: {name}: the layout cannot hold it"
    found = network.arguments(arrays, where)
    shapes = shapes_of(form.family, {**arguments, **found})[name]
    if trees.named_shapes(shapes) != trees.named_shapes(params):
        raise InputError(f"{where}: it would be read with {differences(arguments, found)}")
    assert trees.digest(rules.convert(arrays, made, shapes, file=where)) == trees.digest(params)
    return arrays


def differences(arguments: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Returns the arguments that are not those of a source, as text."""
    return ", ".join(f"{name} {value}" for name, value in found.items() if arguments[name] != value)


def write_file(path: Path, content: Any) -> None:
    """Writes a file in the layout that its name's ending says."""
    if path.suffix == NPZ:
        write_atomically(path, lambda file: np.savez(file, **content))
    elif path.suffix == SAFETENSORS:
        write_atomically(path, safetensors.numpy.save(flat(content)))
    else:
        write_atomically(path, lambda file: write_torch(file, content))


def flat(content: Mapping[str, Any], start: str = "") -> Arrays:
    """Returns the arrays of dictionaries in dictionaries, all keys that lead to one as its name."""
    arrays: Arrays = {}
    for key, value in content.items():
        arrays |= flat(value, f"{start}{key}.") if isinstance(value, dict) else {start + key: value}
    return arrays
