"""StyleGAN2's critic (Karras et al., CVPR 2020): residual, or with skip connections from the image.

It compares the images of a group, as ProGAN's does. A conditional one projects its output on a
vector of the class, which a mapping network makes (Miyato and Koyama 2018; Karras et al., NeurIPS
2020): it has no score without that.
"""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.conditioning import class_vectors
from minegan_jax.nets.convolution import Convolution, conv
from minegan_jax.nets.filtering import halve, halving_conv
from minegan_jax.nets.precision import to_float32
from minegan_jax.nets.progan import (
    EqualisedConv,
    EqualisedDense,
    Maps,
    OverBatch,
    as_given,
    pixel_norm,
    strided_minibatch_stddev,
)
from minegan_jax.nets.stylegan2 import MappingLayers
from minegan_jax.nets.stylegan2_layers import (
    ARCHITECTURES,
    HALF,
    Shortcut,
    activate,
    check_choice,
    feature_widths,
)
from minegan_jax.types import Conditions, Images, Scores


class ClassMapping(nn.Module):
    """The vector of each class on which a critic projects.

    Attributes:
      num_classes: of vectors.
      label_size: length of a vector.
      layers: of the mapping network; 0: the embedding alone, normalised.
      rate: multiplies the learning rate of these.
    """

    num_classes: int
    label_size: int
    layers: int
    rate: float

    @nn.compact
    def __call__(self) -> Float[Array, "classes label"]:
        """Returns the vectors of all classes."""
        shape = self.num_classes, self.label_size
        table = self.param("embedding", nn.initializers.normal(1.0), shape, jnp.float32)
        bias = self.param("embedding_bias", nn.initializers.zeros, shape[1:], jnp.float32)
        embedded = pixel_norm(table / self.num_classes**0.5 + bias[None])
        return MappingLayers([self.label_size] * self.layers, self.rate, name="layers")(embedded)


class Critic(nn.Module):
    """Scores images, down to 4x4 pixels, and how well each fits its class if there are any.

    Attributes:
      resolution: height and width of the images in pixels: 8, 16, ... 1024.
      channels: 1 for grey, 3 for RGB.
      width: channels of the feature maps, as for `feature_widths`.
      num_hidden: units of the last hidden layer; None: as many as the smallest map has channels.
      num_classes: how many there are; 0: the network takes no labels.
      label_size: length of a class's vector; None: as many as the smallest map has channels.
      mapping_layers: of the network that makes these vectors.
      mapping_rate: multiplies the learning rate of these layers.
      architecture: `resnet` has residual blocks, `skip` shows each block the image, `orig` neither.
      clamp: of each layer's output; None leaves it as it is.
      minibatch_stddev_group: images whose differences the critic sees, itself included. 1: none
        but itself; larger than a batch: all of that. 0: the critic has no such input.
      minibatch_stddev_features: statistics of such differences, each of as many channels.
    """

    resolution: int = 32
    channels: int = 3
    width: int | Sequence[int] = 32
    num_hidden: int | None = None
    num_classes: int = 0
    label_size: int | None = None
    mapping_layers: int = 8
    mapping_rate: float = 0.01
    architecture: str = "resnet"
    clamp: float | None = None
    minibatch_stddev_group: int = 4
    minibatch_stddev_features: int = 1

    @nn.compact
    def __call__(
        self,
        images: Images,
        labels: Conditions | None = None,
        *,
        alone: bool = False,
        over_batch: OverBatch = as_given,
    ) -> Scores:
        """Maps (batch, resolution, resolution, channels) in [-1, 1] to (batch,).

        Args:
          images: (batch, resolution, resolution, channels).
          labels: class numbers, (batch,), or weights of all classes, (batch, num_classes); None
            weighs all alike: the mean of the scores for each class.
          alone: whether each image is a group of its own.
          over_batch: computes a statistic of the images' maps where they are a part of a batch.
        """
        check_choice("architecture", self.architecture, ARCHITECTURES)
        widths = feature_widths(self.resolution, self.width)
        x = self._see(images, self.resolution, widths[self.resolution])
        for size in sorted(widths, reverse=True)[:-1]:
            below = size // 2
            x = self._block(x, size, widths[size], widths[below])
            if self.architecture == "skip":
                images = halve(images)
                x = x + self._see(images, below, widths[below])
        x = self._with_stddev(x, alone=alone, over_batch=over_batch)
        x = activate(EqualisedConv(widths[4], gain=1.0, name="conv_4")(x), clamp=self.clamp)
        num_hidden = self.num_hidden or widths[4]
        hidden = EqualisedDense(num_hidden, num_hidden, 1.0, name="dense_4")
        x = to_float32(activate(hidden(x.reshape(len(x), -1))))
        if not self.num_classes:
            return EqualisedDense(1, 1, 1.0, name="score")(x)[:, 0]
        return self._project(x, labels, self.label_size or widths[4])

    def _see(self, images: Images, size: int, features: int) -> Maps:
        """Turns images into maps."""
        from_rgb = EqualisedConv(features, 1, 1.0, name=f"from_rgb_{size}")
        return activate(from_rgb(images), clamp=None if size == 4 else self.clamp)

    def _block(
        self, maps: Maps, size: int, features: int, outputs: int
    ) -> Float[Array, "batch height//2 width//2 _"]:
        """Halves the resolution of maps."""
        residual = self.architecture == "resnet"

        def layer(
            x: Array, features: int, name: str, convolve: Convolution = conv, scale: float = 1.0
        ) -> Array:
            equalised = EqualisedConv(features, gain=1.0, convolve=convolve, name=name)
            return activate(equalised(x), scale=scale, clamp=self.clamp)

        x = layer(maps, features, f"first_{size}")
        x = layer(x, outputs, f"second_{size}", halving_conv, HALF if residual else 1.0)
        return x + Shortcut(outputs, name=f"shortcut_{size}")(halve(maps)) if residual else x

    def _with_stddev(
        self, maps: Maps, *, alone: bool, over_batch: OverBatch
    ) -> Float[Array, "batch height width _"]:
        """Appends how much the images of a group differ, one map for each run of channels."""
        if not self.minibatch_stddev_group:
            return maps
        if maps.shape[3] % self.minibatch_stddev_features:
            raise InputError(
                f"StyleGAN2: minibatch_stddev_features {self.minibatch_stddev_features}: expected a"
                f" divisor of {maps.shape[3]} channels"
            )
        group = 1 if alone else self.minibatch_stddev_group
        stddev = partial(strided_minibatch_stddev, group=group)
        runs = jnp.split(maps, self.minibatch_stddev_features, axis=3)
        statistics = [stddev(run) if group == 1 else over_batch(stddev, run) for run in runs]
        shape = (*maps.shape[:3], 1)
        shown = [jnp.broadcast_to(each[:, None, None, None], shape) for each in statistics]
        return jnp.concatenate([maps, *shown], axis=3)

    def _project(
        self, x: Float[Array, "batch hidden"], labels: Conditions | None, label_size: int
    ) -> Scores:
        """Scores by the projection on the classes' vectors."""
        outputs = EqualisedDense(label_size, label_size, 1.0, name="score")(x)
        vectors = ClassMapping(
            self.num_classes, label_size, self.mapping_layers, self.mapping_rate, name="mapping"
        )()
        classes = class_vectors(jnp.eye(self.num_classes, dtype=x.dtype), labels, len(x))
        return (outputs * (classes @ vectors)).sum(axis=1) / label_size**0.5
