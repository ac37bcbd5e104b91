"""Trains past the step at which early stopping would end, and says how far that was from the best.

    python benchmarks/early_stopping.py --workdir=STOP --out=docs/results/early_stopping.json

TransferGAN on a few nines, a fifth of which only the rule sees. Every 50 steps both its signs are
taken, and the distance to held-out nines, which the rule does not see.
"""

import argparse
import json
from pathlib import Path
from unittest import mock

from minegan_jax import config, experiment, run_folder
from minegan_jax.metrics import overfitting
from minegan_jax.training import log

SIZES = (25,)
SEEDS = (0, 1, 2, 5, 6)
FIELDS = {
    "method": "transfergan",
    "run.finetune_steps": 800,
    "run.batch_size": 16,
    "game.critic_steps": 2,
    "run.evaluate_every_steps": 50,
    "run.sample_every_steps": 0,
    "report.num_images": 500,
}


def train(size: int, seed: int, workdir: Path) -> list[dict[str, float]]:
    """Trains to the end, whatever the rule says; returns what each look showed."""
    target = {"target.max_images": size, "target.num_validation": size // 5, "target.seed": seed}
    mnist = config.from_config_dict(config.load_config("mnist"))
    own = config.replaced(mnist, {**FIELDS, **target, "run.seed": seed})
    with mock.patch.object(overfitting, "overfits", return_value=False):
        experiment.train(own, workdir)
    looks: dict[int, dict[str, float]] = {}
    for line in log.read(workdir / run_folder.METRICS):
        look = looks.setdefault(line["step"], {"step": line["step"]})
        look |= line.get("signs", {})
        look |= {k: v for k, v in line.get("evaluation", {}).items() if k == "frechet_distance"}
    return [look for look in looks.values() if "critic_gap" in look]


def summary(looks: list[dict[str, float]]) -> dict[str, float]:
    """Returns where the rule ends and where the best look was, with their distances."""
    names = overfitting.Signs._fields
    ended = (x for x in looks if overfitting.overfits(overfitting.Signs(*(x[n] for n in names))))
    stopped, best = next(ended, looks[-1]), min(looks, key=lambda look: look["frechet_distance"])
    return {
        "ends at": stopped["step"],
        "distance there": stopped["frechet_distance"],
        "best at": best["step"],
        "best distance": best["frechet_distance"],
        "distance after all steps": looks[-1]["frechet_distance"],
    }


def main() -> None:
    """Runs all, prints a table and writes the looks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    for seed in SEEDS:
        for size in SIZES:
            looks = train(size, seed, options.workdir / f"{size}_{seed}")
            row = {"images": size, "seed": seed, **summary(looks)}
            print("| " + " | ".join(f"{value:.3g}" for value in row.values()) + " |", flush=True)
            rows.append({**row, "looks": looks})
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
