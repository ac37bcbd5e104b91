"""Counts the flops of a function by its products, without compiling or running it."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core


def count(function: Callable[..., Any], *given: Any) -> float:
    """Returns twice the number of products in matrix products and convolutions.

    Of branches the last counts: where they are for platforms, that is the one of accelerators.
    Products with padding count, repetitions of loops do not.

    Args:
      function: of trees of arrays, or of their shapes.
      given: its arguments.
    """
    return _of_jaxpr(jax.make_jaxpr(function)(*given).jaxpr)


def _of_jaxpr(jaxpr: core.Jaxpr) -> float:
    """Adds up all equations."""
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: core.JaxprEqn) -> float:
    """Returns the flops of one equation, or of what it calls."""
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        each = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    elif name == "conv_general_dilated":
        kernel, axes = equation.invars[1].aval.shape, params["dimension_numbers"].rhs_spec
        each = math.prod(kernel) / kernel[axes[0]]  # all but the outputs
    elif name == "cond":
        return _of_jaxpr(params["branches"][-1].jaxpr)
    else:
        return sum(_of_jaxpr(inner) for inner in _called(params))
    return 2.0 * each * math.prod(equation.outvars[0].aval.shape)


def _called(params: dict[str, Any]) -> list[core.Jaxpr]:
    """Returns the functions that an equation calls."""
    closed = [value.jaxpr for value in params.values() if isinstance(value, core.ClosedJaxpr)]
    return closed + [value for value in params.values() if isinstance(value, core.Jaxpr)]
