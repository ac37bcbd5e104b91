"""Flax modules as pure functions."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn

from minegan_jax.types import Params


def as_function(module: nn.Module) -> Callable[..., Any]:
    """Returns the module as a function of (params, *inputs, **options)."""

    def function(params: Params, *inputs: Any, **options: Any) -> Any:
        return module.apply({"params": params}, *inputs, **options)

    return function
