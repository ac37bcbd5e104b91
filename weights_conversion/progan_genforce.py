"""ProGAN as genforce publishes it, `pggan_*.pth`: the averaged generator, and the critic.

python -m weights_conversion.progan_genforce --checkpoint=pggan_car256.pth --out=DIR
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError

from . import export, reader
from .command import KEYS, Converted, Flag, main, network_keys
from .progan_layers import (
    NETWORKS,
    ONLY,
    Arrays,
    Format,
    convert_networks,
    find_networks,
    form_of,
)
from .rules import after_maps, conv, dense, undone_by

NAMES = {"generator": "generator_smooth", "critic": "discriminator"}  # in the file
LICENCE = "the official weights, CC BY-NC 4.0, as converted by genforce"
DROPPED = ("lod",)
FLAGS = {
    "checkpoint": Flag("pggan_*.pth"),
    "only": Flag(ONLY),
    **KEYS,
    "minibatch_stddev_group": Flag("images that the critic compares; the file does not say", 16),
}


@undone_by(lambda inputs, units: (units // 16, inputs, 4, 4))
def first_conv(kernel: np.ndarray) -> np.ndarray:
    """Turns a 4x4 convolution of one pixel, padded by 3, into a matrix for maps of 4x4 pixels.

    From (channels, inputs, 4, 4) to (inputs, 16 * channels); each output pixel meets one pixel of
    the kernel, counted from its end.
    """
    channels, inputs, rows, columns = kernel.shape
    turned = kernel[:, :, ::-1, ::-1].transpose(1, 2, 3, 0)
    return turned.reshape(inputs, rows * columns * channels)


def generator_names(count: int) -> dict[str, str]:
    """Returns the file's layers of a generator of so many resolutions, by ours."""
    names: dict[str, str] = {}
    for i in range(count):
        first, second = ("dense", "conv") if i == 0 else ("first", "second")
        size = 4 << i
        names |= {f"{first}_{size}": f"layer{2 * i}", f"{second}_{size}": f"layer{2 * i + 1}"}
        names[f"to_rgb_{size}"] = f"output{i}"
    return names


def critic_names(count: int) -> dict[str, str]:
    """Returns the file's layers of a critic of so many resolutions, by ours."""
    names: dict[str, str] = {}
    for i in range(count):
        size = 4 << (count - 1 - i)
        first, second = ("conv", "dense") if size == 4 else ("first", "second")
        names[f"from_rgb_{size}"] = f"input{i}"
        names |= {f"{first}_{size}": f"layer{2 * i}", f"{second}_{size}": f"layer{2 * i + 1}"}
    return names | {"score": f"layer{2 * count}"}


FORMAT = Format(
    variant="karras2018",
    kernel=".weight",
    bias=".bias",
    inputs=1,
    conv=conv,
    layouts={
        "generator": {"dense_4/kernel": first_conv},
        "critic": {"dense_4/kernel": after_maps, "score/kernel": dense},
    },
    names={"generator": generator_names, "critic": critic_names},
    rgb={"generator": "output", "critic": "input"},
    signs={"generator": ("output0.weight",), "critic": ("input0.weight",)},
    latent_norms=2,
)


def content(arrays: Mapping[str, Arrays], _: Any) -> dict[str, Arrays]:
    """Returns a file's content for these networks; the EMA stands for both generators."""
    names = {"generator": "generator", "discriminator": "critic", "generator_smooth": "generator"}
    return {theirs: arrays[ours] for theirs, ours in names.items() if ours in arrays}


BACK = export.back(
    form_of(FORMAT, {"checkpoint": NETWORKS}, dropped=DROPPED, content=content),
    {"checkpoint": FLAGS["checkpoint"]},
)


def convert(
    checkpoint: str | None = None,
    only: str | None = None,
    minibatch_stddev_group: int = 16,
    key: str | None = None,
    critic_key: str | None = None,
) -> Converted:
    """Converts generator and critic.

    Args:
      checkpoint: the file.
      only: `generator` or `critic`; None is both.
      minibatch_stddev_group: images that the critic compares.
      key: the place of the generator, or of a critic alone, if it is not the usual one.
      critic_key: that of a critic beside a generator.

    Raises:
      InputError: the file is damaged, is no ProGAN, or was saved while fading in.
    """
    if not checkpoint:
        raise InputError("expected --checkpoint")
    keys = network_keys(key, critic_key, both=only is None)
    saved = reader.read_torch(checkpoint)
    arrays = find_networks(FORMAT, saved, NAMES, file=checkpoint, only=only, keys=keys)
    for named, place in arrays.values():
        if not np.array_equal(named.get("lod", np.nan), 0.0):
            found = named.get("lod", "none")
            raise InputError(f"{place}: lod is {found}, expected 0: saved while fading in")
    return convert_networks(
        FORMAT,
        arrays,
        group=minibatch_stddev_group,
        dropped=DROPPED,
        file=checkpoint,
        licence=LICENCE,
    )


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, back=BACK))
