"""The frozen networks that can look at images, by the name that a config gives."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from minegan_jax.errors import InputError
from minegan_jax.features import digits, fid
from minegan_jax.features.extractor import Extractor

PACKAGED = Path(__file__).parents[1] / "assets"
EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    name: partial(digits.load_classifier, PACKAGED / name) for name in ("digits", "digits_judge")
}


def load_extractor(name: str) -> Extractor:
    """Loads a network of `EXTRACTORS`, `classifier:DIRECTORY` that this project trained, or FID's:
    `torch_fidelity:FILE`, `pytorch_fid:FILE`.
    """
    rule, _, file = name.partition(":")
    if rule == "classifier" and file:
        return digits.load_classifier(Path(file))
    if rule in fid.RULES and file:
        return fid.load_inception(file, rule)
    if name not in EXTRACTORS:
        known = ", ".join(
            [*EXTRACTORS, "classifier:DIRECTORY", *(f"{rule}:FILE" for rule in fid.RULES)]
        )
        raise InputError(f"unknown features {name!r}: expected one of {known}")
    return EXTRACTORS[name]()
