"""Rules use every array once, fill every weight once, and name whatever does not fit."""

import jax
import numpy as np
import pytest

from minegan_jax.errors import InputError
from weights_conversion import rules
from weights_conversion.rules import Rule

ARRAYS = {
    "conv.weight": np.arange(2 * 3 * 3 * 3, dtype="f4").reshape(2, 3, 3, 3),
    "conv.bias": np.arange(2.0),
    "steps": np.asarray(7),
}
RULES = [
    Rule("conv.weight", "conv/kernel", rules.conv),
    Rule("conv.bias", "conv/bias"),
    Rule("steps", None),
]
EXPECTED = {
    "conv": {
        "kernel": jax.ShapeDtypeStruct((3, 3, 3, 2), "float32"),
        "bias": jax.ShapeDtypeStruct((2,), "float32"),
    }
}


def test_arrays_become_weights():
    weights = rules.convert(ARRAYS, RULES, EXPECTED, file="G.pth")
    kernel = weights["conv"]["kernel"]
    assert kernel[1, 2, 0, 1] == ARRAYS["conv.weight"][1, 0, 1, 2]
    assert {leaf.dtype for leaf in jax.tree.leaves(weights)} == {np.dtype("float32")}


WRONG = {
    "missing: conv.bias": {"conv.bias": None},
    "unexpected: conv2.bias": {"conv2.bias": np.zeros(1)},
    r"conv.weight has shape \(2, 3, 3, 5\), expected one that fits conv/kernel": {
        "conv.weight": np.zeros((2, 3, 3, 5))
    },
    r"conv.weight has shape \(3, 2, 3, 3\)": {"conv.weight": np.zeros((3, 2, 3, 3))},
    r"conv.weight has shape \(54,\)": {"conv.weight": np.zeros(54)},
    "conv.bias should hold floating point numbers, found int64": {"conv.bias": np.arange(2)},
    "conv.bias should hold floating point numbers, found dict": {"conv.bias": {}},
    "conv.bias holds NaN": {"conv.bias": np.array([0.0, np.nan])},
}


@pytest.mark.parametrize(("said", "change"), WRONG.items(), ids=WRONG)
def test_what_does_not_fit_is_named(said, change):
    arrays = {name: array for name, array in {**ARRAYS, **change}.items() if array is not None}
    with pytest.raises(InputError, match=f"^G.pth: {said}"):
        rules.convert(arrays, RULES, EXPECTED, file="G.pth")


@pytest.mark.parametrize("wrong", [RULES[1:], [*RULES, RULES[0]], [*RULES, Rule("steps", None)]])
def test_rules_must_fit_their_network(wrong):
    with pytest.raises(AssertionError, match="rules for"):
        rules.convert(ARRAYS, wrong, EXPECTED, file="G.pth")


def test_layouts_of_dense_layers_around_maps():
    """A dense layer before (after) maps of 4x4 pixels does the same on either layout."""
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(3 * 16, 5)), rng.normal(size=(2, 3 * 16))
    latents = rng.normal(size=(1, 5))
    maps = (latents @ before.T).reshape(1, 3, 4, 4)  # channels first
    ours = (latents @ rules.before_maps(before)).reshape(1, 4, 4, 3)
    np.testing.assert_allclose(ours, maps.transpose(0, 2, 3, 1))
    theirs = maps.reshape(1, -1) @ after.T
    np.testing.assert_allclose(ours.reshape(1, -1) @ rules.after_maps(after), theirs)


def test_a_row_becomes_a_vector():
    assert rules.flat(np.ones((1, 3))).shape == (3,)
    with pytest.raises(ValueError, match="row"):
        rules.flat(np.ones((3, 1)))
