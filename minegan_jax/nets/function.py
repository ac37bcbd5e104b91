"""Flax modules as pure functions."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn

from minegan_jax.types import Params


def as_function(module: nn.Module) -> Callable[[Params, Any], Any]:
    """Returns the module as a function of (params, input)."""

    def function(params: Params, inputs: Any) -> Any:
        return module.apply({"params": params}, inputs)

    return function
