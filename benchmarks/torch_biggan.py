"""The networks of `nets/biggan.py` in PyTorch, statistics stored, the critic without labels."""

from functools import partial

import torch
import torch.nn.functional as F
from torch_step import Opponent, Score, Tensor, Weights, together

from minegan_jax.nets.biggan import NUM_HALVINGS

EPSILON = 1e-5


def _sigma(matrix: Tensor, u: Tensor) -> Tensor:
    """Estimates the largest singular value of (outputs, inputs) by one step from u."""
    with torch.no_grad():
        v = F.normalize(u @ matrix, dim=0, eps=1e-12)
        u = F.normalize(matrix @ v, dim=0, eps=1e-12)
    return u @ (matrix @ v)


def normalised(network: Weights) -> Weights:
    """Divides every kernel that has a vector u by its spectral norm."""
    if "u" not in network:
        return {
            name: normalised(part) if isinstance(part, dict) else part
            for name, part in network.items()
        }
    if "vectors" in network:  # of the classes, which are not used
        return network
    kernel = network["kernel"]
    # Columns of u belong to the order (rows, columns, in), which only v sees.
    matrix = kernel.flatten(1) if kernel.ndim == 4 else kernel.t()
    return {**network, "kernel": kernel / _sigma(matrix, network["u"])}


def _conv(layer: Weights, x: Tensor) -> Tensor:
    """Convolves with as much padding as keeps the size."""
    return F.conv2d(x, layer["kernel"], layer.get("bias"), padding=layer["kernel"].shape[-1] // 2)


def _standardise(statistics: Weights, x: Tensor) -> Tensor:
    """Subtracts the stored mean and divides by the stored deviation."""
    return F.batch_norm(x, statistics["mean"], statistics["variance"], eps=EPSILON)


def _conditional_norm(norm: Weights, x: Tensor, condition: Tensor) -> Tensor:
    """Standardises; gain and bias are linear in the condition."""
    gain = 1.0 + condition @ norm["gain"]["kernel"]
    bias = condition @ norm["bias"]["kernel"]
    x = _standardise(norm["statistics"], x)
    return torch.addcmul(bias[:, :, None, None], x, gain[:, :, None, None])


def _upsample(x: Tensor) -> Tensor:
    """Repeats every pixel as a square."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _up(block: Weights, x: Tensor, condition: Tensor) -> Tensor:
    """Doubles the resolution."""
    inner = _upsample(F.relu(_conditional_norm(block["norm1"], x, condition)))
    inner = _conv(block["conv1"], inner)
    inner = _conv(block["conv2"], F.relu(_conditional_norm(block["norm2"], inner, condition)))
    return inner + _upsample(_conv(block["shortcut"], x))


def _down(block: Weights, x: Tensor, *, first: bool, halve: bool) -> Tensor:
    """Halves the resolution, or keeps it."""
    inner = _conv(block["conv1"], x if first else F.relu(x))
    inner = _conv(block["conv2"], F.relu(inner))
    if halve:
        x, inner = F.avg_pool2d(x, 2), F.avg_pool2d(inner, 2)
    return inner + (_conv(block["shortcut"], x) if "shortcut" in block else x)


def _attend(layers: Weights, x: Tensor) -> Tensor:
    """Adds to each pixel what others hold that its query resembles."""
    queries = _conv(layers["theta"], x).flatten(2)
    keys = F.max_pool2d(_conv(layers["phi"], x), 2).flatten(2)
    values = F.max_pool2d(_conv(layers["g"], x), 2).flatten(2)
    heard = values @ (queries.transpose(1, 2) @ keys).softmax(-1).transpose(1, 2)
    return x + layers["gamma"] * _conv(layers["o"], heard.unflatten(2, x.shape[2:]))


def generate(generator: Weights, latents: Tensor, vector: Tensor | None = None) -> Tensor:
    """Maps (batch, latent) and a class's vector, else the mean of all, to images in [-1, 1]."""
    blocks = sum(name.startswith("block") for name in generator)
    first, *chunks = latents.chunk(blocks + 1, 1)
    if vector is None:
        vector = generator["embedding"].mean(0).expand(len(latents), -1)
    linear = generator["linear"]
    x = (first @ linear["kernel"] + linear["bias"]).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    for i, chunk in enumerate(chunks):
        x = _up(generator[f"block{i}"], x, torch.cat([vector, chunk], 1))
        if f"attention{i}" in generator:
            x = _attend(generator[f"attention{i}"], x)
    affine = generator["affine"]
    x = F.batch_norm(x, *generator["statistics"].values(), affine["gain"], affine["bias"])
    return torch.tanh(_conv(generator["to_image"], F.relu(x)))


def criticise(critic: Weights, images: Tensor) -> Tensor:
    """Maps (batch, 3, size, size) to (batch,)."""
    x, halvings = images, NUM_HALVINGS[images.shape[-1]]
    for i in range(sum(name.startswith("block") for name in critic)):
        x = _down(critic[f"block{i}"], x, first=i == 0, halve=i < halvings)
        if f"attention{i}" in critic:
            x = _attend(critic[f"attention{i}"], x)
    linear = critic["linear"]
    return (F.relu(x).sum((2, 3)) @ linear["kernel"] + linear["bias"])[:, 0]


def scorer(critic: Weights) -> Score:
    """Normalises the critic's weights."""
    return partial(criticise, normalised(critic))


def opponent(generator: Weights, critic: Weights) -> Opponent:
    """Puts both together."""
    return Opponent(partial(generate, normalised(generator)), critic, scorer, together)
