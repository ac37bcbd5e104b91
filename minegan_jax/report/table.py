"""The table of a comparison: records of single runs, and means over seeds for people."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from minegan_jax.errors import InputError

Record = Mapping[str, Any]


class Metric(NamedTuple):
    """A column: where the value lies in a phase's measures."""

    title: str
    path: tuple[str, ...]


METRICS: Mapping[str, Metric] = {
    "frechet_distance": Metric("Fréchet distance ↓", ("held_out", "frechet_distance")),
    "kmmd": Metric("KMMD ↓", ("held_out", "kmmd_biased")),
    "kid": Metric("KID ↓", ("held_out", "kid")),
    "coverage": Metric("coverage ↑", ("held_out", "coverage")),
    "mean_variance": Metric("mean variance ↑", ("mean_variance",)),
    "near_copies": Metric("near copies ↓", ("memorisation", "near_copies")),
    "target_accuracy": Metric("recognised as the target ↑", ("recognised_as_target",)),
}
# Of a record besides; these take a class or a source, as in `recognised:9`.
TITLES: Mapping[str, str] = {
    **{name: metric.title for name, metric in METRICS.items()},
    "recognised": "recognised as",
    "probability": "p of",
}
GIVEN = ("method", "target", "label", "steps", "images seen", "guide", "search steps", "weights")
NAMED = ("recognised", "probability")
SHOWN = ("frechet_distance", "kmmd", "coverage", "target_accuracy", "mean_variance", "near_copies")


def title(name: str) -> str:
    """Returns the title of a column.

    Raises:
      InputError: there is no such metric.
    """
    figure, _, key = name.partition(":")
    if figure not in TITLES or bool(key) != (figure in NAMED):
        known = ", ".join(f"{n}:NAME" if n in NAMED else n for n in TITLES)
        raise InputError(f"unknown metric {name!r} of a table: expected one of {known}")
    return f"{TITLES[figure]} {key}".strip()


def metrics(phase: Record) -> dict[str, float | None]:
    """Reads the metrics of one phase off a report; None where too few images forbade one."""
    return {name: _at(phase, metric.path) for name, metric in METRICS.items()}


def _at(record: Record, path: Iterable[str]) -> float | None:
    """Returns the value that lies there, if there is one."""
    value: Any = record
    for name in path:
        value = value.get(name) if value else None
    return value


def over_sizes(records: Sequence[Record], figure: str) -> list[tuple[float, list[float]]]:
    """Returns (training images, values of all seeds), from few images to many."""
    sizes = sorted({record["max_images"] for record in records})
    return [(float(size), _values(records, figure, max_images=size)) for size in sizes]


def to_markdown(
    records: Sequence[Record],
    milliseconds: Mapping[str, float],
    shown: Sequence[str] = SHOWN,
) -> str:
    """Returns a table for each number of training images: a row for each setting and method.

    Args:
      records: one for each method, setting, size and seed.
      milliseconds: that one image takes, by title; nothing where that was not measured.
      shown: names of metrics, see `title`.
    """
    parts = []
    for size in _unlike(records, "max_images"):
        mine = [record for record in records if record["max_images"] == size]
        parts += [f"## {size} training images", markdown(*of_one_size(mine, milliseconds, shown))]
    return "\n\n".join(parts) + "\n"


def given_to_markdown(records: Sequence[Record]) -> str:
    """Returns a table of what each method was given."""
    return f"## What each method was given\n\n{markdown(GIVEN, given_rows(records))}\n"


def given_rows(records: Sequence[Record]) -> list[list[str]]:
    """Returns the rows on each method's budget; settings that give the same share a row."""
    settings: dict[tuple[str, ...], dict[str, None]] = {}
    for record in records:
        given = record["given"]
        cells = (
            record["title"],
            "yes" if record["label"] else "no",
            *(str(given[name]) for name in ("steps", "images")),
            given["guide"] or "-",
            str(given["search_steps"] or "-"),
            given["weights"],
        )
        settings.setdefault(cells, {})[record["setting"]] = None
    return [[title, ", ".join(settings[title, *rest]), *rest] for title, *rest in settings]


def views(records: Sequence[Record]) -> list[str]:
    """Says of each method how its images are measured, where not as they are handed out."""
    found = {(r["title"], r["view"]): None for r in records if r.get("view")}
    return [f"{title}: {view}." for title, view in found]


def of_one_size(
    records: Sequence[Record], milliseconds: Mapping[str, float], shown: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Returns titles and rows of one number of training images, as `to_markdown` takes them."""
    rows = []
    for setting in _unlike(records, "setting"):
        here = [record for record in records if record["setting"] == setting]
        for method in _unlike(here, "title"):
            mine = [record for record in here if record["title"] == method]
            label = "yes" if any(record["label"] for record in mine) else "no"
            cells = [mean_and_spread(_values(mine, name)) for name in shown]
            timed = [f"{milliseconds[method]:.3g}"] if milliseconds else []
            rows.append([setting, method, label, *cells, *timed])
    timed = ["ms an image"] if milliseconds else []
    return ["target", "method", "label", *map(title, shown), *timed], rows


def _unlike(records: Sequence[Record], name: str) -> list[Any]:
    """Returns the different values of a field, in order."""
    return list(dict.fromkeys(record[name] for record in records))


def _values(records: Sequence[Record], figure: str, **where: Any) -> list[float]:
    """Returns the values of the records that have these fields, one for each seed."""
    mine = (r for r in records if all(r[name] == x for name, x in where.items()))
    found = [_at(record, figure.split(":")) for record in mine]
    return [value for value in found if value is not None]


def mean_and_spread(values: Sequence[float]) -> str:
    """Returns the mean over seeds and, if there are several, the standard deviation."""
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{spread}"


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
