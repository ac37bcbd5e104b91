"""One generator several times, at different resolutions: the selector must not tell them apart.

    python benchmarks/copies.py --out=docs/results/copies.json

Three copies of the packaged source are mined for nines: as it is, with every pixel repeated (56
pixels), and enlarged linearly (42 pixels). Writes p of each; 1/3 each is right.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from minegan_jax.config import from_config_dict, load_config, replaced
from minegan_jax.data import make_batch_at
from minegan_jax.experiment import target_images
from minegan_jax.experiment.build import build
from minegan_jax.mining import minegan, selector
from minegan_jax.nets.image_resize import enlarge
from minegan_jax.nets.resampling import upsample
from minegan_jax.sources import Source
from minegan_jax.training import devices, loop
from minegan_jax.training.learner import Phase, State
from minegan_jax.types import Images, Latents, Params

FIELDS = {"selector.window": 200, "run.batch_size": 32, "game.critic_steps": 2}


def resized(source: Source, resolution: int, resize: Callable[[Images], Images]) -> Source:
    """Returns a source whose images have another resolution."""
    generate = source.networks.generate

    def generate_resized(params: Params, latents: Latents) -> Images:
        return resize(generate(params, latents))

    networks = source.networks._replace(generate=generate_resized, resolution=resolution)
    return source._replace(networks=networks)


def share_of_each(seed: int, num_steps: int) -> list[float]:
    """Mines the copies with one seed; returns p."""
    config = replaced(from_config_dict(load_config("mnist")), {**FIELDS, "run.seed": seed})
    experiment = build(config)
    (source,) = experiment.sources
    sources = (
        source,
        resized(source, 56, upsample),
        resized(source, 42, partial(enlarge, resolution=42)),
    )
    method = minegan.mine(
        sources, config.game_settings(), minegan.shape_of(config.miner), minegan.critic_of(source)
    )
    dataset = target_images.load(experiment)
    mesh = devices.make_mesh(config.run.batch_size)
    (state,) = loop.run(
        [Phase("mine", num_steps, method.learner)],
        make_batch_at(
            dataset.train,
            dataset.train_labels,
            batch_size=config.run.batch_size,
            turns=config.game.critic_steps,
            seed=seed,
            sharding=devices.split(mesh),
        ),
        mesh=mesh,
        seed=seed,
        stores=[Nowhere()],
        hooks=[],
    )
    return np.asarray(selector.probabilities(state.selector)).tolist()


class Nowhere:
    """Keeps no state."""

    def newest(self, like: State) -> None:
        """Returns none."""
        del like


def main() -> None:
    """Writes p of each copy, a list for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    devices.use_compilation_cache()
    found = {}
    for seed in options.seeds:
        found[f"seed {seed}"] = share_of_each(seed, options.steps)
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
