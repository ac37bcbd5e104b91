"""Mines the published BigGAN-128 at full size on a CPU, with random weights, and says what it took.

    PYTHONPATH=.:tests python benchmarks/full_size.py --workdir=FULL [--out=docs/results/speed.json]

Writes `G_ema.pth` and `D.pth` in the published layout (width 96, 1,000 classes), converts them, and
takes two steps of mining and one of finetuning with 2 images, by `--config=configs/biggan.py`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import published
import results
from PIL import Image

from minegan_jax import config, experiment
from minegan_jax.training import log
from weights_conversion import biggan_pytorch, command


def main() -> None:
    """Converts, trains and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    workdir = options.workdir
    photos = workdir / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for number in range(4):
        pixels = rng.integers(0, 256, (128, 128, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{number}.png")

    if not (workdir / "source" / "source.json").exists():
        command.write(biggan_pytorch.convert(**published.biggan_128(workdir)), workdir / "source")
    values = {
        "sources": (str(workdir / "source"),),
        "target": {"images": f"folder:{photos}"},
        "run": {"mine_steps": 2, "finetune_steps": 1, "batch_size": 2},
        "run.sample_every_steps": 0,
        "run.log_every_steps": 1,
        "report.num_images": 2,
    }
    start = time.perf_counter()
    recipe = config.from_config_dict(config.load_config("biggan"))
    experiment.train(config.replaced(recipe, values), workdir / "run")
    taken = time.perf_counter() - start
    for line in log.read(workdir / "run" / "metrics.jsonl"):
        if "critic_loss" in line:
            print(line["phase"], line["step"], line["critic_loss"], line["players_loss"])
    results.keep(
        options.out, "full size", {"seconds": taken, "gigabytes": results.peak_gigabytes()}
    )


if __name__ == "__main__":
    main()
