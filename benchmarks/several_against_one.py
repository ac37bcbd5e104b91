"""Mining two sources against finetuning one of them, and against training from scratch.

    python benchmarks/several_against_one.py --workdir=runs/several

The target is 200 images, as many twos as nines, of which each source knows one. All methods get the
same images, batches, critic turns and number of steps. MineGAN's runs are those of
`several_sources.py --experiments ratios`; finished runs are only read.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports import print_table, report_of, same_effort
from several_sources import report, two

from minegan_jax.evaluation.table import mean_and_spread

TARGET = two(0.5)
# Row, method, and the source that it starts from.
METHODS = (
    ("MineGAN", "minegan", None),
    ("TransferGAN from digits 0 to 4", "transfergan", "digits_0_to_4"),
    ("TransferGAN from digits 5 to 9", "transfergan", "digits_5_to_9"),
    ("scratch", "scratch", None),
)


def train(workdir: Path, method: str, source: str | None, seed: int) -> dict[str, Any]:
    """Trains one method with one seed, unless it is done; returns its report."""
    if method == "minegan":
        return report(workdir, TARGET, seed)
    fields = same_effort(f"mnist_two_sources:{TARGET.ratios[0]}", method, seed)
    fields["sources"] = (source,) if source else ()
    return report_of(workdir / f"{source or method}_{seed}", fields)


def row(title: str, phases: Sequence[dict[str, Any]]) -> list[str]:
    """Returns one row of the table: means and standard deviations over seeds."""
    figures = [
        [phase["held_out"]["frechet_distance"] for phase in phases],
        [phase["held_out"]["kmmd_biased"] for phase in phases],
        *([100 * phase["recognised"][str(label)] for phase in phases] for label in TARGET.labels),
    ]
    return [title, *map(mean_and_spread, figures)]


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, default=Path("runs/several"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    rows = []
    for title, method, source in METHODS:
        reports = [train(options.workdir, method, source, seed) for seed in options.seeds]
        if method == "minegan":
            rows.append(row(f"{title} (w/o FT)", [one["phases"]["mine"] for one in reports]))
        rows.append(row(title, [list(one["phases"].values())[-1] for one in reports]))
    titles = ["method", "Fréchet distance", "KMMD"]
    titles += [f"recognised as {label}, %" for label in TARGET.labels]
    print_table(titles, rows)


if __name__ == "__main__":
    main()
