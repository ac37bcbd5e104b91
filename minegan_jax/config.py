"""The schema of an experiment: every field with its meaning, unit and default.

A config file under `configs/` starts from `default_config()`, changes what its experiment needs,
and returns the ConfigDict; `from_config_dict` turns that back into a `Config`, strictly.
"""

import dataclasses
import difflib
import runpy
import types
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ml_collections import config_dict
from ml_collections.config_flags import config_path

from minegan_jax import ranges
from minegan_jax.errors import InputError
from minegan_jax.files import as_path


@dataclasses.dataclass(frozen=True)
class Config:
    """One experiment. Counts are `num_*` and `*_steps`, sizes are in pixels or units."""

    # The method: "minegan" (mine, then finetune), "transfergan" (finetune a source without
    # mining), "scratch" (fresh networks; also how a source is pretrained), "bsa" (scales and shifts
    # of a source, and a latent for each of `max_images`), "vae" (fresh networks), "dgn_am" or
    # "ppgn" (a search for each image of a class), or "classifier" (a feature network of labelled
    # digits).
    method: str = "minegan"

    # Pretrained sources: packaged names or directories. The critic starts from the first one's.
    sources: tuple[str, ...] = ("mnist_without_9",)

    # Target images: "digits", "folder:PATH", "npz:FILE", "tfds:NAME[:SPLIT]" or "zip:FILE".
    target: str = "digits"
    labels: tuple[int, ...] = ()  # keep only these classes; () keeps all
    ratios: tuple[float, ...] = ()  # share of each of `labels`; () takes what a random draw gives
    max_images: int | None = None  # training images drawn from the target; None takes all
    num_held_out: int = 0  # images that training never sees, for the report
    # Of `max_images`, those that only early stopping sees. Every `evaluate_every_steps` it asks
    # whether the game knows its images by heart, and if so ends the phase; 0 never does.
    num_left_out: int = 0
    target_seed: int = 0  # which images are drawn; the held-out ones do not depend on max_images
    exclude: str | None = None  # drop images that also occur in these, for example "digits"
    part: str = ""  # "K/N": only the K-th of N disjoint parts, which an image's pixels choose
    colour: str = "as_is"  # "convert" turns grey into colour images, or back, as the source needs
    skip_unreadable: bool = False  # skip damaged images instead of stopping
    enlarge: bool = False  # images smaller than the critic's, instead of stopping
    # What is not square: "crop" takes the middle, "pad" lays it on white, "squeeze" changes shape.
    fit: str = "crop"
    # Of grey of 16 or 32 bits, the values that become black and white; () is all 16 bits' range.
    grey_range: tuple[float, ...] = ()
    max_pixels: int | None = None  # of one image, or it is refused; None is 89 million
    flip: bool = False  # mirror half of the training images

    # The miner (section 4, Architectures): 2 layers for MNIST, 4 otherwise.
    miner_depth: int = 4
    # Units of a hidden layer. The start "prior" has more where it needs them: 2 for each number of
    # a latent, and for what mines the class 1 for each class; "affine" has
    # as many as u has numbers.
    miner_width: int = 256
    # Where the miner stands: "z" before the generator (section 3.2); "w" behind its mapping network
    # if it has one: M(w) is the mapping's own w at first; "w+": so too, a w for each layer.
    miner_space: str = "z"
    # "prior": M(u) = u at step 0; "residual": so too, by u + f(u), a smaller miner; "collapsed":
    # the authors' PyTorch default; "affine": without activations, spectrally normalised, their
    # BigGAN's, whose u names no class.
    miner_start: str = "prior"
    # Of a conditional source: whether u draws a class as well, which M^z and M^c see; else both see
    # a latent alone (Fig. 2), and M^c starts from vectors that spread as the classes' do.
    miner_draws_class: bool = True
    # Classes of a conditional source: "all" mines them (Fig. 2), and asks for each as often where
    # nothing is mined; "mean" takes the mean of their vectors, a number that class and no other.
    classes: str = "all"

    # Several sources (section 3.3).
    exclude_broken: bool = False  # leave out sources whose images are NaN instead of stopping
    # The critic starts from that of this source, mined or not: its name or directory; "" takes the
    # first one's, "fresh" a new one. Images come out at its resolution and in its colours.
    critic: str = ""
    selector_window: int = 1000  # minibatches over which win rates are averaged
    exploration: float = 0.2  # share of supersamples whose image is drawn by lot, at first
    exploration_steps: int = 200  # in which that share falls to 0
    warmup_steps: int = 0  # of each phase, in which only the critic learns
    drop_below: float = 0.0  # finetuning goes on without sources used less than this
    spread_sources: bool = False  # devices share the generators' memory, for some traffic

    # Fresh networks, for "scratch" and "vae"; a classifier has a width and features. Batch
    # statistics of fresh "biggan" and "sngan" stay those of the first latents.
    family: str = "dcgan"
    width: int = 32  # channels of the largest hidden feature map; also of "ppgn"'s encoder
    num_features: int = 64  # of a classifier
    latent_size: int = 16
    resolution: int = 28  # of images, in pixels
    channels: int = 1  # 1 grey, 3 RGB
    num_classes: int = 0  # 0 learns without labels; else they are 0, 1, ... below this number

    # The game (section 3.1). Optimizer: Adam.
    mine_steps: int = 1000  # of "minegan"
    finetune_steps: int = 1000  # of "minegan", "transfergan" and "bsa"
    train_steps: int = 1000  # of "scratch", "vae", "classifier" and "ppgn"'s encoder
    batch_size: int = 64  # images per minibatch, over all devices
    # Parts in which a device goes through its share of a minibatch; where a critic compares images,
    # a part of all devices must be whole groups of these.
    accumulation: int = 1
    precision: str = "float32"  # or "bfloat16": that generators and critic compute in
    remat: bool = False  # activations are computed twice rather than kept
    critic_turns: int = 5  # critic updates per step
    freeze_critic_layers: int = 0  # of a source's critic, the first ones; they do not learn
    loss: str = "wasserstein"  # or "hinge" or "logistic"
    penalty_weight: float = 10.0  # of the gradient penalty; 0 does without
    r1_weight: float = 0.0  # gamma of R1: half of it weighs the critic's squared slope
    r1_every: int = 16  # critic turns between two computations of R1, which then weigh as many
    # DiffAugment: "colour", "translation" and "cutout" change what the critic sees, at random.
    augment: tuple[str, ...] = ()
    drift_weight: float = 0.0  # of the mean square of real images' scores; ProGAN's is 0.001
    learning_rate: float = 1e-4  # of generators (and of a classifier or an encoder)
    critic_learning_rate: float = 1e-4
    miner_learning_rate: float = 1e-4  # and of the latents of "bsa"
    beta1: float = 0.5
    beta2: float = 0.9
    adam_epsilon: float = 1e-8  # of the game's optimizers; the authors' BigGAN has 1e-6
    average_decay: float = 0.99  # per step, of the players' EMA, which samples; it warms up first
    average_miners: bool = True  # False: miners have no EMA, generators alone
    seed: int = 0  # of weights, latents and batches

    # Making the training images, for "bsa" and "vae": pixels weigh 1.
    perceptual: str = ""  # the network whose maps are compared as well, never the judge; "" none
    perceptual_weight: float = 0.001  # of these; 0.001 is BSA's for VGG-16
    truncation: float = 0.3  # "bsa" samples latents from N(0, 1) within +- this
    kl_weight: float = 0.1  # "vae": of its KL divergence over the number of an image's values
    kl_warmup_steps: int = 0  # in which that weight rises from 0

    # The search of "dgn_am" and "ppgn" (Table 2), which see no target image, only its class.
    classifier: str = ""  # the network that names classes, as for `features`; never the judge
    sought_class: int | None = None  # its number there; None takes the single one of `labels`
    search_steps: int = 200  # for each image
    # Sizes in standard deviations of what is searched, a latent and a class's vector. A step's mean
    # in each number; that of "dgn_am" falls to 0 (published, in other units: 8, and 1 for "ppgn").
    search_step_size: float = 0.1
    # What holds a search back: the share that decays in a step of "dgn_am" (published: 0.01), the
    # encoder's weight in "ppgn" (1e-5).
    search_prior: float = 0.01
    search_noise: float = 0.0  # standard deviation of what is added in a step (1e-17)

    # What is written while training; 0 switches the last three off until the end of a phase.
    log_every_steps: int = 10
    sample_every_steps: int = 100
    checkpoint_every_steps: int = 100
    evaluate_every_steps: int = 0

    # The report.
    features: str = "digits"  # the network whose features are compared; or a kind and its file
    judge: str = "digits_judge"  # says what is recognised; or classifier:DIRECTORY, or "" for none
    diversity: str = ""  # lpips:FILE also measures diversity inside clusters
    num_report_images: int = 1000  # generated images that are measured
    neighbours: int = 5  # k of precision, recall, density and coverage


def _packaged() -> Path:
    """Finds `configs/`: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


PACKAGED = _packaged()
FIELDS = {field.name: field for field in dataclasses.fields(Config)}
TYPES = typing.get_type_hints(Config)
LISTS_OF_NAMES = tuple(name for name, kind in TYPES.items() if kind == tuple[str, ...])


def default_config() -> config_dict.ConfigDict:
    """Returns the schema's defaults as a locked ConfigDict; a None can still be overridden."""
    values: dict[str, Any] = dataclasses.asdict(Config())
    for name, value in values.items():
        if value is None:
            (kind,) = (t for t in typing.get_args(TYPES[name]) if t is not types.NoneType)
            values[name] = config_dict.placeholder(kind)
    return config_dict.ConfigDict(values).lock()


def from_config_dict(config: config_dict.ConfigDict) -> Config:
    """Turns a ConfigDict back into the schema."""
    return from_values(config.to_dict())


def from_values(values: Mapping[str, Any]) -> Config:
    """Builds a Config from named values.

    Raises:
      InputError: a field is unknown (the nearest name is given), or a value has the wrong type
        or lies outside its range.
    """
    for name in values:
        if name not in FIELDS:
            raise InputError(f"unknown config field {name!r}: {_hint(name, FIELDS)}")
    checked = {name: _checked(name, value) for name, value in values.items()}
    for name, value in checked.items():
        ranges.check(name, value)
    return Config(**checked)


def _hint(name: str, known: Collection[str]) -> str:
    """Says which name may have been meant, or which there are."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"


def unknown_part(config: config_dict.ConfigDict, path: str) -> str:
    """Says what of `--config.PATH` a config does not have; nothing if it has all."""
    try:
        steps = config_path.split(path)
    except ValueError:
        return f'--config.{path}: expected names joined by dots, or ["NAME"] where one is no word'
    part: Any = config
    for step in steps:
        if not isinstance(part, config_dict.ConfigDict):
            return f"--config.{path}: there is no {step!r} in {part!r}"
        if step not in part:
            return f"--config.{path}: there is no {step!r}: {_hint(str(step), list(part))}"
        part = part[step]
    return ""


def _checked(name: str, value: Any) -> Any:
    """Returns the value as its field's type; integers count as floats, lists as tuples."""
    expected = TYPES[name]
    if typing.get_origin(expected) is tuple:
        item = typing.get_args(expected)[0]
        parts = list(value) if isinstance(value, list | tuple) else [value]
        if item is str:  # the command line hands over `a,b` as one string
            parts = [p for part in parts for p in str(part).split(",")]
        parts = [part for part in parts if part != ""]  # `--config.labels=` empties a list
        return tuple(_as_type(name, part, item) for part in parts)
    if value in (None, "") and types.NoneType in typing.get_args(expected):
        return None  # `--config.exclude=` takes back what a config excludes
    return _as_type(name, value, expected)


def _as_type(name: str, value: Any, expected: Any) -> Any:
    """Returns one value as the expected type."""
    if expected is float and type(value) is int:
        return float(value)
    kinds = typing.get_args(expected) or (expected,)
    if type(value) not in kinds:
        kind = " or ".join(t.__name__ for t in kinds)
        raise InputError(
            f"config field {name!r}: expected {kind}, found {value!r} ({type(value).__name__})"
        )
    return value


def packaged() -> list[str]:
    """Returns the names of the configs that come with the package."""
    return sorted(path.stem for path in PACKAGED.glob("[a-z]*.py"))


def find(name: str) -> str:
    """Turns the packaged name or the file of a config, with :ARGUMENT, into a file with it.

    Raises:
      InputError: there is neither such a file nor such a name.
    """
    name, colon, argument = name.partition(":")
    path = as_path(name) if name.endswith(".py") else PACKAGED / f"{name}.py"
    if not path.is_file():
        raise InputError(f"no config {name!r}: expected a file or one of {', '.join(packaged())}")
    return f"{path}{colon}{argument}"


def load_config(name: str) -> config_dict.ConfigDict:
    """Runs `get_config` of a config; `name` is as for `find`."""
    file, _, argument = find(name).partition(":")
    get_config = runpy.run_path(file)["get_config"]
    return get_config(argument) if argument else get_config()
