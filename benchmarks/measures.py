"""How long measuring takes, and in how much memory.

    python benchmarks/measures.py frechet
    python benchmarks/measures.py features --file=efficientnet_lite0.safetensors
    python benchmarks/measures.py all

`frechet`: the Frechet distance of two sets of 50,000 x 2,048 features. `features`: images of
64 pixels through EfficientNet-Lite0, extrapolated to 10,000; and the largest difference from the
features of PyTorch with the weights of ImageNet. `all`: every measure of 10,000 images, against
1,000 real ones, in 1,280 features. `--rows` and `--images` take fewer. Prints seconds, those of the
processors, which other work does not lengthen, and the peak of memory.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minegan_jax.evaluation import measure
from minegan_jax.evaluation.embed import embed
from minegan_jax.evaluation.frechet import frechet_distance
from minegan_jax.features.efficientnet_lite import load_efficientnet

FIXTURE = Path(__file__).parents[1] / "tests" / "fixtures" / "efficientnet_lite0" / "expected.npz"


def timed(name: str, run: Callable[[], object], scale: float = 1.0) -> None:
    """Runs and prints how long it took, times `scale`, and the peak of memory so far."""
    wall, processors = time.perf_counter(), time.process_time()
    run()
    wall, processors = time.perf_counter() - wall, time.process_time() - processors
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name}: {scale * wall:.0f} s, of processors {scale * processors:.0f} s,"
        f" peak {peak:.1f} GiB",
        flush=True,
    )


def features(count: int, width: int, seed: int) -> np.ndarray:
    """Returns features like those of a network: not negative, of falling variance."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, width))
    np.abs(rows, out=rows)
    rows *= np.linspace(1.0, 0.05, width)
    return rows


def measure_frechet(count: int) -> None:
    """Times the Frechet distance."""
    real, fake = (features(count, 2048, seed) for seed in (0, 1))
    timed(f"Frechet distance of {count:,} x 2,048", lambda: frechet_distance(real, fake))


def measure_features(file: str, count: int) -> None:
    """Times the network, and compares it with PyTorch."""
    extractor = load_efficientnet(file)
    rng = np.random.default_rng(224)  # the images of the fixture, as its test makes them
    coarse = rng.integers(0, 256, (2, 28, 28, 3)).repeat(8, axis=1).repeat(8, axis=2)
    shown = ((7 * coarse + rng.integers(0, 256, (2, 224, 224, 3))) // 8).astype(np.uint8)
    difference = np.abs(embed(extractor, shown).features - np.load(FIXTURE)["imagenet"]).max()
    print(f"largest difference from PyTorch: {difference:.1e}")
    pixels = rng.integers(0, 256, (count, 64, 64, 3), np.uint8)
    embed(extractor, pixels[:1])
    name = f"10,000 images through EfficientNet-Lite0 (from {count})"
    timed(name, lambda: embed(extractor, pixels), scale=10_000 / count)


def measure_all(count: int) -> None:
    """Times the measures of one report, each against held-out and training images."""
    real, fake = features(1000, 1280, 0), features(count, 1280, 1)
    reals = measure.Reals(real[:500], real[500:])
    timed("distances with intervals", lambda: measure.distances(reals, fake, k=5, seed=0))

    def copies() -> None:
        remembered = measure.remembered(reals, fake, 0)
        measure.copying(reals, fake, 0)
        measure.judged(reals, fake, remembered)

    timed("memorisation and verdict", copies)


def main() -> None:
    """Runs one of the three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["frechet", "features", "all"])
    parser.add_argument("--file", default="efficientnet_lite0.safetensors")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    if options.what == "frechet":
        measure_frechet(options.rows or 50_000)
    elif options.what == "features":
        measure_features(options.file, options.images)
    else:
        measure_all(options.rows or 10_000)


if __name__ == "__main__":
    main()
