r"""LPIPS on VGG-16: torchvision's network and the weights of its layers.

python -m weights_conversion.lpips_vgg --trunk=vgg16-397923af.pth \
    --heads=lpips/weights/v0.1/vgg.pth --out=lpips.safetensors

Then `--config.report.diversity=lpips:lpips.safetensors` measures diversity inside clusters.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.features.lpips import LAYERS, lpips_shapes

from . import reader, rules, states
from .command import Flag, Weights, deliver_weights, main

NAME = "lpips_vgg16"
LICENCE = "BSD: torchvision's 3-Clause, the heads' 2-Clause"
FLAGS = {
    "trunk": Flag("vgg16-*.pth"),
    "heads": Flag("vgg.pth of the package lpips, v0.1"),
    "key": Flag(f"{states.KEY}, of the trunk"),
}
# Arrays by which the two parts are found.
TRUNK = ("features.0.weight",)
HEADS = ("lin0.model.1.weight",)
UNUSED = "classifier."  # the trunk's last layers


def head(weights: np.ndarray) -> np.ndarray:
    """Turns (1, channels, 1, 1) into (channels,)."""
    if weights.ndim != 4 or weights.size != weights.shape[1]:
        raise ValueError("not a head")
    return weights.ravel()


def network_rules() -> Iterable[rules.Rule]:
    """Yields a rule for each weight: torchvision numbers ReLUs and pools too."""
    place = number = 0
    for layer, widths in enumerate(LAYERS):
        for _ in widths:
            yield rules.Rule(f"features.{place}.weight", f"conv_{number}/kernel", rules.conv)
            yield rules.Rule(f"features.{place}.bias", f"conv_{number}/bias")
            place, number = place + 2, number + 1
        place += 1
        yield rules.Rule(f"lin{layer}.model.1.weight", f"head_{layer}", head)


def convert(trunk: str | None = None, heads: str | None = None, key: str | None = None) -> Weights:
    """Converts the network; `key` is the trunk's place in a file of several.

    Raises:
      InputError: a file is not given or missing, damaged, or not this network.
    """
    if not trunk or not heads:
        raise InputError("expected --trunk and --heads")
    found = states.find(reader.read_torch(trunk), TRUNK, file=trunk, key=key)
    arrays = {name: array for name, array in found.items() if not name.startswith(UNUSED)}
    arrays |= states.find(reader.read_torch(heads), HEADS, file=heads)
    params = rules.convert(arrays, network_rules(), lpips_shapes(), file=f"{trunk}, {heads}")
    for layer in range(len(LAYERS)):
        if (lowest := params[f"head_{layer}"].min()) < 0:
            raise InputError(f"{heads}: lin{layer}: expected weights of 0 or more, found {lowest}")
    return Weights(NAME, params, (trunk, heads), LICENCE)


def deliver(converted: Weights, file: Path) -> str:
    """Writes the weights, and beside them the JSON that describes them."""
    return deliver_weights(converted, file, use=f"--config.report.diversity=lpips:{file}")


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, deliver))
