"""Images as FID sees them: resized by one of the published rules, then through Inception-v3.

The rules give different figures, so an extractor carries its rule in its name. The first two look
at pixels as they are, without smoothing before they shrink; clean-fid smooths (Parmar et al. 2022,
arXiv:2104.11222).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.features import stored
from minegan_jax.features.extractor import Extractor
from minegan_jax.features.inception import NUM_CLASSES, RESOLUTION, ConvUnit, Inception, Mixed
from minegan_jax.nets.function import as_function, layers_of
from minegan_jax.types import Images, Params

ADVICE = (
    "`minegan convert inception_fid` converts pt_inception-2015-12-05-6726825d.pth of pytorch-fid's"
    " releases, or weights-inception-2015-12-05-6726825d.pth of torch-fidelity's"
)

Values = Float[Array, "batch height width channels"]  # in [0, 255]
Places = Float[np.ndarray, "pixels"]
Mixing = Float[np.ndarray, "new old"]  # weights of the old pixels in the new ones


class Rule(NamedTuple):
    """How values in [0, 255] become Inception's input."""

    mixing: Callable[[int], Mixing]  # of so many old pixels
    normalise: Callable[[Values], Values]  # towards [-1, 1]


def _corner_places(size: int) -> Places:
    """Starts at the first pixel, as TensorFlow 1 does; its step has single precision."""
    return np.arange(RESOLUTION) * np.float64(np.float32(size / RESOLUTION))


def _centre_places(size: int) -> Places:
    """Aligns the centres of the first and the last pixel's areas, as PyTorch does."""
    return np.maximum((np.arange(RESOLUTION) + 0.5) * (size / RESOLUTION) - 0.5, 0.0)


def _linear(places: Callable[[int], Places], size: int) -> Mixing:
    """Mixes the two neighbours of each place between the old pixels."""
    found = places(size)
    below = np.minimum(found.astype(int), size - 1)
    above = np.minimum(below + 1, size - 1)
    share = (found - below)[:, None]
    return (1.0 - share) * np.eye(size)[below] + share * np.eye(size)[above]


def _bicubic(size: int) -> Mixing:
    """Weighs old pixels by a cubic (Keys 1981, a = -1/2), as Pillow does.

    Where the image shrinks, the cubic is as much wider, so that nothing is skipped.
    """
    step = size / RESOLUTION
    wider = max(1.0, step)
    centres = (np.arange(RESOLUTION)[:, None] + 0.5) * step
    far = np.abs((np.arange(size)[None] + 0.5 - centres) / wider)
    near = (1.5 * far - 2.5) * far**2 + 1.0
    beyond = ((-0.5 * far + 2.5) * far - 4.0) * far + 2.0
    weights = np.where(far < 1, near, np.where(far < 2, beyond, 0.0))
    return weights / weights.sum(axis=1, keepdims=True)


def _from_tensorflow(values: Values) -> Values:
    return (values - 128.0) / 128.0


RULES = {
    "torch_fidelity": Rule(partial(_linear, _corner_places), _from_tensorflow),
    "pytorch_fid": Rule(
        partial(_linear, _centre_places), lambda values: 2.0 * (values / 255.0) - 1.0
    ),
    # A cubic overshoots at edges.
    "clean_fid": Rule(_bicubic, lambda values: _from_tensorflow(values.clip(0.0, 255.0))),
}


def resize(values: Values, rule: Rule) -> Float[Array, "batch 299 299 channels"]:
    """Resizes by one of `RULES`, rows and columns apart."""
    rows, columns = (jnp.asarray(rule.mixing(size), values.dtype) for size in values.shape[1:3])
    return jnp.einsum("bhwc,rh,sw->brsc", values, rows, columns, precision="highest")


def look(params: Params, images: Images, rule: Rule) -> tuple[jax.Array, jax.Array]:
    """Returns features (batch, 2048) and logits (batch, 1008) of images that were whole pixels.

    Args:
      params: of `Inception`.
      images: (batch, height, width, 3) in [-1, 1].
      rule: one of `RULES`.
    """
    values = jnp.round((images + 1.0) * 127.5)  # exact again, whatever the scaling lost
    return as_function(Inception())(params, rule.normalise(resize(values, rule)))


def logits(params: Params, images: Images, rule: Rule) -> jax.Array:
    """Returns the logits of any images; arguments as for `maps`."""
    values = (images + 1.0) * 127.5
    return as_function(Inception())(params, rule.normalise(resize(values, rule)))[1]


def maps(params: Params, images: Images, rule: Rule) -> tuple[jax.Array, ...]:
    """Returns the outputs of each convolution before the blocks, and of each block.

    Args:
      params: of `Inception`.
      images: (batch, height, width, 3) in [-1, 1]; not rounded, which would stop gradients.
      rule: one of `RULES`.
    """
    values = (images + 1.0) * 127.5
    layers = layers_of(Inception(), ConvUnit, Mixed)
    return layers(params, rule.normalise(resize(values, rule)))


def load_inception(file: str | Path, rule: str) -> Extractor:
    """Loads Inception-v3 as `weights_conversion.inception_fid` wrote it.

    Args:
      file: the weights; their description lies beside them, as `.json`.
      rule: a key of `RULES`.

    Raises:
      InputError: there is no such rule, or a file is missing or damaged.
    """
    if rule not in RULES:
        raise InputError(f"unknown resize rule {rule!r}: expected {' or '.join(RULES)}")
    kept = stored.load_network(file, inception_shapes(), name="Inception-v3", advice=ADVICE)

    def see(params: Params, images: Images) -> tuple[jax.Array, jax.Array]:
        features, logits = look(params, images, RULES[rule])
        return features, nn.softmax(logits)

    return stored.as_extractor(
        kept,
        see,
        partial(logits, rule=RULES[rule]),
        partial(maps, rule=RULES[rule]),
        resolution=None,
        num_classes=NUM_CLASSES,
        rule=rule,
    )


def inception_shapes() -> Params:
    """Returns the shapes of Inception's weights."""
    images = jnp.zeros((1, RESOLUTION, RESOLUTION, 3), jnp.float32)
    return jax.eval_shape(Inception().init, jax.random.key(0), images)["params"]
