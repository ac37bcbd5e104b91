"""A small wheel like random-face's: a MobileStyleGAN of random weights as two OpenVINO networks.

Only what bears on the weights is written of a graph: not the layers that rebuild shapes, split maps
and transform them.
"""

import itertools
import zipfile

import numpy as np

NAMES = {"f": "f32", "i": "i64"}


class Net:
    """A graph under construction."""

    def __init__(self):
        self.layers, self.edges, self.numbers = [], [], b""

    def layer(self, kind, *inputs, name="", data=""):
        """Adds a layer; returns its number."""
        number = len(self.layers)
        text = f'<layer id="{number}" name="{name}" type="{kind}"><data {data}/></layer>'
        self.layers.append(text)
        self.edges += [
            f'<edge from-layer="{taken}" from-port="9" to-layer="{number}" to-port="{port}"/>'
            for port, taken in enumerate(inputs)
        ]
        return number

    def constant(self, name, array):
        """Adds a constant; returns its number."""
        shape, offset = ", ".join(map(str, array.shape)), len(self.numbers)
        kind, self.numbers = NAMES[array.dtype.kind], self.numbers + array.tobytes()
        data = f'element_type="{kind}" shape="{shape}" offset="{offset}" size="{array.nbytes}"'
        return self.layer("Const", name=name, data=data)


def ir(net):
    """Returns the bytes of a graph, and its numbers; edges come in any order."""
    layers, edges = "".join(net.layers), "".join(reversed(net.edges))
    xml = f'<?xml version="1.0"?><net version="10"><layers>{layers}</layers><edges>{edges}</edges>'
    return f"{xml}</net>".encode(), net.numbers


def network(latent_size, widths, num_layers=3, channels=3, seed=0):
    """Random arrays of a MobileStyleGAN by the names that they have in PyTorch.

    Args:
      latent_size: of z and w.
      widths: channels of the maps of 4, 8, ... pixels.
      num_layers: of the mapping.
      channels: of the image.
      seed: of the arrays.
    """
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(0.0, 0.7, shape).astype("f4")

    def style(name, size):
        weight = normal(size, latent_size) / latent_size**0.5
        return {f"{name}.modulation.weight": weight, f"{name}.modulation.bias": 1 + normal(1, size)}

    def around(name, inputs, outputs, size):
        arrays = {f"{name}.noise": normal(1, 1, size, size)}
        return style(f"{name}.conv", inputs) | arrays | {f"{name}.bias": normal(1, outputs, 1, 1)}

    mapping = [(normal(latent_size, latent_size), normal(latent_size)) for _ in range(num_layers)]
    arrays = {"mapping": mapping, "input.input": normal(1, widths[0], 4, 4)}
    arrays |= around("conv1", widths[0], widths[0], 4)
    arrays["conv1.conv.weight"] = normal(widths[0], widths[0], 3, 3)
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        arrays |= style(f"layers.{i}.up", before)
        for name, inputs in ((f"layers.{i}.conv1", before // 4), (f"layers.{i}.conv2", after)):
            arrays |= around(name, inputs, after, 8 << i)
            arrays[f"{name}.conv.weight_dw"] = normal(inputs, 1, 1, 3, 3)
            arrays[f"{name}.conv.weight_pw"] = normal(after, inputs, 1, 1)
    image = f"layers.{len(widths) - 2}.to_img"
    arrays |= style(f"{image}.conv", widths[-1])
    arrays[f"{image}.conv.weight"] = normal(4 * channels, widths[-1], 1, 1)
    arrays[f"{image}.bias"] = normal(1, 4 * channels, 1, 1)
    return arrays


def mapping_net(layers):
    """The mapping network's graph: of a bias, the shape is rebuilt, or it is added as it is."""
    net = Net()
    x = net.layer("Parameter")
    for number, (weight, bias) in enumerate(layers):
        x = net.layer("MatMul", x, net.constant(f"{number}", weight))
        added = net.constant("", bias)
        if number != 1:
            added = net.layer("Reshape", added, net.layer("Concat"))
        x = net.layer("PReLU", net.layer("Add", x, added), net.constant("", np.ones(1, "f4")))
    net.layer("Result", x)
    return net


def synthesis_net(arrays):
    """The synthesis network's graph, in which kernels and noise have no names."""
    net = Net()
    x = net.layer("Parameter")
    anonymous = (".noise", ".weight_pw", "conv1.conv.weight")
    for name, array in arrays.items():
        if name != "mapping" and not name.endswith(anonymous):
            numbers = net.constant(f"m.{name}", array)
            if name.endswith("weight_dw"):
                x = net.layer("GroupConvolution", x, numbers)
                kernel = net.constant("Mul_copy", arrays[name[:-2] + "pw"])
                x = noisy(net, x, kernel, arrays[name.replace(".conv.weight_dw", ".noise")])
            elif name.endswith("to_img.conv.weight"):
                x = net.layer("Convolution", x, numbers)
    first = net.constant("Mul_copy", arrays["conv1.conv.weight"])
    noisy(net, x, first, arrays["conv1.noise"])
    return net


def noisy(net, x, kernel, noise):
    """Adds a convolution and the noise behind it."""
    return net.layer("Add", net.layer("Convolution", x, kernel), net.constant("", noise))


def write_wheel(path, arrays):
    """Writes a wheel with both networks."""
    nets = {"Mapping": mapping_net(arrays["mapping"]), "Synthesis": synthesis_net(arrays)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("random_face/__init__.py", "raise SystemExit('never run')\n")
        for name, net in nets.items():
            for end, content in zip(("xml", "bin"), ir(net), strict=True):
                wheel.writestr(f"random_face/data/{name}Network.{end}", content)
