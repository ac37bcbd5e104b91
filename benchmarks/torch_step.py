"""The mining step in PyTorch: the opponent of `benchmarks/step.py`.

Eager, channels last, fused Adam, gradients only where they are used, weights that stay normalised
or scaled for a whole turn: PyTorch's quickest settings on a CPU. The networks lie in
`torch_dcgan.py`, `torch_progan.py` and `torch_biggan.py`, on the trees that `weights` copies.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
import torch.nn.functional as F

Tensor = torch.Tensor
Weights = dict[str, Any]  # nested, with our names
Score = Callable[[Tensor], Tensor]  # (batch, channels, height, width) to (batch,)
Pair = Callable[[Score, Tensor, Tensor], tuple[Tensor, Tensor]]


class Draws(NamedTuple):
    """The random numbers of one step."""

    critic_latents: Tensor  # (batch, turns, length of u)
    mixes: Tensor  # (batch, turns)
    players_latents: Tensor  # (batch, length of u)


class Opponent(NamedTuple):
    """A frozen generator and a critic that moves."""

    # (batch, latent), and perhaps its class's vector, to (batch, channels, height, width)
    generate: Callable[..., Tensor]
    critic: Weights
    scorer: Callable[[Weights], Score]  # prepares the critic's weights for one turn
    score_pair: Pair  # of real and fake images


def draw(batch_size: int, turns: int, latent_size: int, num_classes: int) -> Draws:
    """Draws u, `latent_size` numbers from N(0, I) and a class if there are any, and mixes."""

    def noise(*places: int) -> Tensor:
        latents = torch.randn(*places, latent_size)
        if not num_classes:
            return latents
        return torch.cat([latents, torch.randint(num_classes, (*places, 1)).float()], -1)

    return Draws(noise(batch_size, turns), torch.rand(batch_size, turns), noise(batch_size))


def weights(params: Any) -> Weights:
    """Copies a network's weights; kernels of convolutions become (out, in, rows, columns)."""

    def copy(array: jax.Array) -> Tensor:
        tensor = torch.tensor(np.asarray(array))
        if tensor.ndim < 4:
            return tensor
        return tensor.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

    return jax.tree.map(copy, params)


def as_params(weights: Weights) -> Any:
    """Copies such a tree back into our layout."""
    return jax.tree.map(
        lambda x: np.asarray((x.permute(2, 3, 1, 0) if x.ndim == 4 else x).detach().cpu()), weights
    )


def together(score: Score, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Scores real and fake images as one batch."""
    real_scores, fake_scores = score(torch.cat([real, fake])).chunk(2)
    return real_scores, fake_scores


def mine(miner: Weights, draws: Tensor) -> tuple[Tensor, ...]:
    """Maps u to what the generator gets: a latent, and a class's vector if there are two miners."""
    if "condition" not in miner:
        return (_perceptron(miner, draws),)
    latents, labels = draws[:, :-1], draws[:, -1].long()
    num_classes = miner["latent"]["Dense_0"]["kernel"].shape[0] - latents.shape[1]
    seen = torch.cat([latents, F.one_hot(labels, num_classes)], 1)
    return _perceptron(miner["latent"], seen), _perceptron(miner["condition"], seen)


def _perceptron(layers: Weights, x: Tensor) -> Tensor:
    """Maps (batch, inputs) to (batch, outputs)."""
    *hidden, last = (layers[name] for name in sorted(layers))
    for layer in hidden:
        x = F.relu(x @ layer["kernel"] + layer["bias"])
    return x @ last["kernel"] + last["bias"]


def critic_loss(
    opponent: Opponent, critic: Weights, real: Tensor, fake: Tensor, mixes: Tensor
) -> Tensor:
    """Returns the Wasserstein loss plus 10 times the gradient penalty."""
    score = opponent.scorer(critic)
    real_scores, fake_scores = opponent.score_pair(score, real, fake)
    between = (real + mixes[:, None, None, None] * (fake - real)).requires_grad_()
    (slopes,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)
    norms = (slopes.square().sum((1, 2, 3)) + 1e-12).sqrt()
    return fake_scores.mean() - real_scores.mean() + 10.0 * (norms - 1.0).square().mean()


def _move(optimizer: torch.optim.Optimizer, moving: list[Tensor], loss: Tensor) -> None:
    """Differentiates the loss by these weights alone and takes one step of Adam."""
    optimizer.zero_grad()
    loss.backward(inputs=moving)
    optimizer.step()


def make_step(
    miner: Weights, opponent: Opponent, pixels: np.ndarray
) -> Callable[[Draws], tuple[Tensor, Tensor]]:
    """Returns the step; it returns the last critic loss and the miner's loss.

    Args:
      miner: starts here and moves.
      opponent: its critic starts here and moves.
      pixels: (batch, turns, height, width, channels) real images in [0, 255].
    """
    critics = [weight.requires_grad_() for weight in jax.tree.leaves(opponent.critic)]
    miners = [weight.requires_grad_() for weight in jax.tree.leaves(miner)]
    averages = [weight.detach().clone() for weight in miners]
    adams = [
        torch.optim.Adam(moving, 1e-4, betas=(0.5, 0.9), fused=True) for moving in (critics, miners)
    ]
    stored = torch.tensor(pixels).permute(0, 1, 4, 2, 3)

    def step(draws: Draws) -> tuple[Tensor, Tensor]:
        for turn in range(stored.shape[1]):
            with torch.no_grad():
                fake = opponent.generate(*mine(miner, draws.critic_latents[:, turn]))
            real = stored[:, turn].float() / 127.5 - 1.0
            loss = critic_loss(opponent, opponent.critic, real, fake, draws.mixes[:, turn])
            _move(adams[0], critics, loss)
        score = opponent.scorer(opponent.critic)
        miner_loss = -score(opponent.generate(*mine(miner, draws.players_latents))).mean()
        _move(adams[1], miners, miner_loss)
        torch._foreach_lerp_(averages, [weight.detach() for weight in miners], 0.01)
        return loss.detach(), miner_loss.detach()  # nobody waits for a device

    return step
