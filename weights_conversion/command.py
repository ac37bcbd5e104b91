"""What all commands share: flags in, a source with a picture of its samples out."""

import functools
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from minegan_jax import sources, weights
from minegan_jax.errors import InputError, explained, one_line
from minegan_jax.features import stored
from minegan_jax.nets import family, prior
from minegan_jax.report import image_grids
from minegan_jax.types import Params, Pixels, to_pixels

from . import rules, states

SAMPLES = "samples.png"
GRID = 8  # rows and columns of the picture
LARGEST_CELL = 128  # pixels; larger images are shrunk
# The formats that `--export` writes.
WRITTEN = (
    *("biggan_pytorch", "sngan_chainer", "progan_tf", "progan_genforce", "progan_gan_zoo"),
    *("stylegan2_nvidia", "stylegan2_rosinality"),
)
DEFINE: dict[type, Callable[..., Any]] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
}


class Flag(NamedTuple):
    """A flag of a command."""

    meaning: str
    default: str | int | float | None = None  # None: a string that may be left out


# Of the commands whose networks have classes; `named` reads it.
CLASS_NAMES = {"class_names": Flag("a text file with the classes' names, one a line, in order")}
# Of the commands that read two files.
KEYS = {
    "key": Flag(states.KEY),
    "critic_key": Flag("where the critic is in its file, if a generator comes beside it"),
}


class Converted(NamedTuple):
    """Networks out of published files."""

    family: str
    arguments: Mapping[str, Any]
    params: Mapping[str, Params]  # generator, critic or both
    files: tuple[str, ...]  # that they came from
    licence: str  # what is known of the weights' licence
    class_names: tuple[str, ...] = ()  # in order, where they are known
    notes: tuple[str, ...] = ()  # what the files did not say, and was taken instead


class Weights(NamedTuple):
    """A network that looks at images, out of published files."""

    name: str
    params: Params
    files: tuple[str, ...]  # that it came from
    licence: str  # what is known of the weights' licence


class Back(NamedTuple):
    """The way back of a command: how it writes what it reads, of a source."""

    flags: Mapping[str, Flag]  # the files to write, and what chooses a source
    # Of the source's place and the values of flags that are given: writes; returns a line that
    # says so.
    write: Callable[[str, Mapping[str, str]], str]


class Network(NamedTuple):
    """How a file's arrays become one network."""

    arguments: Callable[[Mapping[str, Any], str], dict[str, Any]]  # of (arrays, file)
    rules: Callable[[Mapping[str, Any]], Iterable[rules.Rule]]  # of the arguments
    sign: states.Sign = ()  # see `states`
    # Of (arrays, file): the arrays as the rules know them.
    prepare: Callable[[Mapping[str, Any], str], Mapping[str, Any]] = lambda arrays, _: arrays
    # Of a file's arrays: what a user should know of them.
    notes: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _: ()


def fill(
    family_name: str,
    arguments: Mapping[str, Any],
    networks: Mapping[str, tuple[Mapping[str, Any], Iterable[rules.Rule], str]],
) -> dict[str, Params]:
    """Fills networks with a file's arrays.

    Args:
      family_name: a key of `nets.family.FAMILIES`.
      arguments: of the family.
      networks: for `generator`, `critic` or both: arrays by name, rules, and the file's name.

    Raises:
      InputError: an array is missing, left over or does not fit.
    """
    shapes = shapes_of(family_name, arguments)
    return {
        name: rules.convert(arrays, network_rules, shapes[name], file=file)
        for name, (arrays, network_rules, file) in networks.items()
    }


def shapes_of(family_name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the shapes of all weights of a family's networks, by network.

    Args:
      family_name: a key of `nets.family.FAMILIES`.
      arguments: of the family, such as JSON can hold.
    """
    return _shapes_of(family_name, json.dumps(dict(arguments)))


@functools.lru_cache(maxsize=1)  # both rules and weights ask for them
def _shapes_of(family_name: str, arguments: str) -> dict[str, Any]:
    """Returns the shapes of all weights; the arguments are JSON."""
    init = family.build(family_name, json.loads(arguments)).init
    return dict(zip(sources.NETWORKS, jax.eval_shape(init, jax.random.key(0)), strict=True))


def convert_files(
    family_name: str,
    networks: Mapping[str, Network],
    files: Mapping[str, str | None],
    *,
    keys: Mapping[str, str | None],
    published: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    read: Callable[[str], Any],
    licence: str,
) -> Converted:
    """Converts a generator and a critic that lie in a file each; one of the two is enough.

    Args:
      family_name: a key of `nets.family.FAMILIES`.
      networks: how each is converted.
      files: of each network; None where there is none.
      keys: where each network is in its file; None where it is the only one.
      published: from the arguments that were found, those that only a file not given would tell.
      read: reads what a file holds.
      licence: what is known of it.

    Raises:
      InputError: no file is given, or one is damaged or does not fit, alone or beside the other.
    """
    given = {name: file for name, file in files.items() if file}
    if not given:
        raise InputError(f"expected at least one of {', '.join(f'--{name}' for name in files)}")
    arrays = {
        name: (find_network(networks, name, read(file), file=file, key=keys[name]), file)
        for name, file in given.items()
    }
    return convert_arrays(
        family_name,
        networks,
        arrays,
        published=published,
        files=tuple(given.values()),
        licence=licence,
    )


def find_network(
    networks: Mapping[str, Network], name: str, saved: Any, *, file: str, key: str | None
) -> states.Arrays:
    """Returns the arrays of a network in what a file holds, see `states.find`.

    Raises:
      InputError: there is none, or there are several, or only another one of these networks.
    """
    if not states.holds(saved, networks[name].sign):
        for other, network in networks.items():
            if states.holds(saved, network.sign):
                raise InputError(f"{file}: expected a {name}, found a {other}")
    return states.find(saved, networks[name].sign, file=file, key=key)


def network_keys(key: str | None, critic_key: str | None, *, both: bool) -> dict[str, str | None]:
    """Returns where each network is in its file.

    Args:
      key: of the generator; of the critic, if that comes alone.
      critic_key: of the critic beside a generator.
      both: whether both networks are given.

    Raises:
      InputError: there is a key for a critic that does not come beside a generator.
    """
    if critic_key is not None and not both:
        raise InputError(f"--critic_key={critic_key}: expected --generator and --critic beside it")
    return {"generator": key, "critic": critic_key if both else key}


def convert_arrays(
    family_name: str,
    networks: Mapping[str, Network],
    arrays: Mapping[str, tuple[Mapping[str, Any], str]],
    *,
    published: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    files: tuple[str, ...],
    licence: str,
) -> Converted:
    """Converts the arrays of a generator, of a critic, or of both.

    Args:
      family_name: a key of `nets.family.FAMILIES`.
      networks: how each is converted.
      arrays: of each network by name, and where they were found, for messages.
      published: as for `convert_files`.
      files: that they came from.
      licence: what is known of it.

    Raises:
      InputError: arrays are missing or do not fit, alone or beside the other network's.
    """
    arguments: dict[str, Any] = {}
    notes = [note for name, (named, _) in arrays.items() for note in networks[name].notes(named)]
    arrays = {
        name: (networks[name].prepare(named, place), place)
        for name, (named, place) in arrays.items()
    }
    for name, (named, place) in arrays.items():
        found = networks[name].arguments(named, place)
        for key in sorted(found.keys() & arguments.keys(), reverse=True):
            if found[key] != arguments[key]:
                raise InputError(
                    f"{place}: {key} is {found[key]}, but {arguments[key]} in the other network"
                )
        arguments |= found
    arguments = {**published(arguments), **arguments}
    parts = {
        name: (named, networks[name].rules(arguments), place)
        for name, (named, place) in arrays.items()
    }
    params = fill(family_name, arguments, parts)
    return Converted(family_name, arguments, params, files, licence, notes=tuple(notes))


def named(converted: Converted, file: str | None) -> Converted:
    """Gives the classes their names, for reports.

    Raises:
      InputError: there are more or fewer names than classes.
    """
    if file is None:
        return converted
    names = tuple(line.strip() for line in Path(file).read_text().splitlines() if line.strip())
    num_classes = converted.arguments["num_classes"]
    if len(names) != num_classes:
        raise InputError(f"{file}: expected {num_classes} names, one a line, found {len(names)}")
    return converted._replace(class_names=names)


def write(converted: Converted, directory: Path) -> None:
    """Writes networks as a source, with the names and digests of the files they came from.

    Raises:
      InputError: there is a source already.
    """
    if (directory / sources.JSON_NAME).exists():
        raise InputError(f"{directory}: expected a new directory, found a source")
    description = {
        "name": directory.name,
        "family": converted.family,
        "arguments": dict(converted.arguments),
        "prior": prior.PRIORS[converted.arguments.get("prior", prior.NORMAL)],
        "origin": origin(*converted.files),
        "licence": converted.licence,
        **({"class_names": converted.class_names} if converted.class_names else {}),
        **({"notes": converted.notes} if converted.notes else {}),
    }
    sources.save_source(directory, dict(converted.params), description)


def origin(*files: str) -> list[dict[str, str]]:
    """Returns the names and digests of files, for a description."""
    return [{"file": Path(file).name, "sha256": _sha256(file)} for file in files]


def _sha256(file: str) -> str:
    """Returns a file's digest."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sample(source: sources.Source) -> Pixels:
    """Draws the images of the picture; classes, if there are any, from the first to the last."""
    networks, count = source.networks, GRID**2
    latents = np.random.default_rng(0).normal(size=(count, networks.latent_size))
    classes = np.arange(count) * networks.num_classes // count
    together = max(1, min(count, GRID * LARGEST_CELL // networks.resolution))
    parts = [slice(first, first + together) for first in range(0, count, together)]
    images = (
        source.generate(latents[part], classes[part] if networks.num_classes else None)
        for part in parts
    )
    cell = min(networks.resolution, LARGEST_CELL)
    return np.concatenate(
        [image_grids.resized(np.asarray(to_pixels(part)), cell) for part in images]
    )


def deliver(converted: Converted, directory: Path) -> str:
    """Writes a source and a picture of its samples; returns a line that says so."""
    write(converted, directory)
    source = sources.load_source(directory)
    size, families = source.networks.resolution, source.description["family"]
    kept = " and ".join(source.description["weights"])
    said = f"{directory}: {kept} of {families} at {size}x{size}"
    said += "".join(f"; {note}" for note in converted.notes)
    if source.generator:
        sheet = image_grids.grid(sample(source), columns=GRID)
        image_grids.save_png(directory / SAMPLES, sheet, magnify=1)
        said += f"; look at {directory / SAMPLES}"
    return said


def deliver_weights(converted: Weights, file: Path, *, use: str) -> str:
    """Writes weights, and beside them the JSON that describes them.

    Args:
      converted: the network.
      file: to write; the JSON has its name and the suffix `.json`.
      use: the flag that measures with it.

    Returns:
      A line that says so.

    Raises:
      InputError: the file's name has another ending.
    """
    if file.suffix != ".safetensors":
        raise InputError(f"--out={file}: expected a name that ends in .safetensors")
    file.parent.mkdir(parents=True, exist_ok=True)
    described = {"name": converted.name, "licence": converted.licence}
    sha256 = weights.save_tree(file, converted.params)
    weights.save_description(
        file.with_suffix(".json"),
        {**described, "origin": origin(*converted.files), "sha256": sha256},
        stored.FORMAT,
    )
    return f"{file}: {converted.name}; measure with {use}"


def run(
    convert: Callable[..., Any],
    options: Mapping[str, Flag],
    argv: list[str],
    deliver: Callable[[Any, Path], str],
    back: Back | None,
) -> None:
    """Does what the command line says."""
    values = _parse(options if back is None else {**options, **back.flags}, argv)
    given = {name: _as_path(name, values[name].value) for name in values if values[name].present}
    if "export" in given:
        print(_write_back(back, given))
        return
    for name in given.keys() - options.keys() - {"out"}:
        raise InputError(f"--{name} does nothing without --export")
    if values.out is None:
        raise InputError("--out is missing: expected where to write")
    given = {name: _as_path(name, values[name].value) for name in (*options, "out")}
    out = Path(given.pop("out"))
    print(deliver(convert(**given), out))


def _write_back(back: Back | None, given: dict[str, Any]) -> str:
    """Writes a source as published; returns a line that says so."""
    if back is None:
        raise InputError(f"--export: this format is only read; written are {', '.join(WRITTEN)}")
    for name in given.keys() - back.flags.keys() - {"export"}:
        known = ", ".join(f"--{flag}" for flag in back.flags)
        raise InputError(f"--{name} does nothing with --export: it reads {known}")
    return back.write(given.pop("export"), given)


def _as_path(flag: str, value: Any) -> Any:
    """Returns a value with the home in the place of `~`, which shells keep behind `=`.

    Raises:
      InputError: it is a URL, or there is no such home.
    """
    if not isinstance(value, str):
        return value
    if "://" in value:
        raise InputError(f"--{flag}={value}: expected a path on this machine, found a URL")
    try:
        return os.path.normpath(Path(value).expanduser()) if value.startswith("~") else value
    except RuntimeError as error:
        raise InputError(f"--{flag}={value}: expected a path, found no such home") from error


def _parse(options: Mapping[str, Flag], argv: list[str]) -> flags.FlagValues:
    """Parses the command line."""
    values = flags.FlagValues()
    for name, flag in options.items():
        kind = str if flag.default is None else type(flag.default)
        DEFINE[kind](name, flag.default, flag.meaning, flag_values=values)
    flags.DEFINE_string("out", None, "where to write", flag_values=values)
    meaning = "a source, or a run that finetuned one, to write as published"
    flags.DEFINE_string("export", None, meaning, flag_values=values)
    try:
        rest = values(argv)
    except flags.Error as error:
        raise InputError(" ".join(str(error).split())) from error
    if len(rest) > 1:
        raise InputError(f"unexpected argument {rest[1]!r}: every argument is --NAME=VALUE")
    for name in values:
        if values[name].present > 1:
            raise InputError(f"--{name}: expected once, found {values[name].present} times")
    return values


def main(
    convert: Callable[..., Any],
    options: Mapping[str, Flag],
    deliver: Callable[[Any, Path], str] = deliver,
    *,
    back: Back | None = None,
) -> int:
    """Runs a command; 0 on success, 2 with one line on a user's mistake.

    Args:
      convert: turns the values of the options into something.
      options: of the command, besides `--out`.
      deliver: writes that something to `--out`; returns a line that says so.
      back: writes a source as the files that `convert` reads, if it can.
    """
    try:
        run(convert, options, sys.argv, deliver, back)
    except (InputError, OSError) as error:
        print(f"error: {explained(error) or one_line(str(error))}", file=sys.stderr)
        return 2
    return 0
