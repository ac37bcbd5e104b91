"""Conversion as rules: every array of a file is used once, every weight of a network filled once.

A rule moves one array to one weight and says how it is laid out there. What is missing, left over,
or of another shape is an error that names it. Read backwards, the same rules give a file's arrays:
a layout puts every number somewhere else and changes none, so that numbering them tells where each
came from.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from minegan_jax import trees
from minegan_jax.errors import InputError

LOG = logging.getLogger(__name__)
STATISTICS = (  # the ends of the names of stored means and variances
    (".stored_mean", ".stored_var"),
    (".running_mean", ".running_var"),
    (".running_means", ".running_vars"),
    ("/avg_mean", "/avg_var"),
)

Layout = Callable[[np.ndarray], np.ndarray]
AnyLayout = TypeVar("AnyLayout", bound=Callable[..., np.ndarray])
Shape = tuple[int, ...]
# The shape of what a layout takes, of that of what it makes, its axes in order.
SHAPES_BEFORE: dict[Callable[..., np.ndarray], Callable[..., Shape]] = {}


def undone_by(shape_before: Callable[..., Shape]) -> Callable[[AnyLayout], AnyLayout]:
    """Notes what `undo` has to know of a layout, as in `SHAPES_BEFORE`."""

    def noted(layout: AnyLayout) -> AnyLayout:
        SHAPES_BEFORE[layout] = shape_before
        return layout

    return noted


@undone_by(lambda *shape: shape)
def as_is(array: np.ndarray) -> np.ndarray:
    """Keeps the layout."""
    return array


@undone_by(lambda rows, columns, inputs, outputs: (outputs, inputs, rows, columns))
def conv(kernel: np.ndarray) -> np.ndarray:
    """Turns (outputs, inputs, rows, columns) into (rows, columns, inputs, outputs)."""
    return kernel.transpose(2, 3, 1, 0)


@undone_by(lambda inputs, outputs: (outputs, inputs))
def dense(kernel: np.ndarray) -> np.ndarray:
    """Turns (outputs, inputs) into (inputs, outputs)."""
    return kernel.transpose()


@undone_by(lambda size: (1, size))
def flat(array: np.ndarray) -> np.ndarray:
    """Turns (1, size) into (size,)."""
    if array.ndim != 2 or len(array) != 1:
        raise ValueError("not a row")
    return array[0]


@undone_by(lambda *shape: shape)
def maps_last(array: np.ndarray, *, size: int = 4) -> np.ndarray:
    """Reorders the last axis, which is reshaped to maps: channels first before, last after.

    Args:
      array: (..., channels * size * size).
      size: height and width of the maps, in pixels.
    """
    *rest, units = array.shape
    maps = array.reshape(*rest, units // size**2, size, size)
    return np.moveaxis(maps, -3, -1).reshape(array.shape)


@undone_by(lambda inputs, units: (units, inputs))
def before_maps(kernel: np.ndarray, *, size: int = 4) -> np.ndarray:
    """Turns (channels * size * size, inputs) into (inputs, size * size * channels)."""
    return maps_last(dense(kernel), size=size)


@undone_by(lambda units, outputs: (outputs, units))
def after_maps(kernel: np.ndarray, *, size: int = 4) -> np.ndarray:
    """Turns (outputs, channels * size * size) into (size * size * channels, outputs)."""
    return dense(maps_last(kernel, size=size))


class Rule(NamedTuple):
    """Moves one array of a file."""

    array: str  # its name in the file
    weight: str | None  # the path in the network; None reads the array and drops it
    layout: Layout = as_is
    value: np.ndarray | None = None  # of an array that is dropped: the one to write back


def undo(layout: Layout, weight: np.ndarray) -> np.ndarray:
    """Returns the array of which a layout makes this weight."""
    shape = SHAPES_BEFORE[layout](*weight.shape)
    came_from = layout(np.arange(weight.size).reshape(shape))
    array = np.empty(weight.size, weight.dtype)
    array[came_from.reshape(-1)] = weight.reshape(-1)
    return array.reshape(shape)


def convert_back(params: Any, rules: Iterable[Rule]) -> dict[str, np.ndarray]:
    """Applies rules backwards.

    Args:
      params: a network's weights.
      rules: of this network, in the order of the file.

    Returns:
      The file's arrays by name, in single precision; those that `convert` drops have their rules'
      values.
    """
    weights = trees.named_leaves(params)
    arrays = {}
    for rule in rules:
        if rule.weight is not None:
            arrays[rule.array] = undo(rule.layout, np.asarray(weights[rule.weight], np.float32))
        else:
            assert rule.value is not None, f"{rule.array}: dropped, and nothing to write back"
            arrays[rule.array] = rule.value
    return arrays


def convert(
    arrays: Mapping[str, Any], rules: Iterable[Rule], expected: Mapping[str, Any], *, file: str
) -> dict[str, Any]:
    """Applies rules.

    Args:
      arrays: of the file, by name.
      rules: in any order.
      expected: the tree of shapes that the network starts with, from `jax.eval_shape`.
      file: its name, for messages.

    Returns:
      The network's weights, of the shapes of `expected` and in single precision.

    Raises:
      InputError: an array is missing, left over, not of real numbers or of a wrong shape.
    """
    rules = list(rules)
    _remark(arrays, file)
    shapes = trees.named_shapes(expected)
    # Rules that do not fit their network are a mistake of ours, whatever the file holds.
    filled = sorted(rule.weight for rule in rules if rule.weight is not None)
    if filled != sorted(shapes) or len({rule.array for rule in rules}) != len(rules):
        raise AssertionError(f"{file}: rules for {filled}, expected {sorted(shapes)}")
    _check_names(arrays, rules, file)
    return trees.from_named_leaves(
        {
            rule.weight: _move(arrays[rule.array], rule, shapes[rule.weight], file)
            for rule in rules
            if rule.weight is not None
        }
    )


def _remark(arrays: Mapping[str, Any], file: str) -> None:
    """Warns of statistics as a network starts with them: its images would be noise."""
    for ends in STATISTICS:
        means, variances = (
            [array for name, array in arrays.items() if name.endswith(end)] for end in ends
        )
        if means and not any(map(np.any, means)) and all(np.all(a == 1) for a in variances):
            LOG.warning(
                "%s: its statistics were never accumulated, every %s is 0 and every %s is 1: the"
                " images will be wrong. Accumulate them where it was trained (BigGAN-PyTorch:"
                " --accumulate_stats) and save it again",
                *(file, *(end[1:] for end in ends)),
            )


def _check_names(arrays: Mapping[str, Any], rules: list[Rule], file: str) -> None:
    """Makes sure that the file has the arrays of the rules and no others."""
    wanted = [rule.array for rule in rules]
    missing = [name for name in wanted if name not in arrays]
    left_over = [name for name in arrays if name not in set(wanted)]
    for what, names in (("missing", missing), ("unexpected", left_over)):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            raise InputError(f"{file}: {what}: {', '.join(map(str, names[:5]))}{more}")


def _move(array: Any, rule: Rule, shape: tuple[int, ...], file: str) -> np.ndarray:
    """Returns the array as the weight that a rule says."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        found = getattr(array, "dtype", type(array).__name__)
        raise InputError(f"{file}: {rule.array} should hold floating point numbers, found {found}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinity there, and refused
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{file}: {rule.array} holds NaN or infinity")
    try:
        moved = rule.layout(array)
    except ValueError:  # transposed or reshaped beyond what it has
        moved = None
    if moved is None or moved.shape != shape:
        raise InputError(
            f"{file}: {rule.array} has shape {array.shape}, expected one that fits"
            f" {rule.weight} of shape {shape}"
        )
    return np.array(moved, np.float32, order="C")


def shape_of(arrays: Mapping[str, Any], name: str, num_axes: int, file: str) -> tuple[int, ...]:
    """Returns the shape of an array that says how large a network is.

    Raises:
      InputError: it is missing or has another number of axes.
    """
    shape = np.shape(arrays[name]) if isinstance(arrays.get(name), np.ndarray) else None
    if shape is None or len(shape) != num_axes or 0 in shape:
        raise InputError(f"{file}: {name}: expected an array of {num_axes} axes, found {shape}")
    return shape
