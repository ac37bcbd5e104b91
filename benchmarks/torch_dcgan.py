"""The networks of `nets/dcgan.py` in PyTorch; pads and crops are those of TensorFlow's SAME."""

from functools import partial

import torch
import torch.nn.functional as F
from torch_step import Opponent, Score, Tensor, Weights, together


def _layers(network: Weights, kind: str) -> list[Weights]:
    """Returns the layers of a kind in their order."""
    return [network[name] for name in sorted(network) if name.rpartition("_")[0] == kind]


def transposed(generator: Weights) -> Weights:
    """Turns the kernels as `conv_transpose2d` takes them: (in, out, rows, columns), flipped."""

    def turn(layer: Weights) -> Weights:
        kernel = layer["kernel"].flip(2, 3).transpose(0, 1)
        return {**layer, "kernel": kernel.contiguous(memory_format=torch.channels_last)}

    return {
        name: turn(layer) if layer["kernel"].ndim == 4 else layer
        for name, layer in generator.items()
    }


def generate(generator: Weights, latents: Tensor) -> Tensor:
    """Maps (batch, latent) to (batch, 1, 28, 28) in [-1, 1]."""
    dense = generator["Dense_0"]
    # The flat features are (4, 4, channels), which is channels last already.
    x = (latents @ dense["kernel"] + dense["bias"]).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    for size, layer in zip((7, 14, 28), _layers(generator, "StridedConvTranspose"), strict=True):
        x = F.conv_transpose2d(F.relu(x), layer["kernel"], layer["bias"], stride=2, padding=1)
        x = x[:, :, :size, :size]
    return 2.0 * torch.sigmoid(x) - 1.0


def criticise(critic: Weights, images: Tensor) -> Tensor:
    """Maps (batch, 1, 28, 28) to (batch,)."""
    x = images
    for layer in _layers(critic, "StridedConv"):
        if x.shape[-1] % 2:
            x = F.conv2d(x, layer["kernel"], layer["bias"], stride=2, padding=2)
        else:  # SAME pads one pixel less at the top and left, which conv2d cannot do by itself
            x = F.conv2d(F.pad(x, (1, 2, 1, 2)), layer["kernel"], layer["bias"], stride=2)
        x = F.leaky_relu(x, 0.2)
    dense = critic["Dense_0"]
    return (x.permute(0, 2, 3, 1).flatten(1) @ dense["kernel"] + dense["bias"])[:, 0]


def scorer(critic: Weights) -> Score:
    """Returns the critic as it is."""
    return partial(criticise, critic)


def opponent(generator: Weights, critic: Weights) -> Opponent:
    """Puts both together."""
    return Opponent(partial(generate, transposed(generator)), critic, scorer, together)
