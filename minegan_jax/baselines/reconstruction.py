"""Learning to make given images, without a critic: what BSA and the VAE have in common."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from minegan_jax.baselines.settings import ReconstructionSettings
from minegan_jax.training.accumulation import accumulate
from minegan_jax.training.learner import Draws, Learner, MeanOverDevices
from minegan_jax.types import Batch, Images, Key, Metrics, Params

Terms = Callable[[Params, Batch, Any], Metrics]  # of (params, batch, draws)
Weight = float | Callable[[Int[Array, ""]], Array]  # or as a function of the steps done


class FitState(NamedTuple):
    """Everything that changes."""

    params: dict[str, Any]
    optimizer: optax.OptState
    num_steps: Int[Array, ""]  # done


def differences(made: Images, real: Images, settings: ReconstructionSettings) -> Metrics:
    """Returns mean |x - y| of pixels and, of a frozen network's maps, its sum over layers."""
    found = {"pixels": jnp.abs(made - real).mean()}
    if settings.feature_maps is None:
        return found
    pairs = zip(settings.feature_maps(made), settings.feature_maps(real), strict=True)
    return {**found, "perceptual": jnp.stack([jnp.abs(x - y).mean() for x, y in pairs]).sum()}


def fit(
    init_params: Callable[[Key], dict[str, Any]],
    draw: Callable[[Key], Draws],
    terms: Terms,
    optimizer: optax.GradientTransformation,
    *,
    weights: Mapping[str, Weight],
    settings: ReconstructionSettings,
) -> Learner:
    """Returns a learner that lowers a weighted sum of terms.

    Args:
      init_params: makes the weights.
      draw: everything random in one step.
      terms: what is summed; pixels weigh 1, the frozen network's maps what is set.
      optimizer: of the weights.
      weights: of the other terms.
      settings: of the step.
    """
    weights = {"pixels": 1.0, "perceptual": settings.baseline.perceptual_weight, **weights}

    def init(previous: None, key: Key) -> FitState:
        del previous
        params = init_params(key)
        return FitState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def step(
        state: FitState, batch: Batch, draws: Draws, mean_over_devices: MeanOverDevices
    ) -> tuple[FitState, Metrics]:
        def loss(params: Params, batch: Batch, draws: Draws) -> tuple[jax.Array, Metrics]:
            found = terms(params, batch, draws)
            weighted = [_at(weights[name], state.num_steps) * found[name] for name in found]
            total = jnp.stack(weighted).sum()
            return total, {"loss": total, **found}

        def of_part(batch: Batch, draws: Draws) -> Any:
            return jax.value_and_grad(loss, has_aux=True)(state.params, batch, draws)

        results = accumulate(of_part, settings.run.accumulation_steps)(batch, draws)
        (_, metrics), gradients = mean_over_devices(results)
        updates, moments = optimizer.update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        return FitState(params, moments, state.num_steps + 1), metrics

    return Learner(init, draw, step)


def _at(weight: Weight, num_steps: Int[Array, ""]) -> float | Array:
    """Returns a weight after so many steps."""
    return weight(num_steps) if callable(weight) else weight
