"""The report as two files: `report.json` for programs, `report.md` with its pictures for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from minegan_jax.files import write_atomically
from minegan_jax.report.record import (
    ClassUse,
    Distances,
    PhaseReport,
    Report,
    SourceUse,
    to_json,
)
from minegan_jax.report.table import markdown

Phases = Mapping[str, PhaseReport]
Against = Literal["held_out", "equal_counts", "train"]

JSON_NAME = "report.json"
MARKDOWN_NAME = "report.md"

# Title, and where in a phase's measures the value lies.
COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Fréchet distance ↓", ("frechet_distance",)),
    ("KID ↓", ("kid",)),
    ("KMMD ↓", ("kmmd_biased",)),
    ("its floor", ("kmmd_floor",)),
    ("KMMD² unbiased ↓", ("kmmd_unbiased",)),
    ("precision ↑", ("precision",)),
    ("recall ↑", ("recall",)),
    ("density ↑", ("density",)),
    ("coverage ↑", ("coverage",)),
)

COPIES: tuple[tuple[str, str], ...] = (
    ("authentic ↑", "authentic"),
    ("near copies ↓", "near_copies"),
    ("near copies among real images", "real_near_copies"),
    ("near copies of held-out images", "near_copies_of_held_out"),
    ("train-against-held-out gap ↓", "gap"),
    ("C_T (0; copies: below)", "copying_score"),
    ("memorisation-informed Fréchet distance ↓", "memorisation_informed_frechet_distance"),
)

BRACKETS = (
    "In brackets: 95 % intervals of the mean over draws of as many images. Another draw's value"
    " lies inside about 83 times of 100."
)


def write(workdir: Path, record: Report) -> None:
    """Writes both files; the JSON comes last and makes the report complete."""
    write_atomically(workdir / MARKDOWN_NAME, to_markdown(record, workdir).encode())
    write_atomically(workdir / JSON_NAME, to_json(record).encode())


def read(workdir: Path) -> dict[str, Any]:
    """Returns the report of a run folder; nothing where there is none, or a damaged one."""
    try:
        found = json.loads((workdir / JSON_NAME).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def to_markdown(record: Report, workdir: Path) -> str:
    """Returns the report for people."""
    phases = record["phases"]
    parts = [f"# {workdir.name}", _verdicts(phases)]
    weights = ", ".join(f"{name} {phase['weights']}" for name, phase in phases.items())
    parts.append(f"Weights that drew the images: {weights} (`--weights`).")
    parts.append(_steps(record["provenance"]["phases"]))
    parts.append(", ".join(phases) + ", and the target images:")
    for name, caption in PICTURES.items():
        if (workdir / "samples" / f"{name}.png").exists():
            parts += [caption, f"![{name}](samples/{name}.png)"]
    if len(record["selector"]) > 1:
        parts += ["## Sources", _sources(record["selector"])]
        evenness = f"{record['selector_entropy']:.2f}"
        parts.append(f"Entropy of these shares over that of equal ones: {evenness}.")
    if record["classes"]:
        parts += ["## Mined classes", _classes(record["classes"])]
    if any(phase["recognised"] for phase in phases.values()):
        parts += ["## What is recognised", _recognised(phases)]
    parts.append("## Against held-out images")
    if record["caution"]:
        parts.append(f"Careful: {record['caution']}.")
    parts += [f"Careful: {remark}." for remark in record["remarks"]]
    parts += [f"View: {record['view']}."] if record["view"] else []
    parts += _against_held_out(record)
    parts += [
        "## Against the training images",
        "These figures reward copying; the held-out ones do not.",
        _distances(_rows(phases, "train")),
        BRACKETS,
        *_left_out(record),
        "## Copies and diversity",
        _copies(record),
        "## Recipe",
        "```json\n" + json.dumps(record["recipe"], indent=2) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


PICTURES = {
    "comparison": "Left to right, one panel each, the target images last:",
    "closest": "Generated images (odd places) beside their nearest training images:",
    "selector": "How often each source is used, over time:",
    "walk": "Walks between two latents, one a row:",
}


def _verdicts(phases: Phases) -> str:
    """Returns a line per phase: whether its images are copies."""
    lines = (
        f"- **{name}**: **{phase['verdict']['verdict']}** ({phase['verdict']['because']})"
        for name, phase in phases.items()
    )
    return "Copies of the training images?\n\n" + "\n".join(lines)


def _steps(phases: dict[str, Any]) -> str:
    """Returns how far each phase had come."""
    trained = {name: phase["steps"] for name, phase in phases.items() if phase["steps"]}
    done = (f"{name} {steps['done']} of {steps['planned']}" for name, steps in trained.items())
    return f"Steps done: {', '.join(done) or 'none'}."


def _left_out(record: Report) -> list[str]:
    """Returns remarks on measures that need more images, or take only some."""
    reasons = {
        f"{name}: {reason}"
        for phase in record["phases"].values()
        for part in (phase["held_out"], phase["equal_counts"], phase["train"], phase["copying"])
        if part
        for name, reason in part["left_out"].items()
    }
    said = ["Left out: " + "; ".join(sorted(reasons)) + "."] if reasons else []
    paired = {
        count
        for phase in record["phases"].values()
        if (count := (phase["train"] or {}).get("num_paired"))
    }
    return said + [
        f"All but the Fréchet distance compare pairs of {count:,} images of a set, drawn by lot."
        for count in paired
    ]


def _recognised(phases: Phases) -> str:
    """Lists what the evaluation classifier recognises: percent of images per class."""
    classes = list(next(iter(phases.values()))["recognised"])
    rows = [
        [name, *(f"{100 * p['recognised'][c]:.1f}" for c in classes)] for name, p in phases.items()
    ]
    return "Percent of the generated images:\n\n" + markdown(["", *classes], rows)


def _sources(table: Sequence[SourceUse]) -> str:
    """Returns how often each source is used, and what would be without it."""
    names = [row["name"] for row in table]
    rows = [
        [
            row["name"],
            f"{row['probability']:.3f}",
            "{:.3f} to {:.3f}".format(*row["interval"]),
            *(_share(row["without_it"], number) for number in range(len(names))),
        ]
        for row in table
    ]
    titles = ["source", "probability", "95 % interval", *(f"without it: {name}" for name in names)]
    return markdown(titles, rows)


def _share(shares: Sequence[float] | None, number: int) -> str:
    """Returns one of the shares as text; a dash where there are none."""
    return "-" if shares is None else f"{shares[number]:.3f}"


def _classes(rows: Sequence[ClassUse]) -> str:
    """Returns near which classes of its sources M^c asks."""
    cells = [
        [row["source"], row["class"], f"{100 * row['share']:.1f}", f"{row['distance']:.2f}"]
        for row in rows
    ]
    titles = ["source", "nearest class", "percent of the images", "distance, over the classes' own"]
    return markdown(titles, cells)


def _against_held_out(record: Report) -> list[str]:
    """Returns the distances to held-out images, and once more beside those of real images."""
    rows = _rows(record["phases"], "equal_counts")
    if not any(rows.values()):
        return [why_no_distances(record)]
    count = record["real"]["num_fake"]
    return [
        _distances(_rows(record["phases"], "held_out")),
        f"Distances depend on how many images there are. Of {count} generated images, beside as"
        " many training images, which are the best to hope for:",
        _distances({**rows, "training images": record["real"]}),
    ]


def why_no_distances(record: Report) -> str:
    """Says what there would have to be for distances to held-out images."""
    if record["recipe"]["features"] is None:
        return "No network compared images (`report.features`)."
    return "No image was held out (`target.num_held_out`)."


def _rows(phases: Phases, against: Against) -> dict[str, Distances]:
    """Returns the phases' distances to some images, by the name of the phase."""
    return {name: phase[against] or {} for name, phase in phases.items()}


def _distances(rows: dict[str, Distances]) -> str:
    """Returns one row for each set of images."""
    cells = [
        [name, *(with_interval(row, path) for _, path in COLUMNS)] for name, row in rows.items()
    ]
    return markdown(["", *(title for title, _ in COLUMNS)], cells)


def _copies(record: Report) -> str:
    """Returns the table of copies and diversity of each phase, real images in its last row."""
    rows = [
        [
            name,
            str(phase["exact_copies"]),
            *(number({**phase["memorisation"], **phase["copying"]}, (k,)) for _, k in COPIES),
            number(phase, ("mean_variance",)),
            number(phase, ("intra_cluster", "value")),
        ]
        for name, phase in record["phases"].items()
    ]
    none = ["-"] * (1 + len(COPIES))
    rows.append(["training images", *none, number(record["real"], ("mean_variance",)), "-"])
    titles = ["", "exact copies", *(title for title, _ in COPIES), "mean variance ↑"]
    titles.append("distance inside clusters ↑")
    return markdown(titles, rows)


def number(row: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Returns a value as text; a dash where too few images forbade it."""
    value: Any = row
    for name in path:
        value = value.get(name) if value else None
    return "-" if value is None else f"{value:.4g}"


def with_interval(row: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Returns a value as text, and its interval if it has one."""
    ends = row.get("intervals", {}).get(path[-1])
    return number(row, path) + (" ({:.4g} to {:.4g})".format(*ends) if ends else "")
