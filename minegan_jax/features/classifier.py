"""A small classifier of small images: its last hidden layer measures, its output judges."""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax import weights
from minegan_jax.errors import InputError
from minegan_jax.features.extractor import Extractor
from minegan_jax.nets.convolution import Conv
from minegan_jax.nets.function import as_function, layers_of
from minegan_jax.nets.resampling import max_pool
from minegan_jax.types import Features, Images, Params

JSON_NAME = "classifier.json"
FORMAT = 1  # of classifier.json and what lies beside it
ARGUMENTS = weights.Kind(
    "an object of width, num_features, num_classes, resolution and channels, whole numbers",
    lambda value: (
        isinstance(value, dict)
        and value.keys() == {"width", "num_features", "num_classes", "resolution", "channels"}
        and all(map(weights.is_count, value.values()))
    ),
)


class Classifier(nn.Module):
    """Three convolutions, each followed by max-pooling, and two fully connected layers.

    Attributes:
      width: channels of the first convolution; the next two have 2 and 4 times as many.
      num_features: length of the last hidden layer.
      num_classes: that it tells apart.
      resolution: of the images, in pixels.
      channels: of the images: 1 grey, 3 RGB.
    """

    width: int = 16
    num_features: int = 64
    num_classes: int = 10
    resolution: int = 28
    channels: int = 1

    @nn.compact
    def __call__(
        self, images: Images
    ) -> tuple[Float[Array, "batch features"], Float[Array, "batch classes"]]:
        """Maps images in [-1, 1] to features and to the logits of the classes."""
        x = images
        for i in range(3):
            x = max_pool(nn.relu(Conv(self.width * 2**i)(x)))
        features = nn.relu(nn.Dense(self.num_features)(x.reshape(len(x), -1)))
        return features, nn.Dense(self.num_classes)(features)


def init_classifier(classifier: Classifier, key: jax.Array) -> Params:
    """Returns fresh weights."""
    size = classifier.resolution
    return jax.jit(classifier.init)(key, jnp.zeros((1, size, size, classifier.channels)))["params"]


def with_unit_features(params: Params, features: Features) -> Params:
    """Scales the last hidden layer to a mean square of 1, without changing any logit.

    Args:
      params: of a `Classifier`, whose last hidden layer is `Dense_0`.
      features: what it gives for typical images.
    """
    scale = float(np.sqrt(np.square(features).mean()))
    hidden = jax.tree.map(lambda leaf: leaf / scale, params["Dense_0"])
    # A ReLU passes a positive factor on, so the output layer can take it back.
    output = {**params["Dense_1"], "kernel": params["Dense_1"]["kernel"] * scale}
    return {**params, "Dense_0": hidden, "Dense_1": output}


def save_classifier(directory: Path, params: Params, description: dict[str, Any]) -> None:
    """Writes a classifier that `load_classifier` can read; the weights in half precision.

    Args:
      directory: made if it does not exist.
      params: the weights.
      description: at least `name`, `arguments`, those of `Classifier`, and `class_names`.
    """
    half = weights.cast(params, "float16")
    weights.save_weights(directory, half, description, json_name=JSON_NAME, version=FORMAT)


def load_classifier(directory: Path) -> Extractor:
    """Loads a classifier as a feature extractor that also names classes.

    Raises:
      InputError: a file is missing or damaged.
    """
    fields = {
        "name": weights.TEXT,
        "arguments": ARGUMENTS,
        "class_names": weights.list_of("names", weights.TEXT.fits),
    }
    params, description = weights.load_weights(
        directory, json_name=JSON_NAME, fields=fields, version=FORMAT
    )
    params = jax.tree.map(jnp.asarray, weights.cast(params, "float32"))
    classifier, names = Classifier(**description["arguments"]), description["class_names"]
    if len(names) != classifier.num_classes:
        raise InputError(
            f"{directory}: expected {classifier.num_classes} class_names, found {len(names)}"
        )
    look, convolve = as_function(classifier), layers_of(classifier, Conv)

    @jax.jit
    def embed(images: Images) -> tuple[jax.Array, jax.Array]:
        features, logits = look(params, images)
        return features, nn.softmax(logits)

    return Extractor(
        name=description["name"],
        sha256=description["sha256"],
        resolution=classifier.resolution,
        channels=classifier.channels,
        class_names=tuple(names),
        embed=embed,
        logits=lambda images: look(params, images)[1],
        maps=lambda images: tuple(map(nn.relu, convolve(params, images))),
    )
