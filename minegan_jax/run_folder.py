"""A run folder: who may write into it, and where everything lies."""

import json
import logging
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flax.traverse_util import flatten_dict

from minegan_jax import files
from minegan_jax.errors import InputError
from minegan_jax.files import write_atomically
from minegan_jax.version import __version__
from minegan_jax.weights import check_format

LOG = logging.getLogger(__name__)
CONFIG = "config.json"
FORMAT = 2  # of config.json and of what lies beside it
METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"
SAMPLES = "samples"
CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"
SOURCE = "source"  # what was finetuned or trained, as a source or several
CLASSIFIER = "classifier"
IDENTITY = ("config", "sources", "target")  # what decides a run's every bit
# Fields of a config that change no result: what is logged, kept and reported, and how devices
# share the work.
FREE = (
    *("run.log_every_steps", "run.sample_every_steps", "run.checkpoint_every_steps"),
    *("run.accumulation_steps", "run.remat", "run.shard_sources", "run.tensorboard"),
    "run.stuck_seconds",
    *("report.features", "report.classifier", "report.neighbours", "report.diversity"),
    "report.num_images",
)
PLACES = (
    "sources",
    "target.images",
)  # fields that say where something lies, whose digest is compared
TARGET_PLACES = ("spec", "exclude", "skipped")
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def create_or_check(
    workdir: Path,
    identity: dict[str, Any],
    *,
    may_grow: str = "",
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Makes the run folder, or makes sure that an existing one belongs to the same run.

    A run is the same wherever its sources and images lie, which their digests tell, whatever is
    logged or reported of it, and however devices share the work; its last phase may become longer.
    The folder then says what is asked for now.

    Args:
      workdir: the folder.
      identity: plain values that say what a run computes: config, sources, target.
      may_grow: the field of the config with the last phase's steps.
      defaults: of the config's fields, by path: a folder that was made before there was a field
        has its default.

    Raises:
      InputError: the folder holds another run (the differences are named) or something else.
    """
    path = workdir / CONFIG
    identity = json.loads(json.dumps(identity))
    if path.exists():
        there = read_identity(workdir)
        contents = _contents(there, identity, may_grow, json.loads(json.dumps(dict(defaults))))
        differences = list(_differences(*contents))
        if differences:
            raise InputError(
                f"{workdir} holds another run, nothing was changed; it differs in: "
                + "; ".join(differences)
            )
        _warn_of_versions(workdir)
        _clean(workdir)
        if there != identity:
            _write(path, identity, read_versions(workdir))
        return
    if not _is_free(workdir):
        raise InputError(
            f"{workdir}: expected a new folder or one with {CONFIG}, found other files"
        )
    workdir.mkdir(parents=True, exist_ok=True)
    _clean(workdir)
    _write(path, identity, versions())


def _write(path: Path, identity: dict[str, Any], made_with: dict[str, str]) -> None:
    """Writes what the run folder is of, and the packages' versions that began it."""
    content = {"format": FORMAT, **identity, "versions": made_with}
    write_atomically(path, json.dumps(content, indent=2).encode())


def _contents(
    there: dict[str, Any], here: dict[str, Any], may_grow: str, defaults: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What decides every bit of two runs, without places, and without what does not matter.

    A field that came after `there` was made has its default there.
    """
    old, new = (flatten_dict(each["config"], sep=".") for each in (there, here))
    old |= {path: defaults[path] for path in (new.keys() - old.keys()) & defaults.keys()}
    free = {*FREE, *PLACES}
    if may_grow and old.get(may_grow, 0) <= new.get(may_grow, 0):
        free.add(may_grow)
    return _content(there, old, free), _content(here, new, free)


def _content(identity: dict[str, Any], fields: dict[str, Any], free: set[str]) -> dict[str, Any]:
    """A run's identity without some fields of its config; sources and images by digest alone."""
    sources, target = identity["sources"], identity["target"]
    return {
        "config": {path: value for path, value in fields.items() if path not in free},
        "sources": {str(number): digest for number, digest in enumerate(sources.values())},
        "target": {name: value for name, value in target.items() if name not in TARGET_PLACES},
    }


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
    """Returns the versions of the packages that figures depend on; a checkout need not be one."""
    others = {name: metadata.version(name) for name in PACKAGES}
    return {"minegan_jax": __version__, **others}


def read_versions(workdir: Path) -> dict[str, str]:
    """Returns the versions with which a run was started."""
    return _read(workdir)["versions"]


def read_identity(workdir: Path) -> dict[str, Any]:
    """Returns the identity with which a run folder was made: config, sources and target.

    Raises:
      InputError: it is not a run folder, or its config is damaged.
    """
    beside = ("format", "versions")
    return {name: value for name, value in _read(workdir).items() if name not in beside}


def _read(workdir: Path) -> dict[str, Any]:
    """Returns all that the run folder's config says."""
    path = workdir / CONFIG
    if not path.is_file():
        raise InputError(f"{workdir}: expected a run folder with {CONFIG}, found none")
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged file: {error}") from error
    if isinstance(found, dict):
        check_format(str(path), found, FORMAT)
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
