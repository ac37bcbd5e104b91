"""ProGAN as the PyTorch GAN zoo publishes it, `*_sN_iM-*.pth`: the averaged generator, the critic.

python -m weights_conversion.progan_gan_zoo --checkpoint=celebaHQ_s6_i80000-6196db68.pth --out=DIR
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from minegan_jax.errors import InputError
from minegan_jax.nets.progan import feature_widths

from . import export, reader, states
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
# Settings of a training to go on with, as the code has them unless it is told otherwise.
TRAINING = {
    **{"initBiasToZero": True, "learningRate": 0.001, "lossCriterion": "WGANGP"},
    **{"lambdaGP": 10.0, "epsilonD": 0.001, "logisticGradReal": 0.0, "GDPP": False},
    **{"attribKeysOrder": None, "weightConditionG": 0.0, "weightConditionD": 0.0},
}
BOUNDED = ("MSE", "DCGAN")  # losses whose generators end in a tanh


def generator_names(count: int, *, inside: str) -> dict[str, str]:
    """Returns the file's layers of a generator of so many resolutions, by ours.

    Args:
      count: of resolutions.
      inside: `.module`, or nothing in older files.
    """
    first = {"dense_4": f"formatLayer{inside}", "conv_4": f"groupScale0.0{inside}"}
    return _growing("toRGBLayers", "to_rgb", count, inside) | first


def critic_names(count: int, *, inside: str) -> dict[str, str]:
    """Returns the file's layers of a critic of so many resolutions, by ours; as for generators."""
    last = {
        "score": f"decisionLayer{inside}",
        "conv_4": f"groupScaleZero.0{inside}",
        "dense_4": f"groupScaleZero.1{inside}",
    }
    return _growing("fromRGBLayers", "from_rgb", count, inside) | last


def _growing(rgb: str, ours: str, count: int, inside: str) -> dict[str, str]:
    """Returns the layers that every resolution adds."""
    names = {}
    for i in range(1, count):
        for j, layer in enumerate(("first", "second")):
            names[f"{layer}_{4 << i}"] = f"scaleLayers.{i - 1}.{j}{inside}"
    return names | {f"{ours}_{4 << i}": f"{rgb}.{i}{inside}" for i in range(count)}


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


def content(arrays: Mapping[str, Arrays], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a file's content for these networks; the EMA stands for both generators."""
    names = {"netG": "generator", "netD": "critic", "avgG": "generator"}
    networks = {theirs: arrays[ours] for theirs, ours in names.items() if ours in arrays}
    return {"config": settings_of(arguments), **networks}


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a training that go with a source; what it does not tell is usual."""
    first, *others = feature_widths(arguments["resolution"], arguments["width"])
    return {
        **SETTINGS,
        **TRAINING,
        "depthScale0": first,
        "depthOtherScales": others,
        "miniBatchStdDev": arguments["minibatch_stddev_group"] > 0,
        "noiseVectorDim": arguments["latent_size"],
        "latentVectorDim": arguments["latent_size"],
        "dimOutput": arguments["channels"],
    }


BACK = export.back(
    form_of(
        format_of(INSIDE),
        {"checkpoint": NETWORKS},
        content=content,
        fixed=lambda _: {
            "generator": {"variant": ("gan_zoo",)},
            "critic": {"critic_variant": ("gan_zoo",), "minibatch_stddev_group": (0, GROUP)},
        },
        endings=export.TORCH,  # the others hold arrays alone
    ),
    {"checkpoint": FLAGS["checkpoint"]},
)


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
    sys.exit(main(convert, FLAGS, back=BACK))
