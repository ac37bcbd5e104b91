"""Is the target on a source's manifold? The nearest image that each source can make, and a verdict.

Beside the target images stand fresh samples of the source itself, which the same search should
find again, and the target images with their parts in another order, which no source knows.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from minegan_jax.config import Config
from minegan_jax.data import load_dataset
from minegan_jax.errors import InputError
from minegan_jax.experiment import critics, load_sources
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.files import as_path, write_atomically
from minegan_jax.nets.image_resize import ImageShape, box_view
from minegan_jax.report import image_grids
from minegan_jax.sampling import projection
from minegan_jax.sampling.projection import Comparison, Projection, Space
from minegan_jax.sources import Source, load_source
from minegan_jax.training import devices
from minegan_jax.types import Images, Pixels, to_pixels, to_unit_range

See = Callable[[Images], Images]  # a source's own images to those that are compared
JSON_NAME, PICTURE, LATENTS = "projection.json", "projection.png", "projection.npz"
MOST_IMAGES = 64
SHOWN = 8  # pairs in the picture
BANDS = 4  # of rows and of columns, in another order in an image of another kind
# Shares of the way from a source's own samples (0) to images of another kind (1). Of digits that a
# source knows they are about 0.3; of those that mining makes recognisable, below the second; see
# `benchmarks/nearest.py`.
REACHED, NEAR = 0.4, 0.75
STREAM = 0x5B  # keeps these draws apart from those of samples with the same seed


class Row(TypedDict):
    """A source's figures in `projection.json`, in the unit of `projection.Comparison`."""

    source: str
    space: str  # "z" or "w"
    target: float  # mean difference of the target's images and the nearest ones that were found
    own_samples: float  # of the source's own samples
    another_kind: float  # of images of another kind
    share: float  # how far the target is, from own samples (0) to another kind (1)
    seconds_an_image: float


class Found(NamedTuple):
    """What the searches of one source found."""

    source: str
    space: str  # "z" or "w"
    target: Projection
    own: Projection  # of fresh samples of the source itself: what the search leaves
    other: Projection  # of images of another kind
    seconds: float  # that the searches took


def project(
    config: Config,
    workdir: str | Path,
    *,
    num_images: int = 16,
    seed: int = 0,
    load: load_sources.Load = load_source,
) -> dict[str, Any]:
    """Searches the images of each source that are nearest to the target's; writes what it finds.

    Args:
      config: names sources, classes, target, view and, in `report.features`, the network that
        compares.
      workdir: gets `projection.json`, `projection.png` and `projection.npz`.
      num_images: of the target, the first ones of those to train on; 2 to 64.
      seed: of the searches.
      load: loads a source by what the config calls it.

    Returns:
      What `projection.json` holds.

    Raises:
      InputError: there are fewer images, or the sources or images are not there.
    """
    if not 2 <= num_images <= MOST_IMAGES:
        raise InputError(f"num_images {num_images}: expected 2 to {MOST_IMAGES}")
    workdir = as_path(workdir)
    devices.use_compilation_cache()
    if config.report.features is None:
        raise InputError("report.features: expected a network whose features compare images")
    loaded = load_sources.load_sources(config, load)
    load_sources.check_colours(config, loaded)
    shape, views = _views(config, loaded)
    dataset = load_dataset(config.target, **shape._asdict())
    pixels = dataset.train[:num_images]
    images = to_unit_range(jnp.asarray(pixels))
    compare = projection.comparison(load_extractor(config.report.features), images)
    searched = [
        (source, _seen(space, view))
        for source, view in zip(loaded, views, strict=True)
        for space in projection.spaces(source.networks, config.classes)
    ]
    bar = tqdm(searched, desc="project", unit="search")
    found = [_searched(source, space, compare, pixels, seed) for source, space in bar]
    rows = sorted(map(_row, found), key=lambda row: row["share"])
    record = {
        "target": dataset.description["spec"],
        "labels": dataset.description["labels"],
        "features": config.report.features,
        "num_images": len(pixels),
        "seed": seed,
        "sources": rows,
        "verdict": verdict(rows),
    }
    _write(workdir, record, found, pixels)
    return record


def _views(config: Config, loaded: Sequence[Source]) -> tuple[ImageShape, list[See]]:
    """Returns the shape in which images are compared, and how each source's images come there."""
    own = [ImageShape(each.networks.resolution, each.networks.channels) for each in loaded]
    boxes = critics.boxes_of(config, loaded)
    pixels = [box.pixels(shape.resolution) for box, shape in zip(boxes, own, strict=True)]
    resolution = config.view.resolution or min(pixels)
    shape = ImageShape(resolution, config.view.channels or min(each.channels for each in own))
    return shape, [box_view(box, *shape, through=min(pixels)) for box in boxes]


def _seen(space: Space, view: See) -> Space:
    """Returns the same search, in front of images as they are compared."""
    return space._replace(make=lambda params, searched: view(space.make(params, searched)))


def _searched(
    source: Source, space: Space, compare: Comparison, pixels: Pixels, seed: int
) -> Found:
    """Searches the target, the source's own samples, and images of another kind."""
    params, start = jax.device_put(source.generator), time.perf_counter()
    of_samples, of_starts = jax.random.split(jax.random.fold_in(jax.random.key(seed), STREAM))
    samples = space.make(params, space.start(params, of_samples, len(pixels)))
    first, last = (to_unit_range(jnp.asarray(each)) for each in (pixels, _scrambled(pixels, seed)))
    images = jnp.concatenate([first, samples, last])
    nearest = projection.project(space, params, compare, images, of_starts)
    thirds = (np.split(rows, 3) for rows in nearest)
    target, own, other = map(Projection._make, zip(*thirds, strict=True))
    seconds = time.perf_counter() - start
    return Found(source.name, space.name, target, own, other, seconds)


def _scrambled(pixels: Pixels, seed: int) -> Pixels:
    """Returns images with their bands of rows and of columns in another order."""
    rng = np.random.default_rng(seed)
    for axis in (1, 2):
        bands = np.array_split(pixels, BANDS, axis=axis)
        order = rng.permutation(np.arange(1, BANDS))  # the first one comes last, none keeps all
        pixels = np.concatenate([bands[number] for number in (*order, 0)], axis=axis)
    return pixels


def _row(found: Found) -> Row:
    """Returns the figures of a source."""
    target, own, other = (
        float(each.distances.mean()) for each in (found.target, found.own, found.other)
    )
    return {
        "source": found.source,
        "space": found.space,
        "target": target,
        "own_samples": own,
        "another_kind": other,
        "share": (target - own) / max(other - own, projection.SMALLEST),
        "seconds_an_image": found.seconds / (3 * len(found.target.distances)),
    }


def verdict(rows: Sequence[Row]) -> str:
    """Returns which source is nearest, and what must be done to it.

    Args:
      rows: the nearest first.
    """
    best = rows[0]
    is_nearest = " is nearest" if len({row["source"] for row in rows}) > 1 else ""
    if best["share"] <= REACHED:
        follows = "mining alone can reach the target"
    elif best["share"] <= NEAR:
        follows = "mining comes near, finetuning must do the rest"
    else:
        follows = "mining alone cannot reach the target, finetuning must"
    return (
        f"{best['source']}{is_nearest}: of the way from its own samples to images of another kind,"
        f" the target lies at {100 * best['share']:.0f} %: {follows}"
    )


def _write(workdir: Path, record: dict[str, Any], found: list[Found], pixels: Pixels) -> None:
    """Writes the figures, the pairs, and the latents."""
    workdir.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {"targets": pixels}
    rows = {"target": [pixels[:SHOWN]]}
    for each in found:
        name = f"{each.source}_{each.space}"
        seen = np.asarray(to_pixels(jnp.asarray(each.target.images)))
        arrays |= {f"{name}_latents": each.target.latents, f"{name}_images": seen}
        rows[f"{each.source}, {each.space}"] = [seen[:SHOWN]]
    write_atomically(
        workdir / LATENTS, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays)
    )
    image_grids.save_png(workdir / PICTURE, image_grids.strips(rows), magnify=1)
    write_atomically(workdir / JSON_NAME, json.dumps(record, indent=2).encode())
