"""Learning to make given images, without a critic: what BSA and the VAE have in common."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from minegan_jax.training.accumulation import in_parts
from minegan_jax.training.learner import Average, Draws, Learner
from minegan_jax.types import Batch, Images, Key, Metrics, Params

Terms = Callable[[Params, Batch, Any], Metrics]  # of (params, batch, draws)
Weight = float | Callable[[Int[Array, ""]], Array]  # or as a function of the steps done


class Rules(NamedTuple):
    """What stays the same in every step."""

    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.9, 0.999)
    batch_size: int = 64  # images per minibatch, over all devices
    maps: Callable[[Images], tuple[jax.Array, ...]] | None = None  # of a frozen network, or none
    maps_weight: float = 1e-3  # of the differences between these maps
    accumulation: int = 1  # parts in which a device's minibatch is gone through
    precision: str = "float32"  # that the generator computes in, see `nets.precision`
    remat: bool = False  # whether it computes activations twice rather than keep them


class FitState(NamedTuple):
    """Everything that changes."""

    params: dict[str, Any]
    optimizer: optax.OptState
    num_steps: Int[Array, ""]  # done


def differences(made: Images, real: Images, rules: Rules) -> Metrics:
    """Returns mean |x - y| of pixels and, of a frozen network's maps, its sum over layers."""
    found = {"pixels": jnp.abs(made - real).mean()}
    if rules.maps is None:
        return found
    pairs = zip(rules.maps(made), rules.maps(real), strict=True)
    return {**found, "perceptual": jnp.stack([jnp.abs(x - y).mean() for x, y in pairs]).sum()}


def fit(
    init_params: Callable[[Key], dict[str, Any]],
    draw: Callable[[Key], Draws],
    terms: Terms,
    optimizer: optax.GradientTransformation,
    *,
    weights: Mapping[str, Weight],
    rules: Rules,
) -> Learner:
    """Returns a learner that lowers a weighted sum of terms.

    Args:
      init_params: makes the weights.
      draw: everything random in one step.
      terms: what is summed; pixels weigh 1, the frozen network's maps what the rules say.
      optimizer: of the weights.
      weights: of the other terms.
      rules: of the step.
    """
    weights = {"pixels": 1.0, "perceptual": rules.maps_weight, **weights}

    def init(previous: None, key: Key) -> FitState:
        del previous
        params = init_params(key)
        return FitState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def step(
        state: FitState, batch: Batch, draws: Draws, average: Average
    ) -> tuple[FitState, Metrics]:
        def loss(params: Params, batch: Batch, draws: Draws) -> tuple[jax.Array, Metrics]:
            found = terms(params, batch, draws)
            weighted = [_at(weights[name], state.num_steps) * found[name] for name in found]
            total = jnp.stack(weighted).sum()
            return total, {"loss": total, **found}

        def of_part(batch: Batch, draws: Draws) -> Any:
            return jax.value_and_grad(loss, has_aux=True)(state.params, batch, draws)

        results = in_parts(of_part, rules.accumulation)(batch, draws)
        (_, metrics), gradients = average(results)
        updates, moments = optimizer.update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        return FitState(params, moments, state.num_steps + 1), metrics

    return Learner(init, draw, step)


def _at(weight: Weight, num_steps: Int[Array, ""]) -> float | Array:
    """Returns a weight after so many steps."""
    return weight(num_steps) if callable(weight) else weight
