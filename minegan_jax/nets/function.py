"""Flax modules as pure functions."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from minegan_jax.types import Params


def as_function(module: nn.Module) -> Callable[..., Any]:
    """Returns the module as a function of (params, *inputs, **options)."""

    def function(params: Params, *inputs: Any, **options: Any) -> Any:
        return module.apply({"params": params}, *inputs, **options)

    return function


def layers_of(module: nn.Module, *kinds: type[nn.Module]) -> Callable[..., tuple[jax.Array, ...]]:
    """Returns what a module's own layers of some kinds give, as a function of (params, *inputs).

    They come in the order of their names.
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
