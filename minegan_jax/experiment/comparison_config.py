"""The schema of a comparison: every method in every setting, at every size, with every seed."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from minegan_jax.config import FIELDS, Config, default_config, flat, from_values, nested
from minegan_jax.errors import InputError
from minegan_jax.experiment import load_sources, used_fields
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.report import table
from minegan_jax.sources import load_source

SEARCH_SEED = 7  # no comparison has it
Fields = Mapping[str, Any]  # names and values of `Config`


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One table. What a method says of a field goes before a setting, and that before all runs'."""

    pretrained: Mapping[str, Fields]  # sources that are trained first, by the name runs give them
    fields: Fields  # of all runs
    settings: Mapping[str, Fields]  # columns: sources and targets, for example
    methods: Mapping[str, Fields]  # rows
    max_images: tuple[int, ...]  # training images
    seeds: tuple[int, ...]  # of training and of which images are drawn
    metrics: tuple[str, ...] = table.SHOWN  # columns of the table
    source_row: bool = False  # also a row for what the first method's runs start from


class Cell(NamedTuple):
    """One run of a comparison."""

    setting: str
    max_images: int
    method: str
    seed: int
    config: Config

    @property
    def folder(self) -> str:
        """The name of the run's folder."""
        return file_name(f"{self.setting} {self.max_images} {self.method} {self.seed}")


def file_name(words: str) -> str:
    """Returns words as a part of a file's name."""
    return "_".join("".join(c if c.isalnum() else " " for c in words).lower().split())


NEEDED = ("fields", "settings", "methods", "max_images", "seeds", "metrics")


def default_comparison() -> ConfigDict:
    """Returns an empty comparison; a file under `configs/` fills it in `get_config`."""
    return ConfigDict(
        {
            "pretrained": ConfigDict(),
            "fields": default_config(),
            "settings": ConfigDict(),
            "methods": ConfigDict(),
            "max_images": (400,),
            "seeds": (0, 1, 2),
            "metrics": table.SHOWN,
            "source_row": False,
        }
    ).lock()


def search(config: ConfigDict, grids: Mapping[str, Mapping[str, Sequence[int | float]]]) -> None:
    """Turns a comparison into one of what its methods may be given, with a seed that it has not.

    Each method stays as it is, and stands there again for each value of each field, one field at a
    time.

    Args:
      config: a comparison, whose methods and seeds change.
      grids: values to try of each method, by field.
    """
    shared, tried = flat(config.fields.to_dict()), dict[str, Any]()
    for name, grid in grids.items():
        fields = flat(config.methods[name].to_dict())
        tried[name] = fields
        for path, values in grid.items():
            others = [value for value in values if value != fields.get(path, shared[path])]
            field = path.replace(".", " ")  # two sections have a field of one name
            tried |= {f"{name}, {field} {_written(v)}": {**fields, path: v} for v in others}
    config.methods = {title: nested(fields) for title, fields in tried.items()}
    config.seeds = (SEARCH_SEED,)


def _written(value: int | float) -> str:
    """Writes a number without a dot, which no name of a method may have: 0.03 as 3e-2."""
    if float(value).is_integer():
        return str(int(value))
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def is_comparison(config: ConfigDict) -> bool:
    """Tells a comparison's config from that of one run."""
    return "methods" in config


def from_config_dict(config: ConfigDict) -> Comparison:
    """Turns a ConfigDict back into the schema, and checks every run's fields.

    Raises:
      InputError: it is no comparison, is empty, a run's field is unknown, mistyped or, where a
        method names it, does nothing, or a metric is of a class or a source that no run has.
    """
    if not is_comparison(config):
        raise InputError("a config of one run: expected one of a comparison, such as table2_digits")
    values = config.to_dict()
    lists = {
        name: tuple(value) if isinstance(value, list | tuple) else (value,)
        for name, value in values.items()
        if name in ("max_images", "seeds", "metrics")
    }
    comparison = Comparison(**{**values, **lists})
    empty = [name for name in NEEDED if not getattr(comparison, name)]
    if empty:
        raise InputError(f"nothing to compare: {' and '.join(empty)} of the comparison are empty")
    list(map(table.title, comparison.metrics))
    for fields in comparison.pretrained.values():
        used_fields.check(from_values(fields), flat(fields))
    configs = [cell.config for cell in cells(comparison, {})]
    if any(config.report.features is None for config in configs):
        raise InputError("fields.report.features: a comparison measures: expected a network")
    _check_metrics(comparison, configs)
    return comparison


def _check_metrics(comparison: Comparison, configs: Sequence[Config]) -> None:
    """Makes sure that each metric of a class or a source is one that some run will have."""
    known: dict[str, Callable[[Comparison, Sequence[Config]], set[str]]] = {
        "recognised": _class_names,
        "probability": _source_names,
    }
    for kind, names_of in known.items():
        asked = [f for f in comparison.metrics if f.partition(":")[0] == kind]
        names = names_of(comparison, configs) if asked else set()
        for metric in asked:
            if metric.partition(":")[2] not in names:
                expected = ", ".join(sorted(names)) or "no such metric, as no run has a classifier"
                raise InputError(f"metric {metric!r} of a table: expected one of {expected}")


def _class_names(comparison: Comparison, configs: Sequence[Config]) -> set[str]:
    """Returns the classes that the runs' classifiers know."""
    del comparison
    classifiers = {config.report.classifier for config in configs} - {None}
    return {name for each in classifiers for name in load_extractor(str(each)).class_names}


def _source_names(comparison: Comparison, configs: Sequence[Config]) -> set[str]:
    """Returns the names that runs give their sources; a run without any is its own."""
    names = {config.method for config in configs if not config.sources}
    for locations in {config.sources for config in configs}:
        trained = [name for name in locations if name in comparison.pretrained]
        others = (load_source(name) for name in locations if name not in comparison.pretrained)
        names.update(trained, (source.name for source in load_sources.named_apart(others)))
    return names


def cells(comparison: Comparison, places: Mapping[str, str]) -> Iterator[Cell]:
    """Yields the runs, seed by seed, so that a table fills evenly.

    Args:
      comparison: whose runs.
      places: where the sources lie that it trained first, by name.
    """
    axes = comparison.seeds, comparison.settings, comparison.max_images, comparison.methods
    for seed, setting, size, method in itertools.product(*axes):
        drawn = {"target.max_images": size, "run.seed": seed, "target.seed": seed}
        shared = {**flat(comparison.fields), **drawn, **flat(comparison.settings[setting])}
        own = flat(comparison.methods[method])
        fields = {**_read(shared, own.get("method", shared["method"])), **own}
        named = fields.get("sources", ())
        fields["sources"] = tuple(places.get(name, name) for name in named)
        config = from_values(fields)
        used_fields.check(config, own)
        yield Cell(setting, size, method, seed, config)


def _read(shared: Fields, method: str) -> dict[str, Any]:
    """Drops what all runs say and a method does not read; what is no field at all stays."""
    read = used_fields.READ.get(method, FIELDS)
    return {name: value for name, value in shared.items() if name in read or name not in FIELDS}
