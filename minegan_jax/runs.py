"""A run folder: who may write into it, and where everything lies."""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from minegan_jax.errors import InputError
from minegan_jax.files import write_atomically

CONFIG = "config.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples"
CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"
SOURCE = "source"  # what a run from scratch leaves
CLASSIFIER = "classifier"
PACKAGES = ("minegan_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def claim(workdir: Path, identity: dict[str, Any]) -> None:
    """Makes the run folder, or makes sure that an existing one belongs to the same run.

    Args:
      workdir: the folder.
      identity: plain values that decide what a run computes: config, sources, target.

    Raises:
      InputError: the folder holds another run (the differences are named) or something else.
    """
    path = workdir / CONFIG
    identity = json.loads(json.dumps(identity))
    if path.exists():
        differences = list(_differences(read_identity(workdir), identity))
        if differences:
            raise InputError(
                f"{workdir} holds another run, nothing was changed; it differs in: "
                + "; ".join(differences)
            )
        return
    if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
        raise InputError(
            f"{workdir}: expected a new folder or one with {CONFIG}, found other files"
        )
    workdir.mkdir(parents=True, exist_ok=True)
    versions = {name: metadata.version(name) for name in PACKAGES}
    write_atomically(path, json.dumps({**identity, "versions": versions}, indent=2).encode())


def read_identity(workdir: Path) -> dict[str, Any]:
    """Returns what the run folder was made with.

    Raises:
      InputError: it is not a run folder, or its config is damaged.
    """
    path = workdir / CONFIG
    if not path.is_file():
        raise InputError(f"{workdir}: expected a run folder with {CONFIG}, found none")
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: damaged file: {error}") from error
    return {name: value for name, value in found.items() if name != "versions"}


def _differences(there: dict[str, Any], here: dict[str, Any], prefix: str = "") -> Any:
    """Yields one sentence for each value that is not the same."""
    for name in sorted(there.keys() | here.keys()):
        old, new = there.get(name), here.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} is {old!r} there and {new!r} here"
