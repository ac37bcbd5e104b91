"""The mining step in PyTorch: the opponent of `benchmarks/step.py`.

Eager, channels last, fused Adam, gradients only where they are used: PyTorch's quickest settings
on a CPU. Pads and crops are those of TensorFlow's SAME, as on our side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

Tensor = torch.Tensor


class Layers(NamedTuple):
    """The weights of one network in the order of its layers, each a (kernel, bias)."""

    dense: list[tuple[Tensor, Tensor]]
    convolutions: list[tuple[Tensor, Tensor]]

    def tensors(self) -> list[Tensor]:
        """Returns all weights."""
        return [tensor for layer in (*self.dense, *self.convolutions) for tensor in layer]


class Draws(NamedTuple):
    """The random numbers of one step."""

    critic_latents: Tensor  # (batch, turns, latent)
    mixes: Tensor  # (batch, turns)
    players_latents: Tensor  # (batch, latent)


def draw(batch_size: int, turns: int, latent_size: int) -> Draws:
    """Draws u from N(0, I) and the places of the interpolates."""
    return Draws(
        torch.randn(batch_size, turns, latent_size),
        torch.rand(batch_size, turns),
        torch.randn(batch_size, latent_size),
    )


def layers_from_flax(params: Any) -> Layers:
    """Copies a network's weights; kernels become (out, in, 5, 5), or (in, out, 5, 5) transposed."""

    def numbered(prefix: str, turn: Callable) -> list[tuple[Tensor, Tensor]]:
        names = sorted(name for name in params if name.rpartition("_")[0] == prefix)
        copies = [{key: np.array(value) for key, value in params[name].items()} for name in names]
        return [(turn(torch.tensor(copy["kernel"])), torch.tensor(copy["bias"])) for copy in copies]

    def last(kernel: Tensor) -> Tensor:
        return kernel.contiguous(memory_format=torch.channels_last)

    return Layers(
        dense=numbered("Dense", lambda kernel: kernel),
        convolutions=numbered("StridedConv", lambda kernel: last(kernel.permute(3, 2, 0, 1)))
        + numbered(
            "StridedConvTranspose", lambda kernel: last(kernel.flip(0, 1).permute(2, 3, 0, 1))
        ),
    )


def mine(miner: Layers, latents: Tensor) -> Tensor:
    """Maps (batch, latent) to (batch, latent)."""
    (first, first_bias), (second, second_bias) = miner.dense
    return F.relu(latents @ first + first_bias) @ second + second_bias


def generate(generator: Layers, latents: Tensor) -> Tensor:
    """Maps (batch, latent) to (batch, 1, 28, 28) in [-1, 1]."""
    kernel, bias = generator.dense[0]
    # The flat features are (4, 4, channels), which is channels last already.
    x = (latents @ kernel + bias).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
    for size, (kernel, bias) in zip((7, 14, 28), generator.convolutions, strict=True):
        x = F.conv_transpose2d(F.relu(x), kernel, bias, stride=2, padding=1)[:, :, :size, :size]
    return 2.0 * torch.sigmoid(x) - 1.0


def criticise(critic: Layers, images: Tensor) -> Tensor:
    """Maps (batch, 1, 28, 28) to (batch,)."""
    x = images
    for kernel, bias in critic.convolutions:
        if x.shape[-1] % 2:
            x = F.conv2d(x, kernel, bias, stride=2, padding=2)
        else:  # SAME pads one pixel less at the top and left, which conv2d cannot do by itself
            x = F.conv2d(F.pad(x, (1, 2, 1, 2)), kernel, bias, stride=2)
        x = F.leaky_relu(x, 0.2)
    kernel, bias = critic.dense[0]
    return (x.permute(0, 2, 3, 1).flatten(1) @ kernel + bias)[:, 0]


def critic_loss(critic: Layers, real: Tensor, fake: Tensor, mixes: Tensor) -> Tensor:
    """Returns the Wasserstein loss plus 10 times the gradient penalty."""
    real_scores, fake_scores = criticise(critic, torch.cat([real, fake])).chunk(2)
    between = (real + mixes[:, None, None, None] * (fake - real)).requires_grad_()
    scores = criticise(critic, between).sum()
    (slopes,) = torch.autograd.grad(scores, between, create_graph=True)
    norms = (slopes.square().sum((1, 2, 3)) + 1e-12).sqrt()
    return fake_scores.mean() - real_scores.mean() + 10.0 * (norms - 1.0).square().mean()


def _move(optimizer: torch.optim.Optimizer, weights: list[Tensor], loss: Tensor) -> None:
    """Differentiates the loss by these weights alone and takes one step of Adam."""
    optimizer.zero_grad()
    loss.backward(inputs=weights)
    optimizer.step()


def make_step(
    miner: Layers, generator: Layers, critic: Layers, pixels: np.ndarray
) -> Callable[[Draws], tuple[float, float]]:
    """Returns the step; it returns the last critic loss and the miner's loss.

    Args:
      miner: starts here and moves.
      generator: stays as it is.
      critic: starts here and moves.
      pixels: (batch, turns, 28, 28, 1) real images in [0, 255].
    """
    critics = [weight.requires_grad_() for weight in critic.tensors()]
    miners = [weight.requires_grad_() for weight in miner.tensors()]
    averages = [weight.detach().clone() for weight in miners]
    adams = [
        torch.optim.Adam(weights, 1e-4, betas=(0.5, 0.9), fused=True)
        for weights in (critics, miners)
    ]
    stored = torch.tensor(pixels).permute(0, 1, 4, 2, 3)

    def step(draws: Draws) -> tuple[float, float]:
        for turn in range(stored.shape[1]):
            with torch.no_grad():
                fake = generate(generator, mine(miner, draws.critic_latents[:, turn]))
            real = stored[:, turn].float() / 127.5 - 1.0
            loss = critic_loss(critic, real, fake, draws.mixes[:, turn])
            _move(adams[0], critics, loss)
        miner_loss = -criticise(critic, generate(generator, mine(miner, draws.players_latents)))
        _move(adams[1], miners, miner_loss.mean())
        torch._foreach_lerp_(averages, [weight.detach() for weight in miners], 0.01)
        return loss.item(), miner_loss.mean().item()

    return step
