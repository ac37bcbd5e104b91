"""The layers must equal XLA's own convolutions in values, first and second derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax.nets import convolution, layers, resampling


def lax_conv(images, kernel):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        images, kernel, (2, 2), "SAME", dimension_numbers=dimensions
    )


def lax_conv_transpose(images, kernel):
    return jax.lax.conv_transpose(images, kernel, (2, 2), "SAME")


def lax_same(images, kernel):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", dimension_numbers=dimensions
    )


PAIRS = {
    "same": (convolution.conv, lax_same),
    "strided": (layers.strided_conv, lax_conv),
    "transposed": (layers.strided_conv_transpose, lax_conv_transpose),
}
SHAPES = [(28, 28), (14, 14), (7, 7), (5, 5)]


def data(shape, window=5, inputs=2, outputs=3):
    keys = jax.random.split(jax.random.key(0))
    return (
        jax.random.normal(keys[0], (2, *shape, inputs)),
        jax.random.normal(keys[1], (window, window, inputs, outputs)) / window,
    )


def squared_slope(conv):
    """A gradient penalty: the derivatives of this are second derivatives of the convolution."""

    def penalty(images, kernel):
        slopes = jax.grad(lambda x: jnp.tanh(conv(x, kernel)).sum())(images)
        return (slopes**2).mean()

    return penalty


def assert_close(ours, theirs):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        scale = np.abs(b).max()
        np.testing.assert_allclose(np.asarray(a) / scale, np.asarray(b) / scale, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ours, theirs", PAIRS.values(), ids=PAIRS)  # noqa: PT006
class TestAgainstLax:
    def test_values(self, ours, theirs, shape):
        assert_close(jax.jit(ours)(*data(shape)), theirs(*data(shape)))

    def test_first_derivatives(self, ours, theirs, shape):
        def gradients(conv):
            gradient = jax.grad(lambda x, k: jnp.sin(conv(x, k)).sum(), argnums=(0, 1))
            return jax.jit(gradient)(*data(shape))

        assert_close(gradients(ours), gradients(theirs))

    def test_second_derivatives(self, ours, theirs, shape):
        def gradients(conv):
            return jax.jit(jax.grad(squared_slope(conv), argnums=(0, 1)))(*data(shape))

        assert_close(gradients(ours), gradients(theirs))


@pytest.mark.parametrize("window", [2, 3, 4])
@pytest.mark.parametrize("name", PAIRS)
def test_other_kernel_sizes(name, window):
    def result(conv):
        value_and_grad = jax.value_and_grad(squared_slope(conv), argnums=(0, 1))
        return jax.jit(value_and_grad)(*data((6, 7), window))

    ours, theirs = map(result, PAIRS[name])
    assert_close(ours, theirs)


RESIZING = {
    "doubled": (
        convolution.conv_of_doubled,
        lambda maps, kernel: lax_same(resampling.upsample(maps), kernel),
    ),
    "halved": (
        convolution.halved_conv,
        lambda maps, kernel: resampling.average_pool(lax_same(maps, kernel)),
    ),
}


def results(conv, given):
    """Returns the maps, and a value with first and second derivatives."""
    value_and_grad = jax.value_and_grad(squared_slope(conv), argnums=(0, 1))
    return jax.jit(lambda *given: (conv(*given), value_and_grad(*given)))(*given)


@pytest.mark.parametrize("shape", [(8, 8), (7, 5), (6, 9), (2, 3)])
@pytest.mark.parametrize("name", RESIZING)
def test_convolutions_that_resize(name, shape):
    assert_close(*(results(conv, data(shape, 3)) for conv in RESIZING[name]))


@pytest.mark.parametrize(
    ("name", "way"),
    [("same", "_in_slices"), ("doubled", "_in_products"), ("halved", "_in_products")],
)
def test_many_inputs_and_outputs(name, way, monkeypatch):
    """They take other ways through XLA."""
    convolve, taken = getattr(convolution, way), []

    def watch(*given, **pads):
        taken.append(way)
        return convolve(*given, **pads)

    monkeypatch.setattr(convolution, way, watch)
    pair = {**PAIRS, **RESIZING}[name]
    assert_close(*(results(conv, data((32, 32), 3, 16, 24)) for conv in pair))
    assert taken


def test_a_1x1_kernel():
    assert_close(convolution.conv(*data((5, 6), 1)), lax_same(*data((5, 6), 1)))


@pytest.mark.parametrize(
    ("module", "conv", "fans"),
    [
        (layers.StridedConv(32), lax_conv, 25 * 16 + 25 * 32 / 4),
        (layers.StridedConvTranspose(32), lax_conv_transpose, 25 * 16 / 4 + 25 * 32),
    ],
    ids=["strided", "transposed"],
)
class TestModules:
    images = jnp.ones((2, 7, 7, 16))

    def test_is_convolution_plus_bias(self, module, conv, fans):
        del fans
        params = jax.jit(module.init)(jax.random.key(0), self.images)["params"]
        params = {**params, "bias": jnp.arange(32.0)}
        expected = conv(self.images, params["kernel"]) + params["bias"][None, None, None]
        assert_close(jax.jit(module.apply)({"params": params}, self.images), expected)

    def test_starts_as_the_authors_code(self, module, conv, fans):
        del conv
        params = jax.jit(module.init)(jax.random.key(0), self.images)["params"]
        kernel = np.asarray(params["kernel"])
        assert kernel.shape == (5, 5, 16, 32)
        assert not params["bias"].any()
        np.testing.assert_allclose(kernel.std(), (4 / fans) ** 0.5, rtol=0.02)
        assert np.abs(kernel).max() <= (12 / fans) ** 0.5


# Rows and columns, window, stride, zeros around rows and columns.
WINDOWS = [
    ((6, 5), 4, 2, ((1, 1), (1, 2))),
    ((5, 7), 2, 2, ((0, 0), (0, 0))),  # with a row and a column left over
    ((4, 4), 5, 2, ((2, 1), (2, 1))),
    ((7, 5), 3, 3, ((1, 0), (2, 2))),
    ((4, 3), 4, 1, ((1, 2), (2, 0))),
]
# The start of a generator: a pixel becomes a map.
POINTS = [((1, 1), 4, 1, ((0, 0), (0, 0))), ((1, 1), 5, 2, ((1, 0), (0, 2)))]


def padded_lax(stride, pads):
    def convolve(images, kernel):
        return jax.lax.conv_general_dilated(
            images, kernel, (stride, stride), pads, dimension_numbers=convolution.AXES
        )

    return convolve


def scattered(stride, cut):
    """The transposed convolution by its definition: each pixel adds the kernel to its place."""

    def convolve(maps, kernel):
        batch, height, width, _ = maps.shape
        rows, columns, _, outputs = kernel.shape
        size = (height - 1) * stride + rows, (width - 1) * stride + columns
        result = jnp.zeros((batch, *size, outputs))
        for i, j in np.ndindex(height, width):
            patch = jnp.einsum("bi,rcio->brco", maps[:, i, j], kernel)
            down, right = i * stride, j * stride
            result = result.at[:, down : down + rows, right : right + columns].add(patch)
        (top, bottom), (left, right) = cut
        return result[:, top : size[0] - bottom, left : size[1] - right]

    return convolve


@pytest.mark.parametrize(
    ("shape", "window", "stride", "pads", "transposed"),
    [
        *((*each, transposed) for each in WINDOWS for transposed in (False, True)),
        *((*each, True) for each in POINTS),
    ],
)
def test_any_window_stride_and_padding(shape, window, stride, pads, transposed):
    """In values, first and second derivatives."""
    if transposed:
        theirs = scattered(stride, pads)
        ours = functools.partial(layers.any_conv_transpose, stride=stride, cut=pads)
    else:
        theirs = padded_lax(stride, pads)
        ours = functools.partial(layers.any_conv, stride=stride, pads=pads)
    given = data(shape, window)
    assert_close(ours(*given), theirs(*given))
    for loss in (lambda conv: lambda x, k: jnp.sin(conv(x, k)).sum(), squared_slope):
        found, expected = (
            jax.jit(jax.grad(loss(conv), argnums=(0, 1)))(*given) for conv in (ours, theirs)
        )
        assert_close(found, expected)
