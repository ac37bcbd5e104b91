"""Several sources on digits: does p find those that a target needs (sections 3.3 and 4.1)?

    python -m minegan_jax.main --mode=compare --config=configs/several_digits.py --workdir=TWO

Which, the argument says. `two`: the packaged halves and as many twos as nines, against finetuning
either and against training from nothing; `rates` is the search for each method's rate, with a seed
that no table has. `critics`: the same, from other critics. `pairs`: four
sources of two digits each, of which the target needs two; the others are dropped after mining.
`ten`: ten sources of one digit each, three of them needed. `families`: a ProGAN of 32 pixels, with
longer latents, in the place of the second half. Sources that are not packaged are trained first,
into `TWO/sources`. Steps and batches are those of `table1_digits.py`.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from minegan_jax.config import flat, load_config, nested
from minegan_jax.errors import InputError
from minegan_jax.experiment.comparison_config import search

HALVES = ("digits_0_to_4", "digits_5_to_9")
TRIED = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3)
# The best that `rates` found of each method, by Frechet distance.
RATES = {
    "MineGAN": 5e-4,
    "TransferGAN from 0 to 4": 2e-3,
    "TransferGAN from 5 to 9": 2e-3,
    "scratch": 2e-3,
}
SMALL = {
    "run.train_steps": 1200,
    "run.batch_size": 32,
    "run.sample_every_steps": 0,
    "game.ema_decay": 0.995,
    "network.width": 16,
}
PROGAN = {
    **SMALL,
    "run.train_steps": 2500,
    "target.enlarge": True,
    "network.family": "progan",
    "network.resolution": 32,
    "network.latent_size": 32,
    "network.width": 8,
}


def get_config(case: str = "two") -> ConfigDict:
    """Returns the comparison; `case` is one of `CASES`."""
    if case not in CASES:
        raise InputError(f"several_digits:{case}: expected one of {', '.join(CASES)}")
    config = load_config("table1_digits")
    config.settings = {"5 to 5": {"target": {"ratios": (0.5, 0.5)}}}
    CASES[case](config)
    return config


def _two(config: ConfigDict) -> None:
    steps = config.fields.run.mine_steps + config.fields.run.finetune_steps
    for digits, source in zip(("0 to 4", "5 to 9"), HALVES, strict=True):
        given = {"method": "transfergan", "sources": (source,), "run": {"finetune_steps": steps}}
        config.methods[f"TransferGAN from {digits}"] = given
    config.methods["scratch"] = {"method": "scratch", "sources": (), "run": {"train_steps": steps}}
    for name, rate in RATES.items():
        config.methods[name].update(nested({"game.learning_rate": rate}))
    config.metrics = ("frechet_distance", "kmmd", "recognised:2", "recognised:9")


def _rates(config: ConfigDict) -> None:
    _two(config)
    search(config, {name: {"game.learning_rate": TRIED} for name in RATES})


def _critics(config: ConfigDict) -> None:
    config.methods = {
        "MineGAN, critic of 5 to 9": {"game": {"critic": HALVES[1]}},
        "MineGAN, fresh critic": {"game": {"critic": "fresh", "fresh_warmup_steps": 0}},
    }
    config.metrics = ("frechet_distance", "kmmd", "probability:digits_0_to_4")


def _pairs(config: ConfigDict) -> None:
    config.settings = {"0 and 2": {"target": {"labels": (0, 2), "ratios": (0.5, 0.5)}}}
    config.fields.selector.drop_below = 0.1
    _pretrain(config, "01", "23", "45", "67")
    config.metrics = (*_shares("01", "23", "45", "67"), "recognised:0", "recognised:2")


def _ten(config: ConfigDict) -> None:
    mixture = {"labels": (1, 4, 7), "ratios": (0.5, 0.3, 0.2)}
    config.settings = {"1, 4 and 7": {"target": mixture}}
    _pretrain(config, *"0123456789")
    seen = (f"recognised:{digit}" for digit in mixture["labels"])
    config.metrics = (*_shares(*"0123456789"), *seen)


def _families(config: ConfigDict) -> None:
    config.pretrained = {"progan": _source("56789", PROGAN)}
    config.fields.sources = (HALVES[0], "progan")
    config.metrics = (*_shares(*config.fields.sources), "recognised:2", "recognised:9")


def _pretrain(config: ConfigDict, *digits: str) -> None:
    """Has one small source trained for each name, of the digits in it."""
    config.pretrained = {name: _source(name, SMALL) for name in digits}
    config.fields.sources = digits


def _source(digits: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a source that knows these digits."""
    return nested({**flat(load_config(f"mnist_pretrain:{digits}").to_dict()), **fields})


def _shares(*sources: str) -> tuple[str, ...]:
    return tuple(f"probability:{name}" for name in sources)


CASES = {
    "two": _two,
    "rates": _rates,
    "critics": _critics,
    "pairs": _pairs,
    "ten": _ten,
    "families": _families,
}
