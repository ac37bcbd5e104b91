"""Is what `minegan project` says of a source the order that mining then finds? On digits.

    python benchmarks/nearest.py --workdir=NEAREST --out=docs/results/nearest.json

Fig. 3 mines a source of the digits 0 to 4 for 5, 8 and 9. Here the same source, and one of the
digits 0 to 8, are searched for the images nearest to these and to digits that they know. Beside
each share stands the Frechet distance that mining reached in `docs/results/figure3_digits.json`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from results import keep

from minegan_jax import experiment
from minegan_jax.config import from_values

PAIRS = (
    *(("digits_0_to_4", digit) for digit in (2, 5, 8, 9)),
    *(("mnist_without_9", digit) for digit in (7, 9)),
)
SEEDS = (0, 1, 2)  # of the searches, and of which target images there are
FIGURE3 = Path(__file__).parents[1] / "docs" / "results" / "figure3_digits.json"


def main() -> None:
    """Searches for every pair that the file lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num_images", type=int, default=16)
    options = parser.parse_args()
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    for source, digit in PAIRS:
        name = f"{source}, {digit}"
        if name not in known:
            keep(options.out, name, searched(source, digit, options))


def searched(source: str, digit: int, options: argparse.Namespace) -> dict[str, Any]:
    """Returns the means over seeds of what a search for a digit finds, and what mining reached."""
    fields = {"sources": (source,), "target.images": "digits", "target.labels": (digit,)}
    rows = [
        experiment.project(
            from_values({**fields, "target.seed": seed}),
            options.workdir / f"{source}_{digit}_{seed}",
            num_images=options.num_images,
            seed=seed,
        )["sources"][0]
        for seed in SEEDS
    ]
    names = ("share", "target", "own_samples", "another_kind")
    return {
        **{name: [row[name] for row in rows] for name in names},
        "mined_frechet_distance": mined(source, digit),
    }


def mined(source: str, digit: int) -> float | None:
    """Returns the mean Frechet distance after mining, where Fig. 3 has it."""
    distances = [
        row["frechet_distance"]
        for row in json.loads(FIGURE3.read_text())["rows"]
        if row["setting"] == str(digit) and source in row["provenance"]["sources"]
    ]
    return float(np.mean(distances)) if distances else None


if __name__ == "__main__":
    main()
