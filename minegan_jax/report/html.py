"""The report as one page, `report.html`, that holds its pictures and loads nothing.

Reading guide: `to_html` is the page from top to bottom, with a function for each part.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from minegan_jax import run_folder
from minegan_jax.files import write_atomically
from minegan_jax.metrics.copy_verdict import CLEAN, COPIES, UNKNOWN
from minegan_jax.report import embedded, markdown, svg
from minegan_jax.report.page import details, element, figure, page, paragraph, player, table
from minegan_jax.report.record import PhaseReport, Report, SourceUse
from minegan_jax.training import log

Line = Mapping[str, Any]  # of a run's metrics
Series = dict[str, list[svg.Point]]  # curves by name

HTML_NAME = "report.html"
LOOKS = {COPIES: "bad", CLEAN: "good", UNKNOWN: "unsure"}  # the class of a verdict's words
# Numbers of the metrics that say little over time.
NO_CURVES = ("step", "steps_per_second", "kmmd_floor", "kmmd_unbiased")
FRAME, STEP = 400, 250  # milliseconds of a picture while a player plays: grids, steps of a walk
TARGET = "the target"


def write(workdir: Path, record: Report) -> None:
    """Writes the page of a run folder, whose metrics and pictures lie there already."""
    lines = log.read(workdir / run_folder.METRICS)
    text = to_html(workdir.name, record, lines, workdir / run_folder.SAMPLES)
    write_atomically(workdir / HTML_NAME, text.encode())


def to_html(title: str, record: Report, lines: Sequence[Line], samples: Path) -> str:
    """Returns the page.

    Args:
      title: of the run.
      record: what `report.json` holds.
      lines: of a run's metrics, in the order in which they were written.
      samples: the folder of its pictures; what is not there is left out.
    """
    sections = {
        "Copies of the training images?": _verdicts(record),
        "Samples": _samples(record, samples),
        "While it trained": _training(record, samples),
        "Curves": _curves(lines),
        "Figures": _figures(record),
        "Nearest training images": _closest(record, samples),
        "Latent walk": _walk(samples),
        "Sources": _sources(record, lines),
        "Recipe": _recipe(record),
    }
    return page(
        title,
        f"{', '.join(record['phases'])}: what they generate, and how near to the target",
        sections,
    )


def _verdicts(record: Report) -> str:
    """The verdict on each phase's copies, and what to know before any figure is read."""
    cards = (
        element(
            "li",
            element("h3", escape(name)),
            element("p", escape(phase["verdict"]["verdict"]), class_="verdict"),
            paragraph(phase["verdict"]["because"]),
            class_=LOOKS[phase["verdict"]["verdict"]],
        )
        for name, phase in record["phases"].items()
    )
    remarks = [*filter(None, [record["caution"]]), *record["remarks"]]
    careful = (paragraph(f"Careful: {remark}.", "careful") for remark in remarks)
    view = paragraph(f"View: {record['view']}.") if record["view"] else ""
    return element("ul", *cards, class_="cards") + "".join(careful) + view


def _samples(record: Report, samples: Path) -> str:
    """Some images of each phase, and of the target."""
    names = [*record["phases"], TARGET]
    panels = embedded.panels(samples / "comparison.png", len(names))
    captions = [_trained(record, name) for name in record["phases"]] + ["the target's images"]
    said = [f"a grid of images: {name}" for name in names]
    shown = "".join(map(figure, panels, captions, said))
    grid = element("div", shown, class_="panels") if panels else ""
    large = embedded.too_large(samples)
    text = f"Too large for this page, see the folder {samples.name}: {', '.join(large)}."
    return grid + (paragraph(text) if large else "")


def _trained(record: Report, name: str) -> str:
    """What a phase's images come from: how many steps, which weights."""
    steps = record["provenance"]["phases"][name]["steps"]
    if not steps:
        return f"{name}, as it came"
    weights = record["phases"][name]["weights"]
    return f"{name}: {steps['done']} of {steps['planned']} steps, {weights} weights"


def _training(record: Report, samples: Path) -> str:
    """The grids that were kept while it trained, behind a slider."""
    pictures = {
        f"{grid.phase}, step {grid.step}": embedded.whole(grid.path)
        for grid in embedded.grids(samples, list(record["phases"]))
    }
    kept = {name: picture for name, picture in pictures.items() if picture}
    return player(kept, label="Samples while it trained", period=FRAME) if kept else ""


def _curves(lines: Sequence[Line]) -> str:
    """A chart for each loss, and for each distance that was measured while training."""
    titles = {path[-1]: title for title, path in markdown.COLUMNS if path[-1] not in NO_CURVES}
    losses, distances = Series(), Series()
    starts = phase_starts(lines)
    for line in lines:
        step = starts[line["phase"]] + line["step"]
        for name, value in line.items():
            if _is_curve(name, value):
                losses.setdefault(name.replace("_", " "), []).append((step, value))
        for name in titles.keys() & line.get("evaluation", {}):
            distances.setdefault(titles[name], []).append((step, line["evaluation"][name]))
    in_order = {title: distances[title] for title in titles.values() if title in distances}
    charts = _charts(losses, starts)
    if in_order:
        heading = element("h3", "Distances, measured while it trained")
        charts += heading + _charts(in_order, starts)
    return charts


def _is_curve(name: str, value: Any) -> bool:
    """Says whether a value of a line is worth a curve; None stands for one that was not finite."""
    return name not in NO_CURVES and (value is None or type(value) in (int, float))


def _charts(series: Series, starts: Mapping[str, int]) -> str:
    """A chart for each of several curves."""
    charts = (
        element(
            "figure",
            svg.chart([svg.Line(name, points)], title=name, starts=starts),
            element("figcaption", escape(name)),
        )
        for name, points in series.items()
        if any(value is not None for _, value in points)
    )
    return element("div", *charts, class_="charts") if series else ""


def phase_starts(lines: Iterable[Line]) -> dict[str, int]:
    """Returns after how many steps of training each phase began, by its name, in order."""
    last: dict[str, int] = {}
    for line in lines:
        last[line["phase"]] = max(line["step"], last.get(line["phase"], 0))
    return dict(zip(last, itertools.accumulate([0, *last.values()]), strict=False))


def _figures(record: Report) -> str:
    """Distances to held-out images beside real ones, what is recognised, copies and diversity."""
    phases = record["phases"]
    parts = [_distances(record), _recognised(phases), _copies(phases)]
    more = element("a", escape(markdown.MARKDOWN_NAME), href=markdown.MARKDOWN_NAME)
    return "".join(parts) + element("p", "All figures are in ", more, ".", class_="note")


def _distances(record: Report) -> str:
    """Distances at equal counts, beside those of real images, the best to hope for."""
    rows = {name: phase["equal_counts"] for name, phase in record["phases"].items()}
    if not any(rows.values()):
        return paragraph(markdown.why_no_distances(record).replace("`", ""))
    columns = {**rows, "training images": record["real"]}
    cells = (
        [title, *(_unbroken(markdown.with_interval(each or {}, path)) for each in columns.values())]
        for title, path in markdown.COLUMNS
    )
    caption = f"Distances to {record['real']['num_real']} held-out images, at equal counts"
    return table(["", *columns], cells, caption) + paragraph(markdown.BRACKETS)


def _unbroken(text: str) -> str:
    """A value with its interval, which a narrow column may put below it, but not break."""
    return text.replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")


def _recognised(phases: Mapping[str, PhaseReport]) -> str:
    """What the evaluation classifier recognises."""
    classes = next(iter(phases.values()))["recognised"]
    rows = (
        [name, *(f"{100 * phase['recognised'][name]:.1f}" for phase in phases.values())]
        for name in classes
    )
    titles = ["recognised as", *phases]
    return table(titles, rows, "Percent of the generated images") if classes else ""


def _copies(phases: Mapping[str, PhaseReport]) -> str:
    """Signs of copies, and variety."""
    columns = [{**phase["memorisation"], **phase["copying"]} for phase in phases.values()]
    rows = [
        ["exact copies", *(str(phase["exact_copies"]) for phase in phases.values())],
        *([title, *(markdown.number(each, (key,)) for each in columns)]
          for title, key in markdown.COPIES),
        ["mean variance ↑", *(markdown.number(p, ("mean_variance",)) for p in phases.values())],
    ]  # fmt: skip
    return table(["", *phases], rows, "Copies and diversity")


def _closest(record: Report, samples: Path) -> str:
    """Generated images beside the training images that they are nearest to."""
    pairs = embedded.pairs(samples / "closest.png")
    if not pairs:
        return ""
    said = "a generated image, and to its right its nearest training image"
    shown = (figure(pair, f"{number}", said) for number, pair in enumerate(pairs, 1))
    text = (
        f"Images of the last phase, {list(record['phases'])[-1]}, that are nearest to a training"
        " image, the nearest first: left the generated one, right the training image."
    )
    return paragraph(text) + element("div", *shown, class_="pairs")


def _walk(samples: Path) -> str:
    """Walks between latents, step by step."""
    steps = embedded.walk(samples / "walk.png")
    named = {f"step {number} of {len(steps)}": step for number, step in enumerate(steps, 1)}
    if not steps:
        return ""
    text = "Each image walks from one latent to another, in the last phase."
    walk = player(named, label="Steps of the walk", period=STEP, there_and_back=True)
    return paragraph(text) + walk


def _sources(record: Report, lines: Sequence[Line]) -> str:
    """How often each of several sources is used, over time and in the end; mined classes."""
    parts = []
    if len(record["selector"]) > 1:
        parts += [_selector(lines), _shares(record["selector"])]
        evenness = f"{record['selector_entropy']:.2f}"
        parts.append(paragraph(f"Entropy of these shares over that of equal ones: {evenness}."))
    if record["classes"]:
        rows = (
            [row["class"], row["source"], f"{100 * row['share']:.1f}", f"{row['distance']:.2f}"]
            for row in record["classes"]
        )
        titles = [
            "nearest class",
            "source",
            "percent of the images",
            "distance, over the classes' own",
        ]
        parts.append(table(titles, rows, "Mined classes"))
    return "".join(parts)


def _selector(lines: Sequence[Line]) -> str:
    """The selector's shares over the steps of all phases."""
    starts, series = phase_starts(lines), Series()
    for line in lines:
        for row in line.get("selector", ()):
            step = starts[line["phase"]] + line["step"]
            series.setdefault(row["name"], []).append((step, row["probability"]))
    shares = [svg.Line(name, points) for name, points in series.items()]
    if not shares:
        return ""
    chart = svg.chart(shares, title="share of the images", starts=starts, limits=(0.0, 1.0))
    return element("figure", chart, element("figcaption", "share of the images"), class_="broad")


def _shares(rows: Sequence[SourceUse]) -> str:
    """How often each source is used in the end."""
    cells = (
        [row["name"], f"{row['probability']:.3f}", "{:.3f} to {:.3f}".format(*row["interval"])]
        for row in rows
    )
    return table(["source", "share", "95 % interval"], cells, "How often each source is used")


def _recipe(record: Report) -> str:
    """How everything was measured, and with what."""
    shown = {"recipe": record["recipe"], "steps and weights": record["provenance"]["phases"]}
    folded = (details(name, json.dumps(part, indent=2)) for name, part in shown.items())
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return "".join(folded) + paragraph(versions)
