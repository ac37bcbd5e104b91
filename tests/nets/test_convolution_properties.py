"""Convolutions of any shape, whichever way they take through XLA, against `jax.lax`.

Maps and kernels are small whole numbers, whose sums are exact in float32: results must be equal.
"""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minegan_jax.nets import convolution, layers

AXES = ("NHWC", "HWIO", "NHWC")
SIZES, WINDOWS, CHANNELS = st.integers(1, 6), st.integers(1, 4), st.integers(1, 3)
# Of shapes as small as these, each way is taken by some with thresholds as low as these.
THRESHOLDS = {
    "LARGE": (0, 24, 2**17),
    "TALL": (1, 3, 16),
    "TILE": (1, 2, 16),
    "FEW": (0, 4),
    "MANY": (1, 2, 64),
}
WAYS = ("_one_by_one", "_in_a_row", "_in_slices", "_in_products")


def whole_numbers(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.integers(-4, 5, shape), jnp.float32) for shape in shapes]


def lax_conv(maps, kernel, strides, pads):
    return jax.lax.conv_general_dilated(maps, kernel, strides, pads, dimension_numbers=AXES)


def results(conv, maps, kernel):
    """Returns the value, and both derivatives of a sum in which each part has another weight."""

    def weighted(maps, kernel):
        value = conv(maps, kernel)
        return (value * (jnp.arange(value.size).reshape(value.shape) % 5)).sum(), value

    (_, value), slopes = jax.value_and_grad(weighted, argnums=(0, 1), has_aux=True)(maps, kernel)
    return value, *slopes


def assert_equal(ours, theirs, maps, kernel):
    """Equal in values and in both derivatives."""
    both = jax.jit(lambda *given: [results(conv, *given) for conv in (ours, theirs)])
    for found, expected in zip(*both(maps, kernel), strict=True):
        np.testing.assert_array_equal(found, expected)


@st.composite
def shapes(draw):
    """Shapes of maps and a kernel."""
    inputs = draw(CHANNELS)
    maps = draw(st.tuples(CHANNELS, SIZES, SIZES, st.just(inputs)))
    return maps, draw(st.tuples(WINDOWS, WINDOWS, st.just(inputs), CHANNELS))


@st.composite
def padded(draw):
    """Shapes, and zeros around the maps that leave room for the kernel."""
    maps, kernel = draw(shapes())
    pads = []
    for size, window in zip(maps[1:3], kernel[:2], strict=True):
        before = draw(st.integers(0, window - 1))
        pads.append((before, draw(st.integers(max(0, window - size - before), window - 1))))
    return maps, kernel, tuple(pads)


def test_every_way_gives_the_same(monkeypatch):
    taken = set()
    for name in WAYS:
        way = getattr(convolution, name)

        def watch(*given, way=way, name=name, **pads):
            taken.add(name)
            return way(*given, **pads)

        monkeypatch.setattr(convolution, name, watch)

    @settings(max_examples=25)
    @given(padded(), st.fixed_dictionaries({n: st.sampled_from(v) for n, v in THRESHOLDS.items()}))
    def holds(given, thresholds):
        *sizes, pads = given
        for name, value in thresholds.items():
            monkeypatch.setattr(convolution, name, value)
        assert_equal(
            lambda maps, kernel: convolution._convolve(maps, kernel, pads),
            lambda maps, kernel: lax_conv(maps, kernel, (1, 1), pads),
            *whole_numbers(sum(sizes[0]), *sizes),
        )

    holds()
    assert taken == {*WAYS}


@settings(max_examples=8)
@given(shapes())
def test_same_padding(sizes):
    assert_equal(
        convolution.conv,
        lambda maps, kernel: lax_conv(maps, kernel, (1, 1), "SAME"),
        *whole_numbers(1, *sizes),
    )


@settings(max_examples=8)
@given(shapes())
def test_strides(sizes):
    maps, (rows, columns, *channels) = sizes
    kernel = (max(rows, 2), max(columns, 2), *channels)
    assert_equal(
        layers.strided_conv,
        lambda maps, kernel: lax_conv(maps, kernel, (2, 2), "SAME"),
        *whole_numbers(2, maps, kernel),
    )
    assert_equal(
        layers.strided_conv_transpose,
        lambda maps, kernel: jax.lax.conv_transpose(maps, kernel, (2, 2), "SAME"),
        *whole_numbers(3, maps, kernel),
    )
