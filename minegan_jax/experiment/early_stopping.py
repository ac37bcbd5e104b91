"""Early stopping: asks, while a phase runs, whether it knows its training images by heart."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np

from minegan_jax.config import Config
from minegan_jax.data import Dataset
from minegan_jax.errors import InputError
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.embed import embed
from minegan_jax.metrics import overfitting
from minegan_jax.metrics.shown import shown
from minegan_jax.mining.method import TransferMethod
from minegan_jax.sampling.generator import Generator
from minegan_jax.training import hosts, log
from minegan_jax.training.learner import State
from minegan_jax.training.loop import Progress, StopFn, never_stop
from minegan_jax.types import to_unit_range

NUM_FAKES = 200  # generated images that are looked at


def make_stop_fn(
    config: Config,
    dataset: Dataset,
    methods: Mapping[str, TransferMethod],
    drawn: Callable[[str, State], Generator],
    write: log.Write,
) -> StopFn:
    """Returns the stopping rule, which the loop asks after each step.

    Args:
      config: `target.num_validation` is 0, and phases end by their steps, or
        `run.evaluate_every_steps` is not.
      dataset: with the validation images.
      methods: by phase.
      drawn: gives what draws images in a phase's state.
      write: writes the signs into the metrics file.

    Raises:
      InputError: what the config asks for cannot be done, see `_network`.
    """
    if not config.target.num_validation:
        return never_stop
    features = load_extractor(_network(config, methods))
    pixels = shown(dataset.train, flip=config.target.flip)
    train = pixels._replace(rows=embed(features, pixels.rows).features)
    overfitting.signs(0.0, train, train.images)  # too few images are better found now

    def signs(phase: str, state: State) -> overfitting.Signs:
        images = drawn(phase, state).as_measured().sample(NUM_FAKES, config.run.seed)
        asked = dataset.train[:NUM_FAKES], dataset.validation, images
        score = methods[phase].score
        assert score is not None
        # A critic that compares images sees as many together in each of the three.
        most = min(map(len, asked))
        gap = overfitting.critic_gap(
            *(np.asarray(score(state, to_unit_range(jnp.asarray(each)), most)) for each in asked)
        )
        return overfitting.signs(gap, train, embed(features, images).features)

    def should_stop(progress: Progress) -> bool:
        if progress.step % config.run.evaluate_every_steps:
            return False
        state = hosts.gathered(progress.state)

        def decide() -> np.ndarray:
            found = signs(progress.phase.name, state)
            if progress.metrics:  # else a run resumes here, and wrote the line before it was cut
                where = {"phase": progress.phase.name, "step": progress.step}
                write({**where, "signs": found._asdict()})
            return np.array(overfitting.overfits(found))

        return bool(hosts.from_primary(decide, np.array(False)))

    return should_stop


def _network(config: Config, methods: Mapping[str, TransferMethod]) -> str:
    """Returns the name of the network that looks for copies.

    Raises:
      InputError: the config has none, does not say how often it looks, or a method has no critic.
    """
    if not config.run.evaluate_every_steps:
        raise InputError(
            "target.num_validation without run.evaluate_every_steps: expected how often"
        )
    if not methods or any(method.score is None for method in methods.values()):
        raise InputError(
            f"target.num_validation: {config.method!r} has no critic to ask without labels:"
            " expected 0, or one of minegan, transfergan and scratch"
        )
    if config.report.features is None:
        raise InputError(
            "target.num_validation asks report.features for copies: expected a network, or 0"
        )
    return config.report.features
