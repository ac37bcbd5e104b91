"""A run's figures as events that TensorBoard shows, a folder for each phase."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from minegan_jax.errors import InputError
from minegan_jax.training.log import Write


def mirror(write: Write, directory: Path) -> Write:
    """Returns a writer of records that also writes their numbers as events below `directory`.

    Steps that a run which was cut takes again replace those of before.

    Raises:
      InputError: tensorboardX, which writes events without TensorFlow, is not installed.
    """
    try:
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.proto.summary_pb2 import Summary
        from tensorboardX.record_writer import masked_crc32c
    except ImportError as error:
        raise InputError(
            "run.tensorboard=True: expected the package tensorboardX, found none: pip install"
            ' "minegan_jax[tensorboard]"'
        ) from error
    files: dict[str, Path] = {}  # of each phase

    def append(phase: str, *events: Any) -> None:
        with files[phase].open("ab") as file:
            for event in events:
                content = event.SerializeToString()
                for part in (len(content).to_bytes(8, "little"), content):
                    file.write(part + masked_crc32c(part).to_bytes(4, "little"))

    def mirrored(record: Mapping[str, Any]) -> None:
        write(record)
        phase, at = record["phase"], {"step": record["step"], "wall_time": time.time()}
        if phase not in files:
            files[phase] = directory / phase / f"events.out.tfevents.{time.time_ns()}"
            files[phase].parent.mkdir(parents=True, exist_ok=True)
            # From its step on, what files of before hold is no longer shown.
            restart = Event(session_log=SessionLog(status=SessionLog.START), **at)
            append(phase, Event(file_version="brain.Event:2", **at), restart)
        values = [Summary.Value(tag=name, simple_value=x) for name, x in scalars(record)]
        append(phase, Event(summary=Summary(value=values), **at))

    return mirrored


def scalars(record: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, float]]:
    """Yields the numbers of a record with their names, those of inner records behind a slash.

    Of a list of named records, such as the selector's sources, each is an inner record.
    """
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from scalars(value, f"{start}{name}/")
        elif isinstance(value, list | tuple):
            named = {each["name"]: each for each in value if isinstance(each, Mapping)}
            yield from scalars(named, f"{start}{name}/")
        elif isinstance(value, int | float) and (start or name != "step"):
            yield f"{start}{name}", value
