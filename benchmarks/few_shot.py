"""The README's results: MineGAN, TransferGAN and scratch on 400, 100 and 25 nines, several seeds.

    python benchmarks/few_shot.py --workdir=runs/few_shot

Every run lies in its own folder and is resumed if it was cut; runs that are done are only read.
All methods get the same images, batches, critic turns and number of steps.
"""

import argparse
from pathlib import Path

from reports import print_table, report_of, same_effort

from minegan_jax.evaluation.table import mean_and_spread

METHODS = ("minegan", "transfergan", "scratch")
# Title, where the figure lies in a phase's measures, and by how much it is multiplied.
FIGURES = (
    ("recognised as 9, %", ("recognised", "9"), 100.0),
    ("Fréchet distance", ("held_out", "frechet_distance"), 1.0),
    ("KMMD", ("held_out", "kmmd_biased"), 1.0),
    ("coverage", ("held_out", "coverage"), 1.0),
    ("near copies, %", ("memorisation", "near_copies"), 100.0),
    ("of held-out nines, %", ("memorisation", "held_out_near_copies"), 100.0),
    ("exact copies", ("exact_copies",), 1.0),
)


def train(workdir: Path, method: str, num_images: int, seed: int) -> dict:
    """Trains one method on one subset, unless it is done; returns its report."""
    fields = {**same_effort("mnist:9", method, seed), "max_images": num_images}
    return report_of(workdir / f"{method}_{num_images}_{seed}", fields)


def figure(report: dict, phase: str, path: tuple[str, ...], scale: float) -> float:
    """Reads one figure of one phase."""
    value = report["phases"][phase]
    for name in path:
        value = value[name]
    return scale * value


def row(reports: list[dict], phase: str) -> list[str]:
    """Returns the cells of one phase: the mean over seeds, and the standard deviation."""
    return [
        mean_and_spread([figure(report, phase, path, scale) for report in reports])
        for _, path, scale in FIGURES
    ]


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, default=Path("runs/few_shot"))
    parser.add_argument("--num_images", type=int, nargs="+", default=[400, 100, 25])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    rows = []
    for num_images in options.num_images:
        for method in options.methods:
            reports = [train(options.workdir, method, num_images, s) for s in options.seeds]
            phases = [p for p in reports[0]["phases"] if p != "source" or method == "minegan"]
            rows += [[str(num_images), method, phase, *row(reports, phase)] for phase in phases]
    titles = ["images", "method", "phase", *(title for title, *_ in FIGURES)]
    print_table(titles, rows)


if __name__ == "__main__":
    main()
