"""The selector's experiments of the README: does p find the sources that the target needs?

    python benchmarks/several_sources.py --workdir=runs/several

`ratios`: two sources (digits 0 to 4, 5 to 9), 200 images of twos and nines in three ratios (Table
1 with digits). `critics`: the same with the second source's critic, and with a fresh one.
`irrelevant`: four sources of two digits each, two of which the target does not need; `dropped`
goes on without them after mining. `ten`: ten sources of one digit each, a target of three digits.
`families`: the second source is a ProGAN of 32 pixels with longer latents. The small sources are
trained first. Every run lies in its own folder and is resumed if it was cut; finished ones are only
read.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from reports import print_table, report_of

from minegan_jax import experiment
from minegan_jax.config import from_values, load_config
from minegan_jax.runs import METRICS
from minegan_jax.training import log

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
PAIRS = ("01", "23", "45", "67")


class Case(NamedTuple):
    """One target, and the shares of the sources that made it."""

    experiment: str
    sources: tuple[str, ...]  # packaged names, or digits to train a source on
    labels: tuple[int, ...]
    ratios: tuple[float, ...]
    truth: tuple[float, ...]
    fields: Mapping[str, Any] = MappingProxyType({})  # what else the config says
    name: str = ""  # of the row, beside the experiment's


def two(share: float) -> Case:
    """Returns the case of one ratio of twos to nines."""
    ratios = (share, round(1 - share, 6))
    return Case("ratios", ("digits_0_to_4", "digits_5_to_9"), (2, 9), ratios, ratios)


def _with_critic(name: str) -> Case:
    """Returns the case of as many twos as nines, judged by another critic."""
    return two(0.5)._replace(experiment="critics", fields={"critic": name}, name=name)


IRRELEVANT = Case("irrelevant", PAIRS, (0, 2), (0.5, 0.5), (0.5, 0.5, 0.0, 0.0))
CASES = (
    *map(two, (0.3, 0.5, 0.7)),
    *map(_with_critic, ("digits_5_to_9", "fresh")),
    two(0.5)._replace(experiment="families", sources=("digits_0_to_4", "progan_56789")),
    IRRELEVANT,
    IRRELEVANT._replace(fields={"drop_below": 0.1}, name="dropped"),
    Case(
        "ten",
        tuple("0123456789"),
        (1, 4, 7),
        (0.5, 0.3, 0.2),
        (0, 0.5, 0, 0, 0.3, 0, 0, 0.2, 0, 0),
    ),
)


def source(workdir: Path, name: str) -> str:
    """Returns where a source lies; one that is named by its digits is trained if need be."""
    family, _, digits = name.rpartition("_")
    if not digits.isdigit() or family not in ("", "progan"):
        return name
    folder = workdir / f"source_{name}"
    if not (folder / "source" / "source.json").exists():
        fields = load_config(f"mnist_pretrain:{digits}").to_dict() | (PROGAN if family else SMALL)
        experiment.train(from_values(fields), folder)
    return str(folder / "source")


def report(workdir: Path, case: Case, seed: int) -> dict[str, Any]:
    """Trains one case with one seed, unless it is done; returns its report, and p after mining."""
    fields = {
        **load_config("mnist_two_sources").to_dict(),
        "sources": tuple(source(workdir, name) for name in case.sources),
        "labels": case.labels,
        "ratios": case.ratios,
        "seed": seed,
        "target_seed": seed,
        **case.fields,
    }
    parts = case.experiment, case.name, *case.ratios, seed
    folder = workdir / "_".join(str(part) for part in parts if part != "")
    found = report_of(folder, fields)
    lines = [line for line in log.read(folder / METRICS) if "selector" in line]
    *_, mined = (line["selector"] for line in lines if line["phase"] == "mine")
    return {**found, "mined": mined}


def means(rows: Sequence[Sequence[float]]) -> list[float]:
    """Returns the mean over seeds of each column."""
    return [statistics.mean(column) for column in zip(*rows, strict=True)]


def shares(values: Sequence[float]) -> str:
    """Returns shares as text."""
    return " : ".join(f"{value:.2f}" for value in values)


def row(case: Case, reports: Sequence[dict[str, Any]]) -> list[str]:
    """Returns one row: the truth, p after mining and in the end, and what the judge sees."""
    mined, found = (
        means([[entry["probability"] for entry in one[name]] for one in reports])
        for name in ("mined", "selector")
    )
    seen = means(
        [
            [one["phases"]["finetune"]["recognised"][str(label)] for label in case.labels]
            for one in reports
        ]
    )
    title = f"{case.experiment} {case.name}".strip()
    cells = [title, shares(case.truth)]
    for values, truth in ((mined, case.truth), (found, case.truth), (seen, case.ratios)):
        error = max(abs(value - true) for value, true in zip(values, truth, strict=True))
        cells += [shares(values), f"{error:.3f}"]
    return [*cells, str(len(reports))]


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, default=Path("runs/several"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    names = sorted({case.experiment for case in CASES})
    parser.add_argument("--experiments", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    chosen = [case for case in CASES if case.experiment in options.experiments]
    rows = [
        row(case, [report(options.workdir, case, seed) for seed in options.seeds])
        for case in chosen
    ]
    titles = ["experiment", "truth", "p after mining", "error", "p after finetuning", "error"]
    titles += ["digits in the images", "error", "seeds"]
    print_table(titles, rows)


if __name__ == "__main__":
    main()
