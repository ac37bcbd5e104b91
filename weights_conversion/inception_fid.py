r"""The Inception-v3 that FID is defined by, as ported from TensorFlow to PyTorch.

python -m weights_conversion.inception_fid \
    --checkpoint=pt_inception-2015-12-05-6726825d.pth --out=inception.safetensors

Then `--config.report.features=torch_fidelity:inception.safetensors` measures with it, or
`pytorch_fid:...` after the other tool whose way of resizing is published.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.features.fid import inception_shapes
from minegan_jax.types import Params

from . import reader, rules, states
from .command import Flag, Weights, deliver_weights, main

NAME = "inception_v3_2015"
LICENCE = "Apache 2.0, as the TensorFlow network"
FLAGS = {"checkpoint": Flag("pt_inception-2015-12-05-*.pth"), "key": Flag(states.KEY)}
# The ends of our weights' paths, those of the file's names, and the layout.
ENDS = {
    "/conv/kernel": (".conv.weight", rules.conv),
    "/affine/gain": (".bn.weight", rules.as_is),
    "/affine/bias": (".bn.bias", rules.as_is),
    "/statistics/mean": (".bn.running_mean", rules.as_is),
    "/statistics/variance": (".bn.running_var", rules.as_is),
    "fc/kernel": ("fc.weight", rules.dense),
    "fc/bias": ("fc.bias", rules.as_is),
}
SIGN = ("Conv2d_1a_3x3.conv.weight",)  # an array by which the network is found
COUNTERS = ".num_batches_tracked"  # which a file may have or lack


def network_rules(shapes: Params) -> Iterable[rules.Rule]:
    """Yields a rule for each weight; layers have the file's names."""
    for path in trees.named_shapes(shapes):
        ours = next(end for end in ENDS if path.endswith(end))
        theirs, layout = ENDS[ours]
        layer = path.removesuffix(ours).replace("/", ".")
        yield rules.Rule(f"{layer}{theirs}", path, layout)


def convert(checkpoint: str | None = None, key: str | None = None) -> Weights:
    """Converts the network; `key` is its place in a file of several.

    Raises:
      InputError: there is no file, or it is damaged or not this network.
    """
    if not checkpoint:
        raise InputError("expected --checkpoint")
    saved = states.find(reader.read_torch(checkpoint), SIGN, file=checkpoint, key=key)
    arrays = {name: array for name, array in saved.items() if not name.endswith(COUNTERS)}
    shapes = inception_shapes()
    params = rules.convert(arrays, network_rules(shapes), shapes, file=checkpoint)
    return Weights(NAME, params, (checkpoint,), LICENCE)


def deliver(converted: Weights, file: Path) -> str:
    """Writes the weights, and beside them the JSON that describes them."""
    return deliver_weights(converted, file, use=f"--config.report.features=torch_fidelity:{file}")


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, deliver))
