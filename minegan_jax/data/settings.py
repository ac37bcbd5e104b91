"""The section `target` of a config: which images a run learns from, and how they are read."""

import dataclasses

from minegan_jax.setting import COUNT, COUNT_OR_NONE, SEED, OneOf, Range, setting

FLOAT32 = 3.4e38  # about the largest number that a file of deep grey can hold


@dataclasses.dataclass(frozen=True)
class TargetConfig:
    """Target images, and what becomes of those that do not fit."""

    images: str = setting(
        "digits", 'where they are: "digits", "folder:PATH", "npz:FILE", "tfds:NAME[:SPLIT]" or'
        ' "zip:FILE"',
    )  # fmt: skip
    labels: tuple[int | str, ...] = setting(
        (), "keep only these classes, by name or number; empty keeps all"
    )
    ratios: tuple[float, ...] = setting(
        (),
        "share of each of `labels`; empty takes what a random draw gives",
        Range(0.0, 1.0, without_low=True),
    )
    max_images: int | None = setting(
        None, "training images drawn; None takes all that are not held out", COUNT
    )
    num_held_out: int = setting(0, "images that training never sees, for the report", COUNT_OR_NONE)
    num_validation: int = setting(
        0,
        "of `max_images`, those that only early stopping sees: every `run.evaluate_every_steps` it"
        " asks whether the game has memorised its images, and if so ends the phase; 0 never does",
        COUNT_OR_NONE,
    )
    seed: int = setting(
        0, "which images are drawn; the held-out ones do not depend on max_images", SEED
    )
    exclude: str | None = setting(
        None, 'leave out images that also occur in these, for example "digits"'
    )
    part: str | None = setting(
        None, '"K/N": only the K-th of N disjoint parts, which an image\'s pixels choose'
    )
    colour: str = setting(
        "as_is",
        '"convert" turns grey into colour images, or back, as the source needs',
        OneOf(("as_is", "convert")),
    )
    skip_unreadable: bool = setting(False, "skip damaged images instead of stopping")
    enlarge: bool = setting(
        False, "enlarge images that are smaller than the critic's, instead of stopping"
    )
    fit: str = setting(
        "crop",
        'what becomes of images that are not square: "crop" takes the middle, "pad" lays them on'
        ' white, "squeeze" changes their shape',
        OneOf(("crop", "pad", "squeeze")),
    )
    box: tuple[float, ...] = setting(
        (),
        "top, left, height and width of the part of each image that is taken, as shares of it; that"
        " is made square; empty takes the whole. Of generated images `view.boxes` does that",
        Range(0.0, 1.0),
    )
    grey_range: tuple[float, ...] = setting(
        (),
        "of grey of 16 or 32 bits, the values that become black and white; empty is the range of"
        " 16 bits",
        Range(-FLOAT32, FLOAT32),
    )
    max_pixels: int | None = setting(
        None, "of one image, or it is refused; None is 89 million", COUNT
    )
    flip: bool = setting(False, "mirror half of the training images")
