"""What a run shows in the end: every phase's images, measured and pictured."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minegan_jax import pictures, runs, sampling
from minegan_jax.adapters import Mined
from minegan_jax.config import Config
from minegan_jax.data import Dataset
from minegan_jax.errors import InputError
from minegan_jax.evaluation import measure, report
from minegan_jax.evaluation.embed import embed
from minegan_jax.evaluation.memorisation import exact_copies
from minegan_jax.features import digits
from minegan_jax.features.extractor import Extractor
from minegan_jax.methods import finetuning
from minegan_jax.methods.adversarial import Rules
from minegan_jax.methods.base import State, TransferMethod
from minegan_jax.sources import PACKAGED, Source
from minegan_jax.types import Pixels

PANEL = 6  # rows and columns of each panel of the comparison
WALKS = 8  # rows, and steps of each, of the latent walks
QUICK_IMAGES = 500  # measured while training

# The frozen networks that can look at images, by the name that a config gives.
EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    name: partial(digits.load_classifier, PACKAGED / name) for name in ("digits", "digits_judge")
}


def load_extractor(name: str) -> Extractor:
    """Loads a network of `EXTRACTORS`."""
    if name not in EXTRACTORS:
        raise InputError(f"unknown features {name!r}: expected one of {', '.join(EXTRACTORS)}")
    return EXTRACTORS[name]()


def unmined(sources: Sequence[Source]) -> dict[str, Mined]:
    """Returns the sources as they came, drawn from their prior; one is called `source`."""
    named = {}
    for source in sources:
        method = finetuning.transfergan(source, Rules())
        name = "source" if len(sources) == 1 else f"source {source.name}"
        named[name] = Mined(method, method.learner.init(None, jax.random.key(0)))
    return named


def quick_measure(
    config: Config, dataset: Dataset, methods: Mapping[str, TransferMethod]
) -> Callable[[str, State], dict[str, Any]]:
    """Returns what measures a state while training, against held-out images if there are any."""
    features, judge = load_extractor(config.features), load_extractor(config.judge)
    reals = dataset.held_out if len(dataset.held_out) else dataset.train
    real = embed(features, reals).features

    def measured(phase: str, state: State) -> dict[str, Any]:
        images = sampling.sample(methods[phase], state, QUICK_IMAGES, seed=config.seed)
        fake = embed(features, images).features
        seen = embed(judge, images).probabilities
        return {
            **measure.compare(real, fake, k=config.neighbours, seed=config.seed),
            "recognised": measure.recognised(seen, judge.class_names),
        }

    return measured


def write_report(
    workdir: Path,
    config: Config,
    dataset: Dataset,
    phases: Mapping[str, Mined],
    *,
    num_images: int,
    seed: int,
) -> dict[str, Any]:
    """Measures and pictures every phase; writes `report.json` and `report.md`.

    Args:
      workdir: the run folder.
      config: the run's.
      dataset: its target images.
      phases: what to measure, by name; the last one is also walked and searched for copies.
      num_images: generated images of each phase.
      seed: of images and subsets.

    Returns:
      What `report.json` holds.
    """
    features, judge = load_extractor(config.features), load_extractor(config.judge)
    reals = measure.Reals(
        *(_features(features, pixels) for pixels in (dataset.train, dataset.held_out))
    )
    images = {name: mined.sample(num_images, seed) for name, mined in phases.items()}
    measured = {}
    for name, pixels in images.items():
        fake = embed(features, pixels)
        judged = embed(judge, pixels)
        measured[name] = measure.measure(
            reals, fake, judged, judge.class_names, k=config.neighbours, seed=seed
        )
        measured[name]["exact_copies"] = exact_copies(dataset.train, pixels)
    _save_pictures(workdir / runs.SAMPLES, dataset, phases, images, reals, features, seed)
    last = list(phases.values())[-1]
    record = {
        "recipe": {
            "features": {"name": features.name, "sha256": features.sha256},
            "judge": {"name": judge.name, "sha256": judge.sha256},
            "num_generated": num_images,
            "seed": seed,
            "neighbours": config.neighbours,
            "target": dataset.description,
        },
        "real": measure.real_reference(reals, k=config.neighbours, seed=seed),
        "phases": measured,
        "selector": _selector(config, last),
    }
    report.write(workdir, record, pictures=["comparison", "closest", "walk"])
    return record


def _features(extractor: Extractor, pixels: Pixels) -> np.ndarray:
    """Embeds images, of which there may be none."""
    if len(pixels):
        return embed(extractor, pixels).features
    return np.zeros((0, len(embed(extractor, np.zeros((1, 28, 28, 1), np.uint8)).features[0])))


def _selector(config: Config, mined: Mined) -> list[dict[str, Any]]:
    """Returns how often each source is used, in the config's order."""
    shares = np.asarray(mined.method.probabilities(mined.state)).tolist()
    return [
        {"name": name, "probability": share}
        for name, share in zip(config.sources, shares, strict=False)
    ]


def _save_pictures(
    directory: Path,
    dataset: Dataset,
    phases: Mapping[str, Mined],
    images: Mapping[str, Pixels],
    reals: measure.Reals,
    features: Extractor,
    seed: int,
) -> None:
    """Writes the comparison of all phases, the closest pairs and the walks of the last phase."""
    panels = [pixels[: PANEL**2] for pixels in images.values()] + [dataset.train[: PANEL**2]]
    pictures.save_png(
        directory / "comparison.png", pictures.side_by_side(panels, columns=PANEL), magnify=2
    )
    last, mined = list(phases.items())[-1]
    walk = sampling.latent_walk(
        mined.method, mined.state, num_walks=WALKS, num_steps=WALKS, seed=seed
    )
    pictures.save_png(directory / "walk.png", pictures.grid(walk, columns=WALKS))
    copies = measure.remembered(reals, embed(features, images[last]).features, seed=seed)
    if copies is not None:
        fakes, nearest = copies.closest.T
        pairs = np.stack([images[last][fakes], dataset.train[nearest]], axis=1)
        rows = pairs.reshape(-1, *pairs.shape[2:])
        pictures.save_png(directory / "closest.png", pictures.grid(rows, columns=8))
