"""ProGAN as the PyTorch GAN zoo publishes it, `*_sN_iM-*.pth`: the averaged generator, the critic.

python -m weights_conversion.progan_gan_zoo --checkpoint=celebaHQ_s6_i80000-6196db68.pth --out=DIR
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from minegan_jax.errors import InputError

from . import reader, states
from .command import KEYS, Converted, Flag, main, network_keys
from .progan_layers import ONLY, Format, convert_networks, find_networks
from .rules import after_maps, before_maps, conv, dense, maps_last
from .unpickling import Settings

NAMES = {"generator": "avgG", "critic": "netD"}  # in the file
LICENCE = "the repository's is BSD 3-Clause; none is stated for the weights"
FLAGS = {"checkpoint": Flag("*_sN_iM-*.pth"), "only": Flag(ONLY), **KEYS}
INSIDE = ".module"  # in the names of newer files, where a layer wraps another
INNER = tuple(f"{layer}{INSIDE}.weight" for layer in ("formatLayer", "decisionLayer"))
GROUP = 4  # images that the critic compares
# What the networks here take for granted; `alpha` is 0 once the last layers are faded in.
SETTINGS = {
    "alpha": 0,
    "perChannelNormalization": True,
    "equalizedlR": True,
    "leakyReluLeak": 0.2,
    "categoryVectorDim": 0,
}
BOUNDED = ("MSE", "DCGAN")  # losses whose generators end in a tanh


def generator_names(count: int, *, inside: str) -> dict[str, str]:
    """Returns the file's layers of a generator of so many resolutions, by ours.

    Args:
      count: of resolutions.
      inside: `.module`, or nothing in older files.
    """
    names = {"dense_4": f"formatLayer{inside}", "conv_4": f"groupScale0.0{inside}"}
    return names | _growing("toRGBLayers", "to_rgb", count, inside)


def critic_names(count: int, *, inside: str) -> dict[str, str]:
    """Returns the file's layers of a critic of so many resolutions, by ours; as for generators."""
    names = {
        "conv_4": f"groupScaleZero.0{inside}",
        "dense_4": f"groupScaleZero.1{inside}",
        "score": f"decisionLayer{inside}",
    }
    return names | _growing("fromRGBLayers", "from_rgb", count, inside)


def _growing(rgb: str, ours: str, count: int, inside: str) -> dict[str, str]:
    """Returns the layers that every resolution adds."""
    names = {f"{ours}_{4 << i}": f"{rgb}.{i}{inside}" for i in range(count)}
    for i in range(1, count):
        for j, layer in enumerate(("first", "second")):
            names[f"{layer}_{4 << i}"] = f"scaleLayers.{i - 1}.{j}{inside}"
    return names


def format_of(inside: str) -> Format:
    """Returns the format; `inside` as for `generator_names`."""
    return Format(
        variant="gan_zoo",
        kernel=".weight",
        bias=".bias",
        inputs=1,
        conv=conv,
        layouts={
            "generator": {"dense_4/kernel": before_maps, "dense_4/bias": maps_last},
            "critic": {"dense_4/kernel": after_maps, "score/kernel": dense},
        },
        names={
            "generator": partial(generator_names, inside=inside),
            "critic": partial(critic_names, inside=inside),
        },
        rgb={"generator": "toRGBLayers.", "critic": "fromRGBLayers."},
        signs={
            "generator": (f"formatLayer{inside}.weight",),
            "critic": (f"decisionLayer{inside}.weight",),
        },
    )


def check_settings(settings: Mapping[str, Any], file: str) -> None:
    """Makes sure that the settings of a training are those of the networks here.

    Raises:
      InputError: one is not, or the networks were saved while fading in.
    """
    if "alpha" not in settings:
        raise InputError(f"{file}: config has no alpha, so it may have been saved while fading in")
    for name, expected in SETTINGS.items():
        if (found := settings.get(name, expected)) != expected:
            hint = ": saved while fading in" if name == "alpha" else ""
            raise InputError(f"{file}: {name} is {found!r}, expected {expected!r}{hint}")
    if (loss := settings.get("lossCriterion")) in BOUNDED:
        raise InputError(f"{file}: lossCriterion is {loss!r}: a generator with tanh, expected none")


def convert(
    checkpoint: str | None = None,
    only: str | None = None,
    key: str | None = None,
    critic_key: str | None = None,
) -> Converted:
    """Converts generator and critic.

    Args:
      checkpoint: the file.
      only: `generator` or `critic`; None is both.
      key: the place of the generator, or of a critic alone, if it is not the usual one.
      critic_key: that of a critic beside a generator.

    Raises:
      InputError: the file is damaged, is no ProGAN, or was saved while fading in.
    """
    if not checkpoint:
        raise InputError("expected --checkpoint")
    keys = network_keys(key, critic_key, both=only is None)
    saved = reader.read_torch(checkpoint)
    config = saved.get("config") if isinstance(saved, dict) else None
    settings = config.state if isinstance(config, Settings) else config
    if not isinstance(settings, dict):
        raise InputError(f"{checkpoint}: expected a dictionary with config, found none")
    check_settings(settings, checkpoint)
    form = format_of(INSIDE if states.holds(saved, INNER) else "")
    arrays = find_networks(form, saved, NAMES, file=checkpoint, only=only, keys=keys)
    return convert_networks(form, arrays, group=GROUP, file=checkpoint, licence=LICENCE)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
