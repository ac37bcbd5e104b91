"""The schema of a comparison: every method in every setting, at every size, with every seed."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from minegan_jax.config import Config, default_config, from_values
from minegan_jax.errors import InputError
from minegan_jax.evaluation import table

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
    figures: tuple[str, ...] = table.SHOWN  # columns of the table
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


NEEDED = ("fields", "settings", "methods", "max_images", "seeds", "figures")


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
            "figures": table.SHOWN,
            "source_row": False,
        }
    ).lock()


def is_comparison(config: ConfigDict) -> bool:
    """Tells a comparison's config from that of one run."""
    return "methods" in config


def from_config_dict(config: ConfigDict) -> Comparison:
    """Turns a ConfigDict back into the schema, and checks every run's fields.

    Raises:
      InputError: it is no comparison, is empty, or a run's field is unknown or mistyped.
    """
    if not is_comparison(config):
        raise InputError("a config of one run: expected one of a comparison, such as table2_digits")
    values = config.to_dict()
    lists = {
        name: tuple(value) if isinstance(value, list | tuple) else (value,)
        for name, value in values.items()
        if name in ("max_images", "seeds", "figures")
    }
    comparison = Comparison(**{**values, **lists})
    empty = [name for name in NEEDED if not getattr(comparison, name)]
    if empty:
        raise InputError(f"nothing to compare: {' and '.join(empty)} of the comparison are empty")
    list(map(table.title, comparison.figures))
    list(map(from_values, comparison.pretrained.values()))
    list(cells(comparison, {}))
    return comparison


def cells(comparison: Comparison, places: Mapping[str, str]) -> Iterator[Cell]:
    """Yields the runs, seed by seed, so that a table fills evenly.

    Args:
      comparison: whose runs.
      places: where the sources lie that it trained first, by name.
    """
    axes = comparison.seeds, comparison.settings, comparison.max_images, comparison.methods
    for seed, setting, size, method in itertools.product(*axes):
        fields = {
            **comparison.fields,
            "max_images": size,
            "seed": seed,
            "target_seed": seed,
            **comparison.settings[setting],
            **comparison.methods[method],
        }
        fields["sources"] = tuple(places.get(name, name) for name in fields["sources"])
        yield Cell(setting, size, method, seed, from_values(fields))
