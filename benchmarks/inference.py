"""Times images drawn through the miners against images of the generator alone, on a CPU.

    python benchmarks/inference.py [--out=docs/results/speed.json]

The generator is a BigGAN of 64 pixels; two miners of 4 layers stand in front of it. As many images
are drawn at once as a run's `sample` draws.
"""

import argparse
from pathlib import Path

import jax
import results
from timing import fresh_source, medians

from minegan_jax.mining.minegan import MinerShape, critic_of, mine
from minegan_jax.mining.noise import sample_noise
from minegan_jax.mining.settings import GameSettings
from minegan_jax.sampling import generator

RESOLUTION = 64
NUM_CLASSES = 1000  # of ImageNet: the miners see which, one-hot


def main() -> None:
    """Times both in turn and keeps the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=generator.BLOCK_PIXELS // RESOLUTION**2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    size = {"resolution": RESOLUTION, "channels": 3, "width": options.width, "latent_size": 100}
    source = fresh_source("biggan", num_classes=NUM_CLASSES, attention=(2,), **size)
    shape = MinerShape(depth=4, width=1024)
    method = mine([source], GameSettings(), shape, critic_of(source))
    state = method.learner.init(None, jax.random.key(0))
    behind, weights = method.sources[0], method.weights(state)[0]
    noise = sample_noise(jax.random.key(1), (options.batch,), behind.noise)
    given = jax.block_until_ready(behind.mined(weights, noise))
    alone = jax.jit(source.networks.generate)
    took = medians(
        {
            "mined": lambda: behind.generate(weights, noise).block_until_ready(),
            "alone": lambda: alone(source.generator, *given).block_until_ready(),
        },
        options.rounds,
    )
    each = {f"{name}_milliseconds": 1000 * taken / options.batch for name, taken in took.items()}
    figures = {**each, "mined_over_alone": took["mined"] / took["alone"]}
    results.keep(options.out, "inference", figures)


if __name__ == "__main__":
    main()
