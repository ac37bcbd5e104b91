"""What a finished run leaves for others to use without its run folder."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from minegan_jax import adapters, build, rules, runs, selector, sources, weights
from minegan_jax.data import Dataset
from minegan_jax.evaluation.embed import embed
from minegan_jax.features import digits
from minegan_jax.methods.base import State


def export(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    """Writes an adapter, a source or a classifier, as the method has one; `states` are by phase."""
    if experiment.config.method in EXPORTS:
        EXPORTS[experiment.config.method](experiment, workdir, states, dataset)


def _adapter(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    state, method = states["mine"], experiment.methods["mine"]
    adapters.save_adapter(
        workdir / runs.ADAPTER,
        {**state.params, **state.averages}["miners"],
        sources=experiment.sources,
        shape=rules.miner_shape(experiment.config),
        image_shape=(experiment.resolution, experiment.channels),
        # As mining found them: dropping sources is a part of finetuning.
        probabilities=np.asarray(selector.probabilities(method.selector(state))).tolist(),
        about={
            "target": dataset.description,
            "weights": "ema" if "miners" in state.averages else "raw",
        },
    )


def _source(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    state = states["scratch"]
    (generator,) = state.averages["generators"]
    description = {
        "name": workdir.name,
        "family": experiment.config.family,
        "arguments": rules.network_arguments(experiment.config),
        "config": dataclasses.asdict(experiment.config),
        "images": dataset.description,
    }
    if experiment.config.num_classes:
        description["class_names"] = dataset.class_names[: experiment.config.num_classes]
    half = weights.cast({"generator": generator, "critic": state.params["critic"]}, "float16")

    sources.save_source(workdir / runs.SOURCE, half, description, seen=dataset.train_digests)


def _classifier(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    config, params = experiment.config, states["classifier"].params
    description = {
        "name": workdir.name,
        "arguments": {"width": config.width, "num_features": config.num_features},
        "config": dataclasses.asdict(config),
        "images": dataset.description,
    }
    directory = workdir / runs.CLASSIFIER
    digits.save_classifier(directory, params, description)
    features = embed(digits.load_classifier(directory), dataset.train).features
    digits.save_classifier(directory, digits.with_unit_features(params, features), description)


EXPORTS: dict[str, Callable[[build.Experiment, Path, Mapping[str, State], Dataset], None]] = {
    "minegan": _adapter,
    "scratch": _source,
    "classifier": _classifier,
}
