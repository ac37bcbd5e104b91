"""Small DCGANs in the formats that people publish, and what they give, in numpy from definitions.

A network is a list of layers in the order in which they run, each a dictionary: `op` is dense,
view (to square maps), conv, transposed, norm or an activation; arrays are in PyTorch's layouts.
"""

import json

import numpy as np
from weight_files import zip_layout

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(0.0, 0.4, shape).astype("f4")


def norm(size, epsilon=1e-5):
    """A batch normalisation whose statistics are far from those of fresh ones."""
    return {
        **{"op": "norm", "weight": 1.0 + normal(size), "bias": normal(size)},
        **{"running_mean": normal(size), "running_var": 0.5 + np.abs(normal(size))},
        "epsilon": epsilon,
    }


def transposed(inputs, outputs, window=4, *, stride=2, padding=1, more=0, bias=False):
    layer = {"op": "transposed", "weight": normal(inputs, outputs, window, window)}
    layer |= {"stride": stride, "padding": padding, "more": more}
    return layer | ({"bias": normal(outputs)} if bias else {})


def conv(inputs, outputs, window=4, *, stride=2, padding=1, bias=False):
    layer = {"op": "conv", "weight": normal(outputs, inputs, window, window)}
    layer |= {"stride": stride, "padding": padding}
    return layer | ({"bias": normal(outputs)} if bias else {})


def dense(inputs, outputs, *, bias=True):
    layer = {"op": "dense", "weight": normal(outputs, inputs)}
    return layer | ({"bias": normal(outputs)} if bias else {})


def op(name, **fields):
    return {"op": name, **fields}


LEAKY = op("leaky_relu", slope=0.2)


def scattered(x, layer):
    """A transposed convolution: each pixel adds the kernel at its place, then edges are cut."""
    weight, stride, padding = np.float64(layer["weight"]), layer["stride"], layer["padding"]
    before, after = padding if isinstance(padding, tuple) else (padding, padding - layer["more"])
    window, (batch, _, height, width) = weight.shape[2], x.shape
    size = [(pixels - 1) * stride + window for pixels in (height, width)]
    full = np.zeros((batch, weight.shape[1], *size))
    for i, j in np.ndindex(height, width):
        rows, columns = (slice(n * stride, n * stride + window) for n in (i, j))
        full[:, :, rows, columns] += np.einsum("bi,iorc->borc", x[:, :, i, j], weight)
    return full[:, :, before : size[0] - after, before : size[1] - after]


def correlated(x, layer):
    weight, stride, padding = np.float64(layer["weight"]), layer["stride"], layer["padding"]
    ends = padding if isinstance(padding, tuple) else (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), ends, ends))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
    return np.einsum("bihwrc,oirc->bohw", windows[:, :, ::stride, ::stride], weight)


def channels(values, x):
    """Values of channels, or of units, as they meet maps, or vectors."""
    return np.float64(values).reshape(1, -1, *(1,) * (x.ndim - 2))


def normalised(x, layer, *, of_batch):
    if of_batch:
        axes = (0, *range(2, x.ndim))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
    else:
        mean, variance = layer["running_mean"], layer["running_var"]
    standard = (x - channels(mean, x)) / np.sqrt(channels(variance, x) + layer["epsilon"])
    return standard * channels(layer["weight"], x) + channels(layer["bias"], x)


def run(layers, x, *, of_batch=False):
    """Computes a network in double precision; maps are (batch, channels, height, width)."""
    x = np.float64(x)
    for layer in layers:
        name = layer["op"]
        if name == "dense":
            x = x.reshape(len(x), -1) @ np.float64(layer["weight"]).T
        elif name in ("conv", "transposed"):
            x = x if x.ndim == 4 else x[:, :, None, None]
            x = (correlated if name == "conv" else scattered)(x, layer)
        elif name == "view":
            x = x.reshape(len(x), -1, layer["size"], layer["size"])
        elif name == "norm":
            x = normalised(x, layer, of_batch=of_batch)
        elif name == "leaky_relu":
            x = np.where(x > 0, x, layer["slope"] * x)
        else:
            functions = {"relu": lambda x: x.clip(0), "tanh": np.tanh}
            x = functions.get(name, lambda x: 1 / (1 + np.exp(-x)))(x)
        if "bias" in layer and name != "norm":
            x = x + channels(layer["bias"], x)
    return x


ARRAYS = ("weight", "bias", "running_mean", "running_var")


def state_dict(layers, prefix="main."):
    """The arrays of a network as PyTorch's `Sequential` names them."""
    named = {}
    for number, layer in enumerate(layers):
        named |= {f"{prefix}{number}.{name}": layer[name] for name in ARRAYS if name in layer}
        if layer["op"] == "norm":
            named[f"{prefix}{number}.num_batches_tracked"] = np.array(7)
    return named


def tutorial(sizes=(6, 4, 3), latent_size=5, colours=3):
    """The generator of PyTorch's tutorial, of 16 pixels for two sizes and so on."""
    layers, inputs, how = [], latent_size, {"stride": 1, "padding": 0}
    for size in sizes:
        layers += [transposed(inputs, size, **how), norm(size), op("relu")]
        inputs, how = size, {}
    return [*layers, transposed(inputs, colours), op("tanh")]


def tutorial_critic(sizes=(3, 4, 6), colours=3):
    layers, inputs = [], colours
    for size in sizes:
        layers.append(conv(inputs, size))
        layers += [norm(size), LEAKY] if inputs != colours else [LEAKY]
        inputs = size
    return [*layers, conv(inputs, 1, stride=1, padding=0)]


def write_pytorch(path, layers):
    path.write_bytes(zip_layout(state_dict(layers)))


def write_theano(path, layers):
    """Writes the arrays beside a dump; a true convolution's kernels are flipped."""
    arrays = []
    for layer in layers:
        weight = layer.get("weight")
        if layer["op"] in ("conv", "transposed"):
            arrays.append(weight[:, :, ::-1, ::-1])
        elif layer["op"] == "dense":
            arrays.append(weight.T)
        elif layer["op"] == "norm":
            arrays += [weight, layer["bias"]]
    for number, array in enumerate(arrays, 1):
        np.save(path.parent / f"{path.name}_{number:02d}.npy", array)


def radford():
    """A generator of Radford et al.'s code, of 16 pixels."""
    return [
        *(dense(4, 3 * 16, bias=False), norm(3 * 16, 1e-8), op("relu"), op("view", size=4)),
        *(transposed(3, 2, 5, padding=2, more=1), norm(2, 1e-8), op("relu")),
        *(transposed(2, 3, 5, padding=2, more=1), op("tanh")),
    ]


def radfords_critic():
    return [
        *(conv(3, 2, 5, padding=2), LEAKY),
        *(conv(2, 4, 5, padding=2), norm(4, 1e-8), LEAKY),
        dense(4 * 16, 1, bias=False),
    ]


KERAS = {
    **{"dense": "Dense", "conv": "Conv2D", "transposed": "Conv2DTranspose", "view": "Reshape"},
    **{"norm": "BatchNormalization", "relu": "ReLU", "leaky_relu": "LeakyReLU"},
    **{"tanh": "Activation", "sigmoid": "Activation"},
}
VARIABLES = {  # of Keras, by PyTorch's
    "norm": dict(zip(ARRAYS, ("gamma", "beta", "moving_mean", "moving_variance"), strict=True)),
    "": {"weight": "kernel", "bias": "bias"},
}


def keras_config(layer, name, x):
    """The configuration of a layer whose input is `x`."""
    config = {"name": name}
    if layer["op"] in ("dense", "conv", "transposed"):
        weight = layer["weight"]
        outputs = weight.shape[1 if layer["op"] == "transposed" else 0]
        config |= {"units": outputs, "filters": outputs, "use_bias": "bias" in layer}
        config |= {"activation": "linear", "padding": "same", "strides": [layer.get("stride")] * 2}
        config |= {"kernel_size": list(weight.shape[2:]), "data_format": "channels_last"}
    elif layer["op"] == "view":
        config["target_shape"] = [layer["size"]] * 2 + [x.shape[1] // layer["size"] ** 2]
    elif layer["op"] == "norm":
        config |= {"epsilon": layer["epsilon"], "scale": True, "center": True}
    elif layer["op"] == "leaky_relu":
        config["alpha"] = layer["slope"]
    return config | {"activation": config.get("activation", layer["op"])}


def keras_array(layer, name, before, behind):
    """An array as Keras lays it out, with maps' channels last.

    `before` is the shape of what a layer takes, `behind` the layer that takes what it gives.
    """
    array = layer[name]
    if behind["op"] == "view":  # the units are maps
        maps = array.reshape(-1, behind["size"], behind["size"], *array.shape[1:])
        array = np.moveaxis(maps, 0, 2).reshape(array.shape)
    if name != "weight" or layer["op"] == "norm":
        return array
    if layer["op"] == "dense":
        units = np.moveaxis(array.reshape(len(array), *before[1:]), 1, -1)
        return units.reshape(len(array), -1).T
    return array.transpose(2, 3, 1, 0)  # of a transposed one, outputs before inputs


def write_keras(path, layers, given, *, change=lambda layers: layers):
    """Writes a model; `given` is a batch that it takes, `change` what becomes of its layers."""
    import h5py

    shape = [None, *given.shape[2:], given.shape[1]] if given.ndim == 4 else [None, given.shape[1]]
    configs = [{"class_name": "InputLayer", "config": {"batch_input_shape": shape, "name": "in"}}]
    with h5py.File(path, "w") as file:
        weights, x, names = file.create_group("model_weights"), given, []
        for number, layer in enumerate(layers):
            name = f"layer_{number}"
            config = keras_config(layer, name, x)
            configs.append({"class_name": KERAS[layer["op"]], "config": config})
            variables = VARIABLES.get(layer["op"], VARIABLES[""])
            behind = [*layers, op("")][number + 1]
            here = {
                variable: keras_array(layer, array, x.shape, behind)
                for array, variable in variables.items()
                if array in layer
            }
            group = weights.create_group(name)
            for variable, array in here.items():
                group[f"{name}/{variable}:0"] = array
            group.attrs["weight_names"] = [f"{name}/{variable}:0" for variable in here]
            names.append(name)
            x = run([layer], x)
        weights.attrs["layer_names"] = names
        model = {"class_name": "Sequential", "config": {"layers": change(configs)}}
        file.attrs["model_config"] = json.dumps(model)


def keras_generator():
    """With activations before normalisations, and a last layer without a stride."""
    return [
        *(dense(5, 3 * 16), op("view", size=4)),
        *(transposed(3, 4, bias=True), op("relu"), norm(4, 1e-3)),
        *(transposed(4, 3, stride=1, padding=(1, 2), bias=True), op("sigmoid")),
    ]


def keras_critic():
    return [
        *(conv(3, 4, bias=True), op("leaky_relu", slope=0.3)),
        *(conv(4, 5, 3, stride=1, padding=1, bias=True), norm(5, 1e-3), op("relu")),
        *(conv(5, 2, 5, padding=(1, 2)), op("tanh")),
        *(dense(2 * 4, 1), op("sigmoid")),
    ]
