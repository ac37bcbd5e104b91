"""The section `report` of a config: how generated images are measured."""

import dataclasses

from minegan_jax.setting import COUNT, Range, setting


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """The evaluation of a run."""

    features: str | None = setting(
        "digits",
        "the network whose features are compared: a name, or a kind and its file; None measures no"
        " distances",
    )
    classifier: str | None = setting(
        "digits_judge",
        "the network that says which classes are recognised: a name, or classifier:DIRECTORY;"
        " training never sees it",
    )
    diversity: str | None = setting(None, "lpips:FILE also measures diversity inside clusters")
    num_images: int = setting(1000, "generated images that are measured", Range(2))
    neighbours: int = setting(5, "k of precision, recall, density and coverage", COUNT)
