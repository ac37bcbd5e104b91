"""Does averaging the miner help? Both ways from the same runs, which the authors' code never does.

    python benchmarks/averaged_miner.py --workdir=MINERS --out=docs/results/averaged_miner.json

Each run keeps an EMA of its miner and of its generator. After mining and after finetuning images
are drawn from that state twice, by the EMA of the miner and by the miner itself; the generator is
the same each time (after finetuning its EMA). Of both: the Frechet distance to held-out images, and
the share recognised as the target. A run that was cut is resumed, one in the file is not repeated.
"""

import argparse
import json
from pathlib import Path

from results import keep

from minegan_jax import config, experiment
from minegan_jax.data import Dataset
from minegan_jax.experiment import target_images
from minegan_jax.features.embed import embed
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.report.evaluator import Evaluator, load_evaluator, recognised
from minegan_jax.sampling.generator import Generator
from minegan_jax.types import Pixels

CONFIGS = ("mnist:9", "bigGAN_digits:9", "bigGAN_digits:7")
SEEDS = (0, 1, 2)
FIELDS = {"miner.ema": True, "run.sample_every_steps": 0}


def main() -> None:
    """Measures every config with every seed that the file lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--configs", nargs="+", default=CONFIGS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--num_images", type=int, default=1000)
    options = parser.parse_args()
    for seed in options.seeds:
        for name in options.configs:
            row = f"{name}, seed {seed}"
            if options.out.exists() and row in json.loads(options.out.read_text()):
                continue
            workdir = options.workdir / f"{name.replace(':', '_')}_{seed}"
            keep(options.out, row, of_run(name, seed, workdir, options.num_images))


def of_run(name: str, seed: int, workdir: Path, num_images: int) -> dict[str, dict[str, float]]:
    """Trains a run, unless it is done; returns what each phase's images are like, both ways."""
    values = {**FIELDS, "run.seed": seed, "target.seed": seed}
    own = config.replaced(config.from_config_dict(config.load_config(name)), values)
    run = experiment.train(own, workdir)
    settings = run.experiment.config
    dataset, networks = target_images.load(run.experiment), load_evaluator(settings.report)
    found = {}
    for phase in run.phases_done():
        ema, raw = (run.generator(phase, weights) for weights in ("ema", "raw"))
        both = {"EMA of the miner": ema, "the miner itself": with_miners_of(ema, raw)}
        for title, drawn in both.items():
            found[f"{phase}, {title}"] = measured(
                drawn.sample(num_images, seed), networks, dataset, settings.target.labels
            )
    return found


def with_miners_of(ema: Generator, raw: Generator) -> Generator:
    """Returns the EMA of the generators behind the miners as they were trained."""
    pairs = zip(ema.weights, raw.weights, strict=True)
    return ema._replace(weights=tuple({**own, "miners": r["miners"]} for own, r in pairs))


def measured(
    images: Pixels, networks: Evaluator, dataset: Dataset, labels: tuple[int, ...]
) -> dict[str, float]:
    """Returns the distance to held-out images and the share recognised as one of the labels."""
    seen = recognised(networks, images)
    real, fake = (embed(networks.features, each).features for each in (dataset.held_out, images))
    return {
        "frechet_distance": frechet_distance(real, fake),
        "recognised": sum(seen[str(label)] for label in labels),
    }


if __name__ == "__main__":
    main()
