"""The networks of `nets/progan.py` in PyTorch, fully grown, as the official code has them."""

from functools import partial

import torch
import torch.nn.functional as F
from torch_step import Opponent, Score, Tensor, Weights

GAIN = 2.0**0.5
GROUP = 4  # images of a minibatch standard deviation
EPSILON = 1e-8


def scaled(network: Weights, gains: dict[str, float]) -> Weights:
    """Scales the weights by gain / sqrt(fan-in); those not named have the usual gain."""

    def scale(name: str, layer: Weights) -> Weights:
        kernel = layer["kernel"]
        fan_in = kernel[0].numel() if kernel.ndim == 4 else kernel.shape[0]
        gain = gains.get(name.rstrip("0123456789"), GAIN)
        return {**layer, "kernel": kernel * (gain / fan_in**0.5)}

    return {name: scale(name, layer) for name, layer in network.items()}


def _dense(layer: Weights, x: Tensor) -> Tensor:
    """Multiplies and adds a bias, which may be one of each channel."""
    bias = layer["bias"]
    return x @ layer["kernel"] + bias.repeat(layer["kernel"].shape[1] // len(bias))


def _conv(layer: Weights, x: Tensor) -> Tensor:
    """Convolves with as much padding as keeps the size."""
    return F.conv2d(x, layer["kernel"], layer["bias"], padding=layer["kernel"].shape[-1] // 2)


def _pixel_norm(x: Tensor) -> Tensor:
    """Scales features to a mean square of 1."""
    return x * (x.square().mean(1, keepdim=True) + EPSILON).rsqrt()


def _sizes(network: Weights) -> list[int]:
    """Returns the sizes of the feature maps, smallest first."""
    return [4, *sorted(int(name[6:]) for name in network if name.startswith("first_"))]


def generate(generator: Weights, latents: Tensor) -> Tensor:
    """Maps (batch, latent) to (batch, 3, size, size)."""

    def convolve(name: str, x: Tensor) -> Tensor:
        return _pixel_norm(F.leaky_relu(_conv(generator[name], x), 0.2))

    x = _dense(generator["dense_4"], _pixel_norm(latents)).unflatten(1, (4, 4, -1))
    x = convolve("conv_4", _pixel_norm(F.leaky_relu(x.permute(0, 3, 1, 2), 0.2)))
    for size in _sizes(generator)[1:]:
        x = convolve(f"first_{size}", F.interpolate(x, scale_factor=2, mode="nearest"))
        x = convolve(f"second_{size}", x)
    return _conv(generator[f"to_rgb_{size}"], x)


def _statistic(maps: Tensor) -> Tensor:
    """Measures how the images of each group differ; (batch, 1, height, width)."""
    groups = maps.unflatten(0, (GROUP, -1))
    deviations = (groups.var(0, correction=0) + EPSILON).sqrt().mean((1, 2, 3))
    return deviations.repeat(GROUP)[:, None, None, None].expand(-1, 1, *maps.shape[2:])


def criticise(critic: Weights, images: Tensor) -> Tensor:
    """Maps (batch, 3, size, size) to (batch,)."""

    def convolve(name: str, x: Tensor) -> Tensor:
        return F.leaky_relu(_conv(critic[name], x), 0.2)

    *sizes, largest = _sizes(critic)
    x = convolve(f"from_rgb_{largest}", images)
    for size in (largest, *reversed(sizes[1:])):
        x = convolve(f"first_{size}", x)
        x = F.avg_pool2d(convolve(f"second_{size}", x), 2)
    x = convolve("conv_4", torch.cat([x, _statistic(x)], 1))
    x = _dense(critic["dense_4"], x.permute(0, 2, 3, 1).flatten(1))
    return _dense(critic["score"], F.leaky_relu(x, 0.2))[:, 0]


def scorer(critic: Weights) -> Score:
    """Scales the critic's weights."""
    return partial(criticise, scaled(critic, {"score": 1.0}))


def apart(score: Score, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Scores real and fake images in batches of their own: the critic compares those of a batch."""
    return score(real), score(fake)


def opponent(generator: Weights, critic: Weights) -> Opponent:
    """Puts both together."""
    frozen = scaled(generator, {"dense_": GAIN / 4.0, "to_rgb_": 1.0})
    return Opponent(partial(generate, frozen), critic, scorer, apart)
