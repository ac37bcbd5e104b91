"""What a report holds: the types of `report.json`, which is this and nothing else.

A figure that too few images forbid is left out of its dictionary, and named in `left_out`.
"""

import json
from typing import Any, TypedDict


class Distances(TypedDict, total=False):
    """Between generated and real images, in the features of the recipe (section 4, Measures)."""

    num_real: int
    num_fake: int
    num_paired: int  # of each set at most, drawn by lot, for all but the Frechet distance
    frechet_distance: float  # FID where the features are Inception's; 0 is best
    kid: float  # squared MMD of a cubic kernel, unbiased
    kid_standard_error: float
    kmmd_biased: float  # MMD of a Gaussian kernel, the paper's KMMD
    kmmd_unbiased: float  # its square, unbiased
    kmmd_floor: float  # the biased value for images of one kind, which is not 0
    precision: float  # these four are shares in [0, 1], but density, which may exceed 1
    recall: float
    density: float
    coverage: float
    mean_variance: float  # of training images alone, which have no other place
    intervals: dict[str, list[float]]  # by figure, the ends of 95 %
    left_out: dict[str, str]  # by figure, why


class Copying(TypedDict, total=False):
    """Signs of copies in features."""

    copying_score: float  # C_T (Meehan et al. 2020); far below 0: copies
    memorisation_informed_frechet_distance: float
    cosine_distance: float
    left_out: dict[str, str]


class ToReal(TypedDict):
    """How near a phase's images are to real ones, and how much they vary."""

    held_out: Distances | None  # against all images that nothing saw; None where there are none
    equal_counts: Distances | None  # the same of no more images than there are training images
    train: Distances | None  # against the training images: rewards copies
    mean_variance: float | None  # of features


class Compared(ToReal):
    """What comparing a phase's images with real ones found."""

    verdict: dict[str, str]  # on copies: `verdict` and `because`
    memorisation: dict[str, float]  # shares and distances, see `metrics.memorisation`
    copying: Copying


class PhaseReport(Compared):
    """Of one phase's images."""

    weights: str  # that drew: "ema" or "raw"
    recognised: dict[str, float]  # share of images by class, and "confident"; {}: nobody judged
    recognised_as_target: float | None  # their sum over the target's classes
    probability: dict[str, float]  # p of each source
    exact_copies: int  # images that are a training image, pixel for pixel
    intra_cluster: dict[str, float] | None  # see `metrics.intra_cluster`


class SourceUse(TypedDict, total=False):
    """How often a source is used."""

    name: str
    probability: float
    interval: list[float]  # the ends of 95 %
    without_it: list[float] | None  # every source's share if it were dropped; None: none is left


# A class near which a miner asks: its source, the share of that source's images, and how far these
# are from the class's vector on average, over the mean distance of neighbouring classes.
ClassUse = TypedDict("ClassUse", {"source": str, "class": str, "share": float, "distance": float})


class Described(TypedDict):
    """Everything that a figure depends on: a report that says something else is made again."""

    format: int
    recipe: dict[str, Any]  # how everything was measured, and of which images
    provenance: dict[str, Any]  # steps and weights of each phase


class Report(Described):
    """What `report.json` holds."""

    versions: dict[str, str]  # of the packages that measured
    caution: str  # what to know before a figure is believed; "": nothing
    remarks: list[str]  # on the images
    view: str  # how images are measured, where that is not how they are handed out
    real: Distances  # of training images to held-out ones: the best to hope for
    phases: dict[str, PhaseReport]
    selector: list[SourceUse]
    classes: list[ClassUse]
    selector_entropy: float  # over that of equal shares


def to_json(report: Report) -> str:
    """Returns a report as the text of `report.json`; numbers that are not finite are refused."""
    return json.dumps(report, indent=2, allow_nan=False)
