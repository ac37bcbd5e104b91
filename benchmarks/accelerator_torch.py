"""The same steps in PyTorch, on the same accelerator: the opponent of `accelerator_quick.py`.

Equal weights, draws and images first have to give the losses of our first step. Then PyTorch runs
eagerly, channels last, or with `torch.compile` around what is differentiated once: the generator,
and the scores of real and fake images. The penalty stays eager, for compiled functions have no
second derivatives.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import torch
import torch_step
from accelerator_quick import ROUND_SECONDS, ROUNDS, case_of, method_of, source_of
from accelerator_right import Figures
from accelerator_settings import TIMED
from step import torch_draws
from timing import fresh_batch, medians, seconds

# What two ways of rounding may add to a loss, over the larger of both and 1.
CLOSE = {"float32": 1e-3, "tf32": 2e-2, "bfloat16": 1e-1}


def use(precision: str) -> None:
    """Puts what is made from here on on the accelerator, and chooses how it multiplies."""
    torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = precision != "float32"
    torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def in_bfloat16(opponent: Callable[..., torch_step.Opponent]) -> Callable[..., torch_step.Opponent]:
    """Rounds weights and inputs of the networks, and widens what they give, as ours does."""

    def rounded(tree: Any) -> Any:
        return jax.tree.map(lambda x: x.bfloat16(), tree)

    def wrapped(generator: torch_step.Weights, critic: torch_step.Weights) -> torch_step.Opponent:
        inner = opponent(rounded(generator), critic)

        def scorer(weights: torch_step.Weights) -> torch_step.Score:
            score = inner.scorer(rounded(weights))
            return lambda images: score(images.bfloat16()).float()

        return inner._replace(
            generate=lambda *given: inner.generate(*rounded(given)).float(), scorer=scorer
        )

    return wrapped


def opponent_of(name: str, precision: str, *, compiled: bool, tiny: bool) -> torch_step.Opponent:
    """Returns a source's networks in PyTorch."""
    make = importlib.import_module(TIMED[name].opponent).opponent
    make = in_bfloat16(make) if precision == "bfloat16" else make
    source = source_of(name, tiny)
    opponent = make(*map(torch_step.weights, (source.generator, source.critic)))
    if not compiled:
        return opponent
    return opponent._replace(
        generate=torch.compile(opponent.generate), score_pair=torch.compile(opponent.score_pair)
    )


def check_losses(found: list[float], expected: list[float], precision: str) -> float:
    """Returns the largest difference from our losses; raises if they are others."""
    pairs = zip(found, expected, strict=True)
    largest = max(abs(one - other) / max(abs(other), 1.0) for one, other in pairs)
    if not largest <= CLOSE[precision]:
        raise ValueError(f"losses differ: PyTorch has {found}, we have {expected}")
    return largest


def wait() -> None:
    """Waits for what the accelerator still does."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_seconds(step: Callable[[], Any]) -> float:
    """Returns the median time of a step, of which several are waited for together."""

    def several(count: int) -> None:
        for _ in range(count):
            step()
        wait()

    several(2)
    count = max(1, int(ROUND_SECONDS / seconds(lambda: several(1))))
    return medians({"step": lambda: several(count)}, ROUNDS)["step"] / count


def time_step(
    ours: Mapping[str, Any], name: str, precision: str, *, compiled: bool = False, tiny: bool
) -> Figures:
    """Makes sure that PyTorch's first losses are ours, then times its step.

    Args:
      ours: the figures of our own step.
      name: a key of `TIMED` that has an opponent.
      precision: a key of `accelerator_quick.PRECISIONS`.
      compiled: whether by `torch.compile`, where that can be.
      tiny: for a rehearsal.
    """
    use(precision)
    case, networks = case_of(name, tiny=tiny), source_of(name, tiny).networks
    learner = method_of(name, precision, tiny=tiny).learner
    miner = torch_step.weights(learner.init(None, jax.random.key(1)).params["miners"][0])
    opponent = opponent_of(name, precision, compiled=compiled, tiny=tiny)
    batch = fresh_batch(case.part, case.turns, networks.resolution, networks.channels)
    step = torch_step.make_step(miner, opponent, np.asarray(batch.images))
    draws = torch_draws(learner.draw(jax.random.key(3)))
    losses = [loss.item() for loss in step(draws)]
    difference = check_losses(losses, ours["first_losses"], precision)
    taken = median_seconds(lambda: step(draws))
    cuda = torch.cuda.is_available()
    return {
        "torch": torch.__version__,
        "step_seconds": taken,
        "torch_over_ours": taken / ours["step_seconds"],  # above 1: ours is faster
        "real_images_per_second": case.part * case.turns / taken,
        "peak_bytes": torch.cuda.max_memory_allocated() if cuda else None,
        "loss_difference": difference,
    }
