"""How long measuring takes, and in how much memory.

    python benchmarks/measures.py frechet
    python benchmarks/measures.py features --file=efficientnet_lite0.safetensors
    python benchmarks/measures.py all
    python benchmarks/measures.py evaluate --workdir=RUN

`frechet`: the Frechet distance of two sets of 50,000 x 2,048 features. `features`: images of
64 pixels through EfficientNet-Lite0, extrapolated to 10,000; and the largest difference from the
features of PyTorch with the weights of ImageNet. `all`: every measure of 10,000 images of 64
pixels, against 1,000 real ones, in 1,280 features. `evaluate`: 50,000 images of each phase of a
finished run, drawn and measured; the run's report becomes that one. `--rows` and `--images` take
fewer. Figures are seconds, those of the processors, which other work does not lengthen, and the
peak of memory; `--out` keeps them.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import results

from minegan_jax import experiment
from minegan_jax.features.efficientnet_lite import load_efficientnet
from minegan_jax.features.embed import embed
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.near_copies import near_copies
from minegan_jax.metrics.shown import shown
from minegan_jax.report import measure

FIXTURE = Path(__file__).parents[1] / "tests" / "fixtures" / "efficientnet_lite0" / "expected.npz"


def timed(run: Callable[[], object], scale: float = 1.0) -> dict[str, float]:
    """Runs; returns how long it took, times `scale`, and the peak of memory so far."""
    wall, processors = time.perf_counter(), time.process_time()
    run()
    wall, processors = time.perf_counter() - wall, time.process_time() - processors
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    taken = {"seconds": scale * wall, "processor_seconds": scale * processors}
    return {**taken, "gibibytes": peak}


def features(count: int, width: int, seed: int) -> np.ndarray:
    """Returns features like those of a network: not negative, of falling variance."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, width))
    np.abs(rows, out=rows)
    rows *= np.linspace(1.0, 0.05, width)
    return rows


def measure_frechet(count: int) -> dict[str, float]:
    """Times the Frechet distance."""
    real, fake = (features(count, 2048, seed) for seed in (0, 1))
    return {"rows": count, **timed(lambda: frechet_distance(real, fake))}


def measure_features(file: str, count: int) -> dict[str, float]:
    """Times the network, and compares it with PyTorch."""
    extractor = load_efficientnet(file)
    rng = np.random.default_rng(224)  # the images of the fixture, as its test makes them
    coarse = rng.integers(0, 256, (2, 28, 28, 3)).repeat(8, axis=1).repeat(8, axis=2)
    shown = ((7 * coarse + rng.integers(0, 256, (2, 224, 224, 3))) // 8).astype(np.uint8)
    difference = np.abs(embed(extractor, shown).features - np.load(FIXTURE)["imagenet"]).max()
    pixels = rng.integers(0, 256, (count, 64, 64, 3), np.uint8)
    embed(extractor, pixels[:1])
    taken = timed(lambda: embed(extractor, pixels), scale=10_000 / count)
    return {"images": count, "largest_difference_from_torch": float(difference), **taken}


def measure_all(count: int) -> dict[str, float]:
    """Times the measures of one report, each against held-out and training images."""
    real, fake = features(1000, 1280, 0), features(count, 1280, 1)
    rng = np.random.default_rng(2)
    parts = [rng.integers(0, 256, (n, 64, 64, 3), np.uint8) for n in (500, 500, count)]

    def every_measure() -> None:
        train, held_out = (shown(pixels, flip=False) for pixels in parts[:2])
        rows = train._replace(rows=real[:500]), held_out._replace(rows=real[500:])
        reals = measure.Reals(*rows)
        measure.distances(reals, fake, k=5, seed=0)
        remembered = measure.remembered(reals, fake, 0)
        measure.copying(reals, fake, 0)
        near = near_copies(train, held_out, parts[2])
        measure.judged(reals, fake, remembered, near)

    return {"rows": count, **timed(every_measure)}


def measure_evaluation(workdir: Path, count: int) -> dict[str, float]:
    """Times the evaluation of a run."""
    run = experiment.open_run(workdir)
    return {"images": count, **timed(lambda: run.evaluate(count))}


def main() -> None:
    """Runs one of the four."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["frechet", "features", "all", "evaluate"])
    parser.add_argument("--file", default="efficientnet_lite0.safetensors")
    parser.add_argument("--images", type=int)
    parser.add_argument("--workdir", type=Path, default="RUN")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.what == "frechet":
        figures = measure_frechet(options.rows or 50_000)
    elif options.what == "features":
        figures = measure_features(options.file, options.images or 300)
    elif options.what == "evaluate":
        figures = measure_evaluation(options.workdir, options.images or 50_000)
    else:
        figures = measure_all(options.rows or 10_000)
    results.keep(options.out, f"measures {options.what}", figures)


if __name__ == "__main__":
    main()
