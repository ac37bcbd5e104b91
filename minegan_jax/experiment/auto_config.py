"""A run's config from its sources and images alone, as its documents would have one choose it.

`choose` looks at files alone; `fit_devices`, once several processes have met, at the devices. The
recipe of a family is the packaged config that `RECIPES` names.
"""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from minegan_jax import run_folder
from minegan_jax.config import Config, from_config_dict, load_config, replaced
from minegan_jax.data import as_spec, open_index
from minegan_jax.errors import InputError
from minegan_jax.experiment import build, memory, used_fields
from minegan_jax.features import efficientnet_lite
from minegan_jax.files import as_path
from minegan_jax.nets import family
from minegan_jax.report.settings import ReportConfig
from minegan_jax.sources import Source, load_source
from minegan_jax.training import devices

# The packaged config with the recipe of each family.
RECIPES = MappingProxyType(
    {
        "biggan": "biggan",
        "biggan_deep": "biggan",
        "dcgan": "dcgan",
        "dcgan_stack": "dcgan",
        "mobilestylegan": "stylegan2",
        "progan": "progan",
        "sngan": "sngan",
        "stylegan2": "stylegan2",
    }
)
ONE_OF = 5  # images is held out, of so many
FEWEST, MOST = 10, 200  # images held out
DIGITS = "digits"  # the packaged images
GIB = 2**30


class Fitted(NamedTuple):
    """A config that fits the devices, and what was chosen, in words."""

    config: Config
    why: str


def choose(sources: Sequence[str], images: str, workdir: str | None = None) -> Config:
    """Chooses a run's config, but for what depends on the devices.

    Args:
      sources: packaged names or directories; the first one's family says the recipe.
      images: a folder, an archive or an `.npz` file, or a spec as for `target.images`.
      workdir: the run folder; a run that lies there goes on as it was begun.

    Raises:
      InputError: a source or the images cannot be used, or the sources have no recipe in common.
    """
    spec = as_spec(images)
    places = {"sources": tuple(sources), "target.images": spec}
    if is_begun(workdir):
        begun = from_config_dict(load_config(str(_record(workdir))))
        config = replaced(begun, places)
        _check_takes_sources(config)
        return config
    loaded = [load_source(name, weights_too=False) for name in sources]
    recipe = from_config_dict(load_config(_recipe(loaded)))
    count = len(open_index(spec).labels)
    chosen = {
        **places,
        "target.num_held_out": num_held_out(count),
        "target.colour": "convert",  # photographs come in both, and a source makes one of them
        **_evaluation(spec),
        **_critic(loaded),
    }
    return replaced(recipe, chosen)


def _check_takes_sources(config: Config) -> None:
    """Makes sure that the method, which may not be the recipe's, starts from sources."""
    takers = [method for method, read in used_fields.READ.items() if "sources" in read]
    if config.method in used_fields.READ and config.method not in takers:
        raise InputError(f"method {config.method!r} takes no sources: expected {', '.join(takers)}")


def is_begun(workdir: str | None) -> bool:
    """Says whether a run lies in the folder."""
    return workdir is not None and _record(workdir).is_file()


def _record(workdir: str | None) -> Path:
    return as_path(workdir or "") / run_folder.CONFIG


def num_held_out(count: int) -> int:
    """Returns how many of so many images are held out: a fifth, 10 to 200, never more than half."""
    return min(max(count // ONE_OF, FEWEST), MOST, count // 2)


def _recipe(loaded: Sequence[Source]) -> str:
    """Returns the packaged config of the first source's family."""
    labelled = {bool(source.networks.num_classes): source.name for source in loaded}
    name = _architecture(loaded[0])
    if name not in RECIPES:
        raise InputError(
            f"source {loaded[0].name!r}: family {name!r} has no recipe: expected --config, or one"
            f" of {', '.join(RECIPES)}"
        )
    if len(labelled) > 1:
        raise InputError(
            f"sources with classes ({labelled[True]}) and without ({labelled[False]}): expected one"
            f" kind; --config={RECIPES[name]} --config.sources= takes both"
        )
    return RECIPES[name]


def _architecture(source: Source) -> str:
    """Returns the family of a source's modules, also where a miner stands before its generator."""
    return family.architecture(source.description["family"], source.description["arguments"])


def _evaluation(spec: str) -> dict[str, Any]:
    """Returns the networks that measure: those of digits for digits alone."""
    if spec == DIGITS:
        defaults = ReportConfig()
        return {"report.features": defaults.features, "report.classifier": defaults.classifier}
    installed = efficientnet_lite.is_installed()
    return {
        "report.features": efficientnet_lite.NAME if installed else None,
        "report.classifier": None,
    }


def _critic(loaded: Sequence[Source]) -> dict[str, Any]:
    """Returns whose critic scores: the first source's that has one, or a fresh one."""
    first, *others = loaded
    if first.critic:
        return {}
    for other in others:
        if other.critic:
            return {"game.critic": other.location}
    return {"game.critic": "fresh"} if first.networks.has_critic else {}


def fit_devices(config: Config, given: Collection[str]) -> Fitted:
    """Chooses a minibatch that all devices share evenly, in parts that each can hold.

    Args:
      config: that `choose` returned, perhaps with other values of some fields.
      given: the paths of these fields, which stay.

    Raises:
      InputError: the sources cannot play together, or the method takes none.
    """
    _check_takes_sources(config)
    count, held = jax.device_count(), devices.memory()
    if "run.batch_size" not in given:
        size = math.ceil(config.run.batch_size / count) * count
        config = replaced(config, {"run.batch_size": size})
    experiment = build.build(config, lambda name: load_source(name, weights_too=False))
    read = used_fields.READ[config.method]
    size = config.run.batch_size
    if "game.critic_steps" not in read or size % count:
        return Fitted(config, _in_words(experiment, f"minibatches of {size}"))
    needed = memory.estimate(experiment)
    if "run.accumulation_steps" not in given:
        parts = memory.accumulation_steps(
            needed, batch_size=size, num_devices=count, memory=held, group=memory.group(experiment)
        )
        config = replaced(config, {"run.accumulation_steps": parts})
    parts = config.run.accumulation_steps
    taken = needed.of(size // count // parts) / GIB
    words = (
        f"minibatches of {size} in {parts} {'part' if parts == 1 else 'parts'} (about {taken:.1f}"
        f" of {held / GIB:.1f} GiB on each of {count} {jax.default_backend()} devices)"
    )
    return Fitted(config, _in_words(experiment._replace(config=config), words))


def _in_words(experiment: build.Experiment, minibatches: str) -> str:
    """Says what was chosen and why."""
    config, first = experiment.config, experiment.sources[0]
    name, size = _architecture(first), first.networks.resolution
    features = config.report.features or f"none (`{efficientnet_lite.INSTALL}` brings them)"
    return (
        f"the recipe {RECIPES.get(name, name)} of source {first.name!r} ({name}, {size} px),"
        f" critic at {experiment.resolution} px, {config.target.num_held_out} images held out (a"
        f" fifth, {FEWEST} to {MOST}), features {features}, {minibatches}"
    )
