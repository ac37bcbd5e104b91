"""The section `run` of a config: how long, in which batches and with what precision is trained."""

import dataclasses

from minegan_jax.setting import COUNT, COUNT_OR_NONE, SEED, OneOf, setting


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Training, whatever the method."""

    seed: int = setting(0, "of weights, noise and batches", SEED)
    mine_steps: int = setting(1000, 'of "minegan"', COUNT_OR_NONE)
    finetune_steps: int = setting(1000, 'of "minegan", "transfergan" and "bsa"', COUNT_OR_NONE)
    train_steps: int = setting(
        1000, 'of "scratch", "vae", "classifier" and the encoder of "ppgn"', COUNT_OR_NONE
    )
    batch_size: int = setting(64, "images per minibatch, over all devices", COUNT)
    accumulation_steps: int = setting(
        1,
        "gradient accumulation: parts in which a device goes through its share of a minibatch;"
        " where a critic compares images, a part of all devices is whole groups of these",
        COUNT,
    )
    precision: str = setting(
        "float32",
        'what generators and critic compute in: "float32", or "bfloat16" (mixed precision)',
        OneOf(("float32", "bfloat16")),
    )
    remat: bool = setting(False, "compute activations twice rather than keep them")
    shard_sources: bool = setting(
        False, "devices share the generators' memory, for some traffic between them"
    )
    stuck_seconds: int = setting(
        3600,
        "of several processes, without a step: another is taken to hang, and this one ends; 0:"
        " never",
        COUNT_OR_NONE,
    )
    log_every_steps: int = setting(10, "how often metrics are written", COUNT)
    tensorboard: bool = setting(
        False, "whether metrics are also written as TensorBoard's events, to RUN/tensorboard"
    )
    sample_every_steps: int = setting(100, "a grid of samples; 0: never", COUNT_OR_NONE)
    checkpoint_every_steps: int = setting(
        100, "a checkpoint; 0: at the end of a phase alone", COUNT_OR_NONE
    )
    evaluate_every_steps: int = setting(
        0, "distances to held-out images while training; 0: never", COUNT_OR_NONE
    )
