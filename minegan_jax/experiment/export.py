"""What a finished run leaves for others to use without its run folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minegan_jax import run_folder, sources, weights
from minegan_jax.data import Dataset, Digests
from minegan_jax.errors import InputError
from minegan_jax.experiment import build, used_fields
from minegan_jax.features import classifier
from minegan_jax.features.embed import embed
from minegan_jax.mining import mined_family, minegan
from minegan_jax.nets import family
from minegan_jax.sampling import adapter, generator
from minegan_jax.training.learner import State


def export(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    """Writes adapter, sources or classifier, as the method has them; `states` are by phase."""
    if experiment.config.method in EXPORTS:
        EXPORTS[experiment.config.method](experiment, workdir, states, dataset)


def _mined(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    """Writes the miners as an adapter and, where generators moved as well, each as a new source."""
    _adapter(experiment, workdir, states, dataset)
    if "finetune" not in states:
        return
    method, named = experiment.methods["finetune"], experiment.sources
    shape = minegan.shape_of(experiment.config.miner, experiment.config.classes)
    drawn = generator.of_state(method, states["finetune"], [source.name for source in named])
    for number, (source, share) in enumerate(zip(named, drawn.probabilities, strict=True)):
        if not share:
            continue
        networks = {"generator": mined_family.weights_of(drawn.weights[number])}
        if number == 0 and not experiment.other_critic:
            networks["critic"] = states["finetune"].params["critic"]
        one = len(named) == 1
        _save(
            workdir / run_folder.SOURCE / ("" if one else source.name),
            networks,
            {
                "name": workdir.name if one else f"{workdir.name}_{source.name}",
                "family": mined_family.NAME,
                "arguments": mined_family.arguments_of(source, shape),
                **_kept(source, "notes"),
            },
            experiment,
            dataset,
        )


def _adapter(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    method = experiment.methods["mine"]
    assert experiment.view is not None
    drawn = generator.of_state(method, states["mine"], [s.name for s in experiment.sources])
    adapter.save_adapter(
        workdir / run_folder.ADAPTER,
        [weights["miners"] for weights in drawn.weights],
        sources=experiment.sources,
        shape=minegan.shape_of(experiment.config.miner, experiment.config.classes),
        view=experiment.view,
        # As mining found them: dropping sources is a part of finetuning.
        probabilities=drawn.probabilities.tolist(),
        about={
            "target": dataset.description,
            "weights": drawn.kind,
        },
    )


def _source(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    """Writes generator and critic as a new source, with the images that they ever saw.

    A critic of another family than the generator's, or for images of another shape, stays behind.
    """
    (state,) = states.values()
    (trained,) = {**state.params, **state.ema_params}["generators"]
    networks = {"generator": trained}
    if not experiment.other_critic:
        networks["critic"] = state.params["critic"]
    description = {"name": workdir.name, **_described_networks(experiment, dataset)}
    _save(workdir / run_folder.SOURCE, networks, description, experiment, dataset)


def _save(
    directory: Path,
    networks: dict[str, Any],
    description: dict[str, Any],
    experiment: build.Experiment,
    dataset: Dataset,
) -> None:
    """Writes a source, in half precision, with what made it; one that lies there keeps its name."""
    made = {"config": used_fields.record(experiment.config), "images": dataset.description}
    named = {"name": _name_there(directory) or description["name"]}
    half, seen = weights.cast(networks, "float16"), _seen(experiment, dataset)
    sources.save_source(directory, half, {**description, **made, **named}, seen=seen)


def _name_there(directory: Path) -> str | None:
    """Returns the name of the source in a folder, if there is one: its run may have moved."""
    try:
        return sources.load_source(directory, weights_too=False).name
    except InputError:
        return None


def _kept(source: sources.Source, *names: str) -> dict[str, Any]:
    """Returns those of these parts of a source's description that it has."""
    return {name: source.description[name] for name in names if name in source.description}


def _seen(experiment: build.Experiment, dataset: Dataset) -> Digests | None:
    """Digests of a run's images and of those of the source that it finetuned, if it has them."""
    digests = dataset.train_digests
    for source in experiment.sources:
        if source.seen is None:
            return None
        digests = np.union1d(digests, source.seen)
    return digests


def _described_networks(experiment: build.Experiment, dataset: Dataset) -> dict[str, Any]:
    """Family, arguments and classes: those of the source that was finetuned, or the config's."""
    if experiment.sources:
        return _kept(experiment.sources[0], "family", "arguments", "class_names", "notes")
    config = experiment.config.network
    described = {"family": config.family, "arguments": family.arguments_of(config)}
    if config.num_classes:
        described["class_names"] = dataset.class_names[: config.num_classes]
    return described


def _classifier(
    experiment: build.Experiment, workdir: Path, states: Mapping[str, State], dataset: Dataset
) -> None:
    """Writes a classifier, and how often it is right on held-out images if there are any."""
    config, params = experiment.config.network, states["classifier"].params
    numbers = tuple(map(str, range(config.num_classes)))
    description: dict[str, Any] = {
        "name": workdir.name,
        "arguments": build.classifier_arguments(config),
        "class_names": dataset.class_names or numbers,
        "config": used_fields.record(experiment.config),
        "images": dataset.description,
    }
    directory = workdir / run_folder.CLASSIFIER
    classifier.save_classifier(directory, params, description)
    looks = classifier.load_classifier(directory)
    if len(dataset.held_out):
        found = embed(looks, dataset.held_out).probabilities.argmax(axis=1)
        description["held_out_accuracy"] = float((found == dataset.held_out_labels).mean())
    features = embed(looks, dataset.train).features
    classifier.save_classifier(
        directory, classifier.with_unit_features(params, features), description
    )


EXPORTS: dict[str, Callable[[build.Experiment, Path, Mapping[str, State], Dataset], None]] = {
    "minegan": _mined,
    "scratch": _source,
    "transfergan": _source,
    "classifier": _classifier,
}
