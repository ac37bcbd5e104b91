"""The report as two files: `report.json` for programs, `report.md` with its pictures for people."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minegan_jax.evaluation.table import markdown
from minegan_jax.files import write_atomically

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
    ("near copies among held-out images", "held_out_near_copies"),
    ("train-against-held-out gap ↓", "gap"),
    ("C_T (0; copies: below)", "copying_score"),
    ("memorisation-informed Fréchet distance ↓", "memorisation_informed_frechet_distance"),
)


def write(workdir: Path, record: dict[str, Any]) -> None:
    """Writes both files; the JSON comes last and makes the report complete."""
    write_atomically(workdir / MARKDOWN_NAME, to_markdown(record, workdir).encode())
    text = json.dumps(record, indent=2, allow_nan=False)
    write_atomically(workdir / JSON_NAME, text.encode())


def to_markdown(record: dict[str, Any], workdir: Path) -> str:
    """Returns the report for people."""
    phases = record["phases"]
    parts = [f"# {workdir.name}", _verdicts(phases)]
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
    if any(phase["held_out"] for phase in phases.values()):
        parts.append(_distances(record, "held_out"))
    else:
        parts.append("No image was held out (`--config.num_held_out`).")
    parts += [
        "## Against the training images",
        "These figures reward copying; the held-out ones do not.",
        _distances(record, "train"),
        "In brackets: where 95 of 100 values of as many other images would lie.",
        *_left_out(record),
        "## Copies and diversity",
        _copies(phases),
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


def _verdicts(phases: dict[str, Any]) -> str:
    """Returns a line per phase: whether its images are copies."""
    lines = (
        f"- **{name}**: **{phase['verdict']['verdict']}** ({phase['verdict']['because']})"
        for name, phase in phases.items()
    )
    return "Copies of the training images?\n\n" + "\n".join(lines)


def _left_out(record: dict[str, Any]) -> list[str]:
    """Returns a paragraph on measures that need more images, if there are such."""
    reasons = {
        f"{name}: {reason}"
        for phase in record["phases"].values()
        for part in (phase["held_out"], phase["train"], phase["copying"])
        if part
        for name, reason in part["left_out"].items()
    }
    return ["Left out: " + "; ".join(sorted(reasons)) + "."] if reasons else []


def _recognised(phases: dict[str, Any]) -> str:
    """Returns the judge's verdicts: percent of images per class."""
    classes = list(next(iter(phases.values()))["recognised"])
    rows = [
        [name, *(f"{100 * p['recognised'][c]:.1f}" for c in classes)] for name, p in phases.items()
    ]
    return "Percent of the generated images:\n\n" + markdown(["", *classes], rows)


def _sources(table: Sequence[dict[str, Any]]) -> str:
    """Returns how often each source is used, and what would be without it."""
    names = [row["name"] for row in table]
    rows = [
        [
            row["name"],
            f"{row['probability']:.3f}",
            "{:.3f} to {:.3f}".format(*row["interval"]),
            *(f"{share:.3f}" for share in row["without_it"]),
        ]
        for row in table
    ]
    titles = ["source", "probability", "95 % interval", *(f"without it: {name}" for name in names)]
    return markdown(titles, rows)


def _classes(rows: Sequence[dict[str, Any]]) -> str:
    """Returns near which classes of its sources M^c asks."""
    cells = [
        [row["source"], row["class"], f"{100 * row['share']:.1f}", f"{row['distance']:.2f}"]
        for row in rows
    ]
    titles = ["source", "nearest class", "percent of the images", "distance, over the classes' own"]
    return markdown(titles, cells)


def _distances(record: dict[str, Any], against: str) -> str:
    """Returns one row per phase, and one of real images for comparison."""
    rows = {name: phase[against] or {} for name, phase in record["phases"].items()}
    if against == "held_out" and record["real"]:
        rows["training images"] = record["real"]
    cells = [[name, *(_settled(row, path) for _, path in COLUMNS)] for name, row in rows.items()]
    return markdown(["", *(title for title, _ in COLUMNS)], cells)


def _copies(phases: dict[str, Any]) -> str:
    """Returns what each phase has copied, and how diverse it is."""
    rows = [
        [
            name,
            str(phase["exact_copies"]),
            *(
                _number({**(phase["memorisation"] or {}), **phase["copying"]}, (k,))
                for _, k in COPIES
            ),
            _number(phase, ("mean_variance",)),
            _number(phase, ("intra_cluster", "value")),
        ]
        for name, phase in phases.items()
    ]
    titles = ["", "exact copies", *(title for title, _ in COPIES), "mean variance ↑"]
    titles.append("distance inside clusters ↑")
    return markdown(titles, rows)


def _number(row: dict[str, Any], path: tuple[str, ...]) -> str:
    """Returns a value as text; a dash where too few images forbade it."""
    value: Any = row
    for name in path:
        value = value.get(name) if value else None
    return "-" if value is None else f"{value:.4g}"


def _settled(row: dict[str, Any], path: tuple[str, ...]) -> str:
    """Returns a value as text, and its interval if it has one."""
    ends = row.get("intervals", {}).get(path[-1])
    return _number(row, path) + (" ({:.4g} to {:.4g})".format(*ends) if ends else "")
