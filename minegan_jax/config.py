"""An experiment's config: the sections of all rooms in one tree, and how values are read into it.

A config file under `configs/` starts from `default_config()`, changes what its experiment needs,
and returns the ConfigDict; `from_config_dict` turns that back into a `Config`, strictly. A field is
named by its path, such as `game.learning_rate`.
"""

import dataclasses
import difflib
import re
import runpy
import textwrap
import traceback
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import config_dict
from ml_collections.config_flags import config_path

from minegan_jax import run_folder, setting
from minegan_jax.baselines.settings import BaselineConfig
from minegan_jax.data.settings import TargetConfig
from minegan_jax.errors import InputError
from minegan_jax.files import as_path
from minegan_jax.mining.settings import (
    GameConfig,
    GameSettings,
    MinerConfig,
    SelectorConfig,
    ViewConfig,
)
from minegan_jax.nets.settings import NetworkConfig
from minegan_jax.report.settings import ReportConfig
from minegan_jax.training.settings import RunConfig


@dataclasses.dataclass(frozen=True)
class Config:
    """One experiment. Counts are `num_*` and `*_steps`, sizes are in pixels or units."""

    method: str = setting.setting(
        "minegan",
        '"minegan" (mine, then finetune), "transfergan" (finetune a source without mining),'
        ' "scratch" (fresh networks; also how a source is pretrained), "bsa" (scales and shifts of'
        ' a source, and a latent for each image), "vae" (fresh networks), "dgn_am" or "ppgn" (a'
        ' search for each image of a class), or "classifier" (a feature network of digits)',
    )
    sources: tuple[str, ...] = setting.setting(
        ("mnist_without_9",), "pretrained sources: packaged names or directories"
    )
    classes: str = setting.setting(
        "all",
        'of a conditional source: "all" mines them (Fig. 2), and asks for each as often where'
        ' nothing is mined; "mean" takes the mean of their vectors, a number that class alone',
    )
    exclude_broken: bool = setting.setting(
        False, "leave out sources whose images are not finite instead of stopping"
    )
    target: TargetConfig = dataclasses.field(default_factory=TargetConfig)
    miner: MinerConfig = dataclasses.field(default_factory=MinerConfig)
    selector: SelectorConfig = dataclasses.field(default_factory=SelectorConfig)
    game: GameConfig = dataclasses.field(default_factory=GameConfig)
    view: ViewConfig = dataclasses.field(default_factory=ViewConfig)
    run: RunConfig = dataclasses.field(default_factory=RunConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    baseline: BaselineConfig = dataclasses.field(default_factory=BaselineConfig)
    report: ReportConfig = dataclasses.field(default_factory=ReportConfig)

    def game_settings(self, frozen_critic: tuple[str, ...] = ()) -> GameSettings:
        """Returns the settings of the game; `frozen_critic` names layers that do not learn."""
        return GameSettings(self.game, self.miner, self.selector, self.run, frozen_critic)


class Field(NamedTuple):
    """One field of the schema."""

    path: str  # such as "game.learning_rate"
    default: Any
    kind: Any  # its type
    metadata: Mapping[str, Any]  # see `setting.setting`


def _fields(section: type, prefix: str = "") -> Iterator[Field]:
    """Yields the fields of a section and of those below it."""
    kinds = typing.get_type_hints(section)
    for field in dataclasses.fields(section):
        path, kind = f"{prefix}{field.name}", kinds[field.name]
        if dataclasses.is_dataclass(kind):
            assert isinstance(kind, type)
            yield from _fields(kind, f"{path}.")
        else:
            yield Field(path, field.default, kind, field.metadata)


def _packaged() -> Path:
    """Finds `configs/`: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


PACKAGED = _packaged()
MARGIN = " " * 6  # before what a field means
FIELDS = {field.path: field for field in _fields(Config)}
SECTIONS = tuple(dict.fromkeys(path.partition(".")[0] for path in FIELDS if "." in path))
LISTS_OF_NAMES = tuple(
    path for path, field in FIELDS.items() if field.kind in (tuple[str, ...], tuple[int | str, ...])
)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns values by path, of a mapping that holds paths, or mappings of sections, or both."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}{name}"
        if path in SECTIONS and dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = dataclasses.asdict(value)
        below = isinstance(value, Mapping) and (value or path in SECTIONS)
        found |= flat(value, f"{path}.") if below else {path: value}
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by path as a mapping of sections."""
    tree: dict[str, Any] = {}
    for path, value in flat(values).items():
        section, _, name = path.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    return tree


def value_of(config: Config, path: str) -> Any:
    """Returns the value of a field."""
    part: Any = config
    for name in path.split("."):
        part = getattr(part, name)
    return part


def default_config() -> config_dict.ConfigDict:
    """Returns the schema's defaults as a ConfigDict."""
    return as_config_dict(Config())


def as_config_dict(config: Config) -> config_dict.ConfigDict:
    """Turns a config into a locked ConfigDict; a None can still be overridden."""
    values = {path: value_of(config, path) for path in FIELDS}
    for path, value in values.items():
        if value is None:
            (kind,) = (t for t in typing.get_args(FIELDS[path].kind) if t is not types.NoneType)
            values[path] = config_dict.placeholder(kind)
    return config_dict.ConfigDict(nested(values)).lock()


def from_config_dict(config: config_dict.ConfigDict) -> Config:
    """Turns a ConfigDict back into the schema."""
    return from_values(config.to_dict())


def from_values(values: Mapping[str, Any]) -> Config:
    """Builds a Config from named values.

    Args:
      values: by path, such as {"game.learning_rate": 1e-4}, or in sections.

    Raises:
      InputError: a field is unknown (the nearest name is given), or a value has the wrong type
        or lies outside its range.
    """
    given = flat(values)
    for path, value in given.items():
        if path in SECTIONS:
            raise InputError(
                f"config field {path!r}: expected fields of a section, found {value!r}"
            )
        if path not in FIELDS:
            raise InputError(f"unknown config field {path!r}: {_hint(path, FIELDS)}")
    checked = {path: _checked(FIELDS[path], value) for path, value in given.items()}
    for path, value in checked.items():
        setting.check(path, value, FIELDS[path].metadata)
    tree = nested(checked)
    kinds = typing.get_type_hints(Config)
    return Config(**{n: kinds[n](**v) if n in SECTIONS else v for n, v in tree.items()})


def replaced(config: Config, values: Mapping[str, Any]) -> Config:
    """Returns a config with other values, named as for `from_values`."""
    return from_values({**flat(dataclasses.asdict(config)), **flat(values)})


def _hint(name: str, known: Collection[str]) -> str:
    """Says which name may have been meant, or which there are.

    A field may be named without its section, or in a wrong one.
    """
    last = {path: path.rpartition(".")[2] for path in known}
    same = [path for path in known if last[path] == name.rpartition(".")[2]]
    if same:
        return f"did you mean {' or '.join(map(repr, same))}?"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not near:
        word = difflib.get_close_matches(name.rpartition(".")[2], last.values(), n=1, cutoff=0.6)
        near = [path for path in known if [last[path]] == word][:1]
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"


def unknown_part(config: config_dict.ConfigDict, path: str) -> str:
    """Says what of `--config.PATH` a config does not have; nothing if it has all."""
    try:
        steps = config_path.split(path)
    except ValueError:
        return f'--config.{path}: expected names joined by dots, or ["NAME"] where one is no word'
    part: Any = config
    for step in steps:
        if not isinstance(part, config_dict.ConfigDict):
            return f"--config.{path}: there is no {step!r} in {part!r}"
        if step not in part:
            return f"--config.{path}: there is no {step!r}: {_hint_for(str(step), part, config)}"
        part = part[step]
    return ""


def _hint_for(step: str, part: config_dict.ConfigDict, config: config_dict.ConfigDict) -> str:
    """Says which name of a part may have been meant; of a run's config, which path."""
    if (part is config and "methods" not in config) or step in {
        p.rpartition(".")[2] for p in FIELDS
    }:
        return _hint(step, FIELDS)
    return _hint(step, list(part))


def _checked(field: Field, value: Any) -> Any:
    """Returns the value as its field's type; integers count as floats, lists as tuples."""
    expected = field.kind
    if typing.get_origin(expected) is tuple:
        item = typing.get_args(expected)[0]
        parts = list(value) if isinstance(value, list | tuple) else [value]
        if item is str:  # the command line hands over `a,b` as one string
            parts = [p for part in parts for p in str(part).split(",")]
        if item == int | str:  # a number, or a name
            parts = [
                p for part in parts for p in (part.split(",") if type(part) is str else [part])
            ]
            parts = [int(p) if type(p) is str and re.fullmatch(r"-?\d+", p) else p for p in parts]
        parts = [part for part in parts if part != ""]  # `--config.target.labels=` empties a list
        return tuple(_as_type(field.path, part, item) for part in parts)
    if value in (None, "") and types.NoneType in typing.get_args(expected):
        return None  # `--config.target.exclude=` takes back what a config excludes
    return _as_type(field.path, value, expected)


def _as_type(path: str, value: Any, expected: Any) -> Any:
    """Returns one value as the expected type."""
    if expected is float and type(value) is int:
        return float(value)
    kinds = typing.get_args(expected) or (expected,)
    if type(value) not in kinds:
        kind = " or ".join("None" if t is types.NoneType else t.__name__ for t in kinds)
        raise InputError(
            f"config field {path!r}: expected {kind}, found {value!r} ({type(value).__name__})"
        )
    return value


def in_words() -> str:
    """Returns every field by section: its default, which values it may have, and its meaning."""
    lines: list[str] = []
    section = None
    for path, field in FIELDS.items():
        if path.partition(".")[0] != section and "." in path:
            section = path.partition(".")[0]
            kind = typing.get_type_hints(Config)[section]
            lines += ["", f"{section}: {kind.__doc__.splitlines()[0]}"]
        allowed = field.metadata["allowed"]
        values = f"  ({allowed})" if allowed else ""
        lines.append(f"  --config.{path}={_written(field.default)}{values}")
        meaning = field.metadata["meaning"]
        lines.append(textwrap.fill(meaning, 100, initial_indent=MARGIN, subsequent_indent=MARGIN))
    return "\n".join(lines)


def _written(value: Any) -> str:
    """Writes a default as the command line would take it: nothing for what is absent."""
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def packaged() -> list[str]:
    """Returns the names of the configs that come with the package."""
    return sorted(path.stem for path in PACKAGED.glob("[a-z]*.py"))


def find(name: str) -> str:
    """Turns the packaged name or the file of a config, with :ARGUMENT, into a file with it.

    A file is a `.py` that defines `get_config`, or the `config.json` of a run.

    Raises:
      InputError: there is neither such a file nor such a name.
    """
    name, colon, argument = name.partition(":")
    path = as_path(name) if name.endswith((".py", ".json")) else PACKAGED / f"{name}.py"
    if not path.is_file():
        raise InputError(f"no config {name!r}: expected a file or one of {', '.join(packaged())}")
    return f"{path}{colon}{argument}"


def is_record(file: str) -> bool:
    """Says whether a config's file is a run's `config.json`, which holds no code.

    Raises:
      InputError: it is some other JSON.
    """
    path = Path(file)
    if path.suffix == ".json" and path.name != run_folder.CONFIG:
        raise InputError(f"{file}: expected a .py file, or {run_folder.CONFIG} of a run folder")
    return path.suffix == ".json"


def load_config(name: str) -> config_dict.ConfigDict:
    """Runs `get_config` of a config, or reads a run's; `name` is as for `find`.

    Raises:
      InputError: there is no such config, or its code fails; says where, and why.
    """
    file, _, argument = find(name).partition(":")
    if is_record(file):
        return as_config_dict(from_values(run_folder.read_identity(Path(file).parent)["config"]))
    try:
        get_config = runpy.run_path(file)["get_config"]
        config: config_dict.ConfigDict = get_config(argument) if argument else get_config()
    except InputError:
        raise
    except Exception as error:
        raise InputError(_of_file(file, error)) from error
    if not isinstance(config, config_dict.ConfigDict):
        raise InputError(f"{file}: expected get_config to return a config, found {config!r}")
    return config


def _of_file(file: str, error: Exception) -> str:
    """Says in one line where a config's own code failed, and why."""
    lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == file]
    number = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    where = f"{file}, line {number}" if number else file
    missing = re.search(r'Key "(\w+)" does not exist', str(error))
    if missing:
        return f"{where}: there is no field {missing[1]!r}: {_hint(missing[1], FIELDS)}"
    if isinstance(error, KeyError) and not lines:
        return f"{file}: expected a function get_config, found none"
    return f"{where}: {type(error).__name__}: {' '.join(str(error).split())}"
