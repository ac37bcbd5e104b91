"""The frozen networks that can look at images, by the name that a config gives."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from minegan_jax.errors import InputError
from minegan_jax.features import classifier, efficientnet_lite, fid
from minegan_jax.features.extractor import Extractor
from minegan_jax.files import as_path

PACKAGED = Path(__file__).parents[1] / "assets"
EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    name: partial(classifier.load_classifier, PACKAGED / name)
    for name in ("digits", "digits_judge", "digits_guide")
} | {efficientnet_lite.NAME: efficientnet_lite.load_installed}
STORED: dict[str, Callable[[str], Extractor]] = {  # out of a file
    **{rule: partial(fid.load_inception, rule=rule) for rule in fid.RULES},
    efficientnet_lite.NAME: efficientnet_lite.load_efficientnet,
}


def load_extractor(name: str) -> Extractor:
    """Loads a network of `EXTRACTORS`, `classifier:DIRECTORY` that this project trained, or one of
    `STORED` from its file: `torch_fidelity:FILE`. Without a file, the weights of
    `efficientnet_lite0` are those of the package that has them.

    Raises:
      InputError: there is no such network, or its file is missing or damaged.
    """
    kind, _, file = name.partition(":")
    if kind == "classifier" and file:
        return classifier.load_classifier(as_path(file))
    if kind in STORED and file:
        return STORED[kind](file)
    if name not in EXTRACTORS:
        known = [*EXTRACTORS, "classifier:DIRECTORY", *(f"{kind}:FILE" for kind in STORED)]
        raise InputError(f"unknown features {name!r}: expected one of {', '.join(known)}")
    return EXTRACTORS[name]()
