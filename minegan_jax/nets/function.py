"""Flax modules as pure functions."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from minegan_jax.types import Params


def as_function(module: nn.Module, method: str = "__call__") -> Callable[..., Any]:
    """Returns a module, or another method of it, as a function of (params, *inputs, **options)."""

    def function(params: Params, *inputs: Any, **options: Any) -> Any:
        return module.apply({"params": params}, *inputs, method=method, **options)

    return function


def names_of_layers(module: nn.Module, *inputs: Any) -> tuple[str, ...]:
    """Returns the names of a module's own layers, in the order in which inputs come by them."""
    seen: dict[str, None] = {}

    def note(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        if len(context.module.path) == 1:
            seen.setdefault(context.module.path[0])
        return call(*args, **kwargs)

    with nn.intercept_methods(note):
        shapes = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    return tuple(name for name in seen if name in shapes["params"])


def layers_of(module: nn.Module, *kinds: type[nn.Module]) -> Callable[..., tuple[jax.Array, ...]]:
    """Returns a function of (params, *inputs) that gives the outputs of a module's own layers.

    The layers are those of the given kinds, in the order of their names.
    """

    def is_wanted(layer: nn.Module, method: str) -> bool:
        return isinstance(layer, kinds) and len(layer.path) == 1 and method == "__call__"

    def function(params: Params, *inputs: Any) -> tuple[jax.Array, ...]:
        variables = {"params": params}
        _, seen = module.apply(
            variables, *inputs, capture_intermediates=is_wanted, mutable=["intermediates"]
        )
        return tuple(jax.tree.leaves(seen))

    return function
