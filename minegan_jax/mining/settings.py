"""The sections `miner`, `selector`, `game` and `view` of a config (section 3)."""

import dataclasses
from typing import NamedTuple

from minegan_jax.setting import (
    COUNT,
    COUNT_OR_NONE,
    DECAY,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    OneOf,
    Range,
    setting,
)
from minegan_jax.training.settings import RunConfig


@dataclasses.dataclass(frozen=True)
class MinerConfig:
    """The miner M (section 3.2), and M^z and M^c of a conditional source (Fig. 2)."""

    depth: int = setting(4, "layers; 2 for MNIST, 4 otherwise (section 4, Architectures)", Range(2))
    width: int = setting(
        256,
        'units of a hidden layer. The start "prior" has more where it needs them: 2 for each'
        ' number of a latent, and for what mines the class 1 for each class; "affine" has as many'
        " as u has numbers",
        COUNT,
    )
    space: str = setting(
        "z",
        'where it stands: "z" before the generator (section 3.2); "w" behind its mapping network'
        ' if it has one: M(w) is the mapping\'s own w at first; "w+": so too, a w for each layer',
        OneOf(("z", "w", "w+")),
    )
    start: str = setting(
        "prior",
        '"prior": M(u) = u at step 0; "residual": so too, by u + f(u), a smaller miner;'
        ' "collapsed": the authors\' PyTorch default; "affine": without activations, spectrally'
        " normalised, their BigGAN's, whose u names no class",
        OneOf(("prior", "residual", "collapsed", "affine")),
    )
    draws_class: bool = setting(
        True,
        "of a conditional source: whether u draws a class as well, which M^z and M^c see; else"
        " both see a latent alone (Fig. 2), and M^c starts from vectors that spread as the"
        " classes' do",
    )
    learning_rate: float = setting(1e-4, "of Adam", POSITIVE)
    finetune_learning_rate: float | None = setting(
        None,
        "while generators move too; None is `miner.learning_rate`. A miner that is much quicker"
        " than its generator can leave the prior's range for good",
        POSITIVE,
    )
    ema: bool = setting(True, "whether miners have an EMA too, or generators alone")


@dataclasses.dataclass(frozen=True)
class SelectorConfig:
    """Which of several sources makes an image (section 3.3)."""

    window: int = setting(1000, "minibatches over which win rates are averaged", COUNT)
    exploration: float = setting(
        0.2, "share of supersamples whose image is drawn by lot, at first", SHARE
    )
    exploration_steps: int = setting(200, "in which that share falls to 0", COUNT_OR_NONE)
    drop_below: float = setting(
        0.0, "finetuning goes on without sources that are used less than this share", SHARE
    )


@dataclasses.dataclass(frozen=True)
class GameConfig:
    """The game between the players, miners and generators, and one critic (section 3.1).

    Every part moves by Adam, at its own rate; defaults are those of the authors' MNIST code.
    """

    critic: str | None = setting(
        None,
        "the critic starts from that of this source, mined or not: its name or directory; None"
        ' takes the first one\'s, "fresh" a new one; so does None where that source has none. What'
        " it sees is a matter of the section `view`",
    )
    freeze_critic_layers: int = setting(
        0, "of a source's critic, the first ones, which do not learn (FreezeD)", COUNT_OR_NONE
    )
    critic_steps: int = setting(5, "critic updates per step (n_critic)", COUNT)
    warmup_steps: int = setting(0, "of each phase, in which only the critic learns", COUNT_OR_NONE)
    fresh_warmup_steps: int = setting(
        20,
        "of the first phase, in which only a fresh critic learns, from the images of sources that"
        " nothing has moved yet",
        COUNT_OR_NONE,
    )
    loss: str = setting(
        "wasserstein",
        '"wasserstein" (eqs. 1 and 2), "hinge" or "logistic"',
        OneOf(("wasserstein", "hinge", "logistic")),
    )
    penalty_weight: float = setting(10.0, "of the gradient penalty; 0 does without", NOT_NEGATIVE)
    r1_weight: float = setting(
        0.0, "gamma of R1: half of it weighs the critic's squared slope", NOT_NEGATIVE
    )
    r1_every: int = setting(
        16, "critic steps between two computations of R1, which then weigh as many (lazy R1)", COUNT
    )
    drift_weight: float = setting(
        0.0, "of the mean square of real images' scores; ProGAN's is 0.001", NOT_NEGATIVE
    )
    augment: tuple[str, ...] = setting(
        (),
        'DiffAugment: "colour", "translation" and "cutout" change what the critic sees, at random',
        OneOf(("colour", "translation", "cutout")),
    )
    learning_rate: float = setting(1e-4, "of generators", POSITIVE)
    critic_learning_rate: float = setting(1e-4, "of the critic", POSITIVE)
    beta1: float = setting(0.5, "of Adam: decay of the mean of gradients", DECAY)
    beta2: float = setting(0.9, "of Adam: decay of the mean of their squares", DECAY)
    adam_epsilon: float = setting(1e-8, "of Adam; the authors' BigGAN has 1e-6", POSITIVE)
    ema_decay: float = setting(
        0.99, "per step, of the players' EMA, which samples; it warms up first", DECAY
    )


@dataclasses.dataclass(frozen=True)
class ViewConfig:
    """What the critic sees and what is measured; handed out is the generator's own image."""

    resolution: int | None = setting(
        None,
        "of generated and real images there, in pixels; None is what a source's critic takes, and"
        " for a fresh one the least that a source's box or the target's first image has",
        Range(1, 1024),
    )
    channels: int | None = setting(
        None,
        "of these images, 1 grey, 3 RGB; None is grey if what a source's critic takes is, or the"
        " target's first image, or for a fresh critic a source; target.colour=convert passes over"
        " the target. To a critic of colours grey is one",
        OneOf((1, 3)),
    )
    boxes: tuple[float, ...] = setting(
        (),
        "in which generated images are seen, such as a face without the hair around it: top, left,"
        " height and width as shares of the image for each source, one after the other. What"
        " reaches over the edge repeats the nearest pixel; empty shows whole images",
        Range(-10.0, 10.0),
    )


class GameSettings(NamedTuple):
    """All that a game's steps read of a config, and which of the critic's layers do not learn."""

    game: GameConfig = GameConfig()
    miner: MinerConfig = MinerConfig()
    selector: SelectorConfig = SelectorConfig()
    run: RunConfig = RunConfig()
    frozen_critic: tuple[str, ...] = ()
