"""A run folder: who may write into it, and where everything lies."""

import json
import logging
from importlib import metadata
from pathlib import Path
from typing import Any

from minegan_jax import files
from minegan_jax.errors import InputError
from minegan_jax.files import write_atomically

LOG = logging.getLogger(__name__)
CONFIG = "config.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples"
CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"
SOURCE = "source"  # what TransferGAN, or a run from scratch, leaves
CLASSIFIER = "classifier"
IDENTITY = ("config", "sources", "target")  # what decides a run's every bit
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
        _warn_of_versions(workdir)
        _clean(workdir)
        return
    if not _is_free(workdir):
        raise InputError(
            f"{workdir}: expected a new folder or one with {CONFIG}, found other files"
        )
    workdir.mkdir(parents=True, exist_ok=True)
    _clean(workdir)
    write_atomically(path, json.dumps({**identity, "versions": versions()}, indent=2).encode())


def _is_free(workdir: Path) -> bool:
    """Says whether a run may be made there: nothing is, but what a kill at that moment left."""
    if not workdir.exists():
        return True
    return workdir.is_dir() and all(
        files.is_partial(path) and path.name.startswith(f".{CONFIG}.") for path in workdir.iterdir()
    )


def _clean(workdir: Path) -> None:
    """Removes what kills left of files, from a folder that belongs to one run."""
    for path in filter(files.is_partial, workdir.rglob(".*")):
        path.unlink(missing_ok=True)


def _warn_of_versions(workdir: Path) -> None:
    """Says in one line which packages have changed since the run was made."""
    there = read_versions(workdir)
    changed = [
        f"{name} {there.get(name, 'unknown')} there, {version} here"
        for name, version in versions().items()
        if there.get(name) != version
    ]
    if changed:
        LOG.warning(
            "%s was made with other versions (%s): what goes on from here may differ from an"
            " uncut run",
            workdir,
            "; ".join(changed),
        )


def versions() -> dict[str, str]:
    """Returns the versions of the packages that figures depend on."""
    return {name: metadata.version(name) for name in PACKAGES}


def read_versions(workdir: Path) -> dict[str, str]:
    """Returns the versions with which a run was started."""
    return _read(workdir)["versions"]


def read_identity(workdir: Path) -> dict[str, Any]:
    """Returns what the run folder was made with.

    Raises:
      InputError: it is not a run folder, or its config is damaged.
    """
    return {name: value for name, value in _read(workdir).items() if name != "versions"}


def _read(workdir: Path) -> dict[str, Any]:
    """Returns all that the run folder's config says."""
    path = workdir / CONFIG
    if not path.is_file():
        raise InputError(f"{workdir}: expected a run folder with {CONFIG}, found none")
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged file: {error}") from error
    for part in (*IDENTITY, "versions"):
        if not isinstance(found, dict) or not isinstance(found.get(part), dict):
            raise InputError(f"{path}: damaged file: expected an object {part!r}")
    return found


def _differences(there: dict[str, Any], here: dict[str, Any], prefix: str = "") -> Any:
    """Yields one sentence for each value that is not the same."""
    for name in sorted(there.keys() | here.keys()):
        old, new = there.get(name), here.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} is {old!r} there and {new!r} here"
