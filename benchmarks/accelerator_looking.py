"""What samples and measures, on an accelerator against the host's float32: see `accelerator.py`."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np
from accelerator_right import PRECISIONS, SHAPE, Figures, relative_error

from minegan_jax import trees, weights
from minegan_jax.features import stored
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.efficientnet_lite import efficientnet_shapes
from minegan_jax.features.embed import Embedding, embed
from minegan_jax.mining.minegan import critic_of, mine
from minegan_jax.mining.noise import Noise
from minegan_jax.mining.settings import GameSettings
from minegan_jax.report import measure
from minegan_jax.sampling.generator import of_state
from minegan_jax.sources import load_source
from minegan_jax.types import Pixels

CLOSE = 1e-4  # that images, features and distances must be from the host's
T = TypeVar("T")
DISTANCES = ("frechet_distance", "kid", "kmmd_biased")  # those that no rounding makes jump


def on_both(look: Callable[[], T]) -> tuple[T, dict[str, T]]:
    """Returns what the host finds, and what the accelerator does in each precision."""
    with jax.default_device(jax.devices("cpu")[0]):
        expected = look()
    found = {}
    for name, precision in PRECISIONS.items():
        with jax.default_matmul_precision(precision):
            found[name] = look()
    return expected, found


def judged(errors: dict[str, dict[str, float]]) -> Figures:
    """Says in which precisions all errors are small."""
    within = {f"{name}_within": max(row.values()) <= CLOSE for name, row in errors.items()}
    return {**errors, "limit": CLOSE, **within}


def check_sampling(*, tiny: bool) -> Figures:
    """Compares images that a run's inference path draws from the packaged source."""

    def look() -> tuple[np.ndarray, Pixels]:
        source = load_source("mnist_without_9")
        method = mine([source], GameSettings(), SHAPE, critic_of(source))
        state = method.learner.init(None, jax.random.key(0))
        generator = of_state(method, state, [source.name])
        shape = 16, source.networks.latent_size
        latents = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        images = generator.generate(0, Noise(latents))
        return np.asarray(images), generator.sample(16 if tiny else 1000)

    expected, found = on_both(look)
    errors = {
        name: {
            "images": relative_error(images, expected[0]),
            # A rounding may take a pixel to its neighbour: what share it does.
            "pixels": float((pixels != expected[1]).mean()),
        }
        for name, (images, pixels) in found.items()
    }
    images_alone = judged({name: {"images": row["images"]} for name, row in errors.items()})
    return {**images_alone, **errors}


def random_efficientnet(folder: Path) -> str:
    """Writes EfficientNet-Lite0 with random weights; returns its name as `features`."""
    rng = np.random.default_rng(0)

    def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith("kernel"):
            inputs = np.prod(shape[:-1]) if len(shape) != 3 else np.prod(shape[:2])
            return (rng.normal(size=shape) * np.sqrt(2.0 / inputs)).astype(np.float32)
        one = name.rpartition("/")[2] in ("variance", "gain")
        return np.full(shape, float(one), np.float32)

    shapes = trees.named_shapes(efficientnet_shapes())
    tree = trees.from_named_leaves({name: drawn(name, shape) for name, shape in shapes.items()})
    file = folder / "random.safetensors"
    facts = {"name": "random EfficientNet-Lite0", "sha256": weights.save_tree(file, tree)}
    weights.save_description(file.with_suffix(".json"), facts, stored.FORMAT)
    return f"efficientnet_lite0:{file}"


def _pictures(count: int, size: int, channels: int, seed: int) -> Pixels:
    """Returns pictures of a few squares and some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, channels)).repeat(size // 4, 1).repeat(size // 4, 2)
    noise = rng.integers(0, 256, coarse.shape)
    return ((3 * coarse + noise) // 4).astype(np.uint8)


def check_features(name: str, *, tiny: bool) -> Figures:
    """Compares what a frozen network sees, and the distances that are measured in that."""
    count, size, channels = (12 if tiny else 250), 28, 1
    if name == "efficientnet_lite0":
        count, size, channels = (10 if tiny else 60), 64, 3
    real, fake = (_pictures(count, size, channels, seed) for seed in range(2))

    def look() -> tuple[Embedding, dict[str, float]]:
        with tempfile.TemporaryDirectory() as folder:
            random = name == "efficientnet_lite0"
            extractor = load_extractor(random_efficientnet(Path(folder)) if random else name)
        seen = embed(extractor, real), embed(extractor, fake)
        distances = measure.compare(seen[0].features, seen[1].features, k=5, seed=0)
        return seen[1], {each: distances[each] for each in DISTANCES if each in distances}

    expected, found = on_both(look)
    return judged(
        {
            name: {
                "features": relative_error(seen.features, expected[0].features),
                **{each: relative_error(distances[each], expected[1][each]) for each in distances},
            }
            for name, (seen, distances) in found.items()
        }
    )
