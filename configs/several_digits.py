"""Several sources on digits: does p find those that a target needs (sections 3.3 and 4.1)?

    python -m minegan_jax.main --mode=compare --config=configs/several_digits.py --workdir=TWO

Which, the argument says. `two`: the packaged halves and as many twos as nines, against finetuning
either, against training from nothing, and with other critics to start from. `pairs`: four sources
of two digits each, of which the target needs two; what mining leaves under 0.1 may be dropped.
`ten`: ten sources of one digit each, three of them needed. `families`: a ProGAN of 32 pixels, with
longer latents, in the place of the second half. Sources that are not packaged are trained first,
into `TWO/sources`.
"""

from ml_collections import ConfigDict

from minegan_jax.comparison import default_comparison
from minegan_jax.config import load_config
from minegan_jax.errors import InputError

HALVES = ("digits_0_to_4", "digits_5_to_9")
SMALL = {"train_steps": 1200, "average_decay": 0.995, "width": 16, "sample_every_steps": 0}
PROGAN = {
    **SMALL,
    "family": "progan",
    "resolution": 32,
    "enlarge": True,
    "latent_size": 32,
    "width": 8,
    "train_steps": 2500,
}


def get_config(case: str = "two") -> ConfigDict:
    """Returns the comparison; `case` is "two", "pairs", "ten" or "families"."""
    if case not in CASES:
        raise InputError(f"several_digits:{case}: expected one of {', '.join(CASES)}")
    config = default_comparison()
    config.fields = load_config("mnist_two_sources")
    config.fields.update(batch_size=32, critic_turns=2)
    config.settings = {"2 and 9, 5 to 5": {"ratios": (0.5, 0.5)}}
    config.methods = {"MineGAN": {"method": "minegan"}}
    config.max_images = (200,)
    CASES[case](config)
    return config


def _two(config: ConfigDict) -> None:
    steps = config.fields.mine_steps + config.fields.finetune_steps
    config.methods = {
        "MineGAN": {"method": "minegan"},
        "MineGAN, the other critic": {"critic": HALVES[1]},
        "MineGAN, a fresh critic": {"critic": "fresh"},
        "TransferGAN from 0 to 4": {
            "method": "transfergan",
            "sources": HALVES[:1],
            "finetune_steps": steps,
        },
        "TransferGAN from 5 to 9": {
            "method": "transfergan",
            "sources": HALVES[1:],
            "finetune_steps": steps,
        },
        "scratch": {"method": "scratch", "sources": (), "train_steps": steps},
    }
    shares = "probability:digits_0_to_4", "recognised:2", "recognised:9"
    config.figures = ("frechet_distance", "kmmd", *shares)


def _pairs(config: ConfigDict) -> None:
    config.settings = {"0 and 2, 5 to 5": {"labels": (0, 2), "ratios": (0.5, 0.5)}}
    config.methods["MineGAN, unused dropped"] = {"drop_below": 0.1}
    _pretrain(config, "01", "23", "45", "67")
    config.figures = (*_shares("01", "23", "45", "67"), "recognised:0", "recognised:2")


def _ten(config: ConfigDict) -> None:
    mixture = {"labels": (1, 4, 7), "ratios": (0.5, 0.3, 0.2)}
    config.settings = {"1, 4 and 7, 5 to 3 to 2": mixture}
    _pretrain(config, *"0123456789")
    seen = (f"recognised:{digit}" for digit in mixture["labels"])
    config.figures = (*_shares(*"0123456789"), *seen)


def _families(config: ConfigDict) -> None:
    halves = {"progan": {**load_config("mnist_pretrain:56789").to_dict(), **PROGAN}}
    config.pretrained = halves
    config.fields.sources = (HALVES[0], *halves)
    config.figures = (*_shares(*config.fields.sources), "recognised:2", "recognised:9")


def _pretrain(config: ConfigDict, *digits: str) -> None:
    """Has one small source trained for each name, of the digits in it."""
    config.pretrained = {
        name: {**load_config(f"mnist_pretrain:{name}").to_dict(), **SMALL} for name in digits
    }
    config.fields.sources = digits


def _shares(*sources: str) -> tuple[str, ...]:
    return tuple(f"probability:{name}" for name in sources)


CASES = {"two": _two, "pairs": _pairs, "ten": _ten, "families": _families}
