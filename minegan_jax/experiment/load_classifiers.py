"""The frozen networks that guide a method while it makes images: never the one that evaluates."""

import logging
from collections.abc import Callable

import jax

from minegan_jax.baselines.dgn_am_ppgn import Goal
from minegan_jax.config import Config
from minegan_jax.errors import InputError
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.extractor import Extractor
from minegan_jax.nets.image_resize import fit
from minegan_jax.types import Images

LOG = logging.getLogger(__name__)
FeatureMaps = Callable[[Images], tuple[jax.Array, ...]]


def load_guide(config: Config, role: str, name: str) -> Extractor:
    """Loads a network that guides a method.

    Args:
      config: whose evaluation classifier it must not be.
      role: what the config calls it.
      name: as for `load_extractor`.

    Raises:
      InputError: there is no such network, or it is the evaluation classifier.
    """
    network = load_extractor(name)
    evaluates, measures = config.report.classifier, config.report.features
    if evaluates is not None and network.sha256 == load_extractor(evaluates).sha256:
        raise InputError(
            f"{role} {name!r} is report.classifier, which no method may see: expected another"
            " network"
        )
    if measures is not None and network.sha256 == load_extractor(measures).sha256:
        LOG.warning("%s %r also measures: its distances mislead", role, name)
    return network


def load_classifier(config: Config) -> Extractor:
    """Loads the classifier of which a class is sought.

    Raises:
      InputError: the config names none, or as for `load_guide`.
    """
    if config.baseline.classifier is None:
        raise InputError(
            f"{config.method} seeks a class of a classifier: expected baseline.classifier=NAME, as"
            " for features"
        )
    return load_guide(config, "baseline.classifier", config.baseline.classifier)


def load_perceptual(config: Config) -> Extractor | None:
    """Loads the network whose maps compare images in training, if the config names one.

    Raises:
      InputError: as for `load_guide`.
    """
    if config.baseline.perceptual is None:
        return None
    return load_guide(config, "baseline.perceptual", config.baseline.perceptual)


def feature_maps(network: Extractor | None) -> FeatureMaps | None:
    """Returns a network's feature maps as a function of images of any size and colour."""
    if network is None:
        return None
    return lambda images: network.maps(fit(images, network.resolution, network.channels))


def goal(config: Config, classifier: Extractor) -> Goal:
    """Returns which class is sought, in images of any size and colour.

    Raises:
      InputError: the config does not say which one, or the classifier does not know it.
    """
    named = config.baseline.target_class
    asked = config.target.labels if named is None else (named,)
    if len(asked) != 1:
        raise InputError(
            f"{config.method} seeks one class: expected a single one of target.labels, or"
            f" baseline.target_class=NUMBER, found labels {', '.join(map(str, asked)) or 'none'}"
        )
    (label,), names = asked, classifier.class_names
    number = names.index(str(label)) if str(label) in names else label
    if isinstance(number, str) or not 0 <= number < len(names):
        raise InputError(
            f"class {label} of classifier {config.baseline.classifier!r}: expected 0 to"
            f" {len(names) - 1}"
        )

    def logits(images: Images) -> jax.Array:
        return classifier.logits(fit(images, classifier.resolution, classifier.channels))

    return Goal(logits, number)
