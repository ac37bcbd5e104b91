"""`tfds:NAME[:SPLIT]`: a data set of tensorflow-datasets, read without TensorFlow.

NAME may hold a config and a version, as in "tfds:name/config:1.0.0:train[:10%]".
"""

import difflib
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from minegan_jax.data.image_index import ImageIndex, unlabelled
from minegan_jax.errors import InputError

FILE_FORMAT = "array_record"  # the one that is written and read at random without TensorFlow
BY_HAND = "download it by hand, unpack it and give folder:PATH"
# By the names of tensorflow-datasets' errors, two of which it does not export: what to do.
ADVICE = {
    "NonMatchingChecksumError": (
        f" the server sent another file than expected, often a page of its own: {BY_HAND}"
    ),
    "DownloadError": f": run again, or {BY_HAND}",
    "ConnectionError": f": run again, or {BY_HAND}",
    "ExtractError": f": its download is damaged: remove it and run again, or {BY_HAND}",
    "UnsafeArchiveError": f": {BY_HAND}",
}
SPEC = re.compile(r"(?P<name>[^:]+(?::\d+\.\d+\.\d+)?)(?::(?P<split>.+))?")


def open_tfds(rest: str) -> ImageIndex:
    """The images of one split, `train` unless told; prepares the data set on first use."""
    spec, parsed = f"tfds:{rest}", SPEC.fullmatch(rest)
    if parsed is None:
        raise InputError(f"{spec}: expected tfds:NAME or tfds:NAME:SPLIT")
    split = parsed["split"] or "train"
    builder = _prepared_builder(parsed["name"], spec)
    image, label = _features(builder, spec)
    source = _data_source(builder, split, spec)
    return ImageIndex(
        name=spec,
        labels=_read_labels(source, label, spec),
        class_names=tuple(builder.info.features[label].names or ()) if label else (),
        # The stored bytes are decoded like any other file's: one decoder, one set of errors.
        read=lambda index: Image.open(io.BytesIO(source[index][image])),
        names=[f"{spec}[{index}]" for index in range(len(source))],
    )


def _prepared_builder(name: str, spec: str) -> Any:
    # Slow to import, and most experiments do without.
    import tensorflow_datasets as tfds

    # Given anew, because tensorflow-datasets looks at the variable only when it is imported.
    data_dir = os.environ.get("TFDS_DATA_DIR")
    try:
        with _explained(spec):
            builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        near = difflib.get_close_matches(name, tfds.core.registered.list_imported_builders(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"{spec}: no data set is called {name}{hint}") from error
    with _explained(spec):
        if not builder.is_prepared():
            builder.download_and_prepare(file_format=FILE_FORMAT)
    return builder


@contextmanager
def _explained(spec: str) -> Iterator[None]:
    """Turns what tensorflow-datasets raises, over many lines, into one line for the user."""
    import tensorflow_datasets as tfds

    try:
        yield
    except tfds.core.DatasetNotFoundError:
        raise
    except ImportError as error:
        if "tensorflow" not in str(error):
            raise InputError(f"{spec}: cannot be prepared: {_first_line(error)}") from error
        raise InputError(
            f"{spec}: has to be prepared once, with TensorFlow: "
            'pip install "minegan_jax[tfds-prepare]" and run again'
        ) from error
    except NotImplementedError as error:
        raise InputError(
            f"{spec}: is prepared in a format that only TensorFlow reads: prepare it as "
            f"{FILE_FORMAT}, or set TFDS_DATA_DIR to another folder"
        ) from error
    except InputError:
        raise
    # Builders raise what they like, and so do the packages that they prepare data with.
    except Exception as error:
        kind = type(error).__name__
        raise InputError(f"{spec}: {_first_line(error)}{ADVICE.get(kind, '')}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _features(builder: Any, spec: str) -> tuple[str, str | None]:
    """The names of the 8-bit image and, if there is one, of the class label."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    kinds = dict(features) if isinstance(features, tfds.features.FeaturesDict) else {}
    images = [key for key, kind in kinds.items() if isinstance(kind, tfds.features.Image)]
    labels = [key for key, kind in kinds.items() if isinstance(kind, tfds.features.ClassLabel)]
    images = [key for key in images if kinds[key].np_dtype == np.uint8]
    if not images:
        raise InputError(f"{spec}: holds no 8-bit images, only {', '.join(kinds) or 'text'}")
    best = "label" if "label" in labels else next(iter(labels), None)
    return "image" if "image" in images else images[0], best


def _data_source(builder: Any, split: str, spec: str) -> Any:
    import tensorflow_datasets as tfds

    with _explained(spec):
        kinds = builder.info.features.items()
        pictures = [key for key, kind in kinds if isinstance(kind, tfds.features.Image)]
        skipped = {key: tfds.decode.SkipDecoding() for key in pictures}
        source = builder.as_data_source(split, decoders=skipped)
        if not len(source):
            raise ValueError(f"the split {split} is empty")
        return source


def _read_labels(source: Any, label: str | None, spec: str) -> np.ndarray:
    if label is None:
        return unlabelled(len(source))
    with _explained(spec):
        return np.array([source[index][label] for index in range(len(source))], np.int32)
