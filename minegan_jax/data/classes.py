"""Classes of images: what `dataset.json` says, else the folders that they lie in."""

import json
import posixpath
import re
from collections.abc import Sequence

import numpy as np

from minegan_jax.data.image_index import unlabelled
from minegan_jax.errors import InputError
from minegan_jax.types import Labels

DATASET_JSON = "dataset.json"  # as the tools of StyleGAN write it
MAX_DIGITS = 9  # a longer number does not fit an int32 label, and is a name
# A part of a data set: `train`, CycleGAN's `testA`, COCO's `val2017`, `test_images`.
PART = re.compile(
    r"((?P<learn>train(ing)?)|test(ing)?|val(id(ation)?)?|dev|eval)"
    r"([ _.-]*(a|b|\d{4}|images?|imgs?|set|data|split))?",
    re.IGNORECASE,
)

Classes = tuple[Labels, tuple[str, ...]]  # a label for each image, names by label


def by_folder(names: Sequence[str], spec: str) -> Classes:
    """Takes the first folder of each path for a class.

    Folders whose names all are numbers are their own labels; others count in the order of names.

    Raises:
      InputError: two folders would be one label, or there are parts of a data set among them.
    """
    folders = [name.partition("/")[0] if "/" in name else None for name in names]
    known = sorted({name for name in folders if name is not None})
    _check_parts(known, spec)
    are_numbers = all(_is_number(name) for name in known)
    numbers = {name: int(name) if are_numbers else order for order, name in enumerate(known)}
    _check_distinct(numbers, spec)
    labels = np.array([-1 if name is None else numbers[name] for name in folders], np.int32)
    return labels, () if are_numbers else tuple(known)


def by_json(content: bytes, names: Sequence[str], file: str) -> Classes | None:
    """Takes the labels of a `dataset.json`: {"labels": [["a/1.png", 0], ...]}, or null for none.

    Returns:
      Nothing if it is another file of that name.

    Raises:
      InputError: an image has no label, or one that is no whole number.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: expected JSON, found a damaged file ({error})") from error
    if not isinstance(found, dict) or "labels" not in found:
        return None
    if found["labels"] is None:
        return unlabelled(len(names)), ()
    labels = _pairs(found["labels"], file)
    missing = [name for name in names if name not in labels]
    if missing:
        raise InputError(
            f"{file}: expected a label for each image, found none for {missing[0]}"
            + f" and {len(missing) - 1} more" * (len(missing) > 1)
        )
    return np.array([labels[name] for name in names], np.int32), ()


def normal_path(name: str) -> str:
    """A path inside a data set as all systems write it: Windows has backslashes."""
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/")


def _pairs(found: object, file: str) -> dict[str, int]:
    """Returns labels by name."""
    expected = f'{file}: expected "labels" of pairs such as ["a/1.png", 0]'
    if not isinstance(found, list):
        raise InputError(f"{expected}, found {type(found).__name__}")
    labels: dict[str, int] = {}
    for pair in found:
        match pair:
            case [str(name), int(label)] if type(label) is int and 0 <= label < 2**31:
                known = labels.setdefault(normal_path(name), label)
                if known != label:
                    raise InputError(f"{file}: {name} is {known} there and also {label}")
            case _:
                raise InputError(f"{expected}, found {json.dumps(pair)[:80]}")
    return labels


def _check_parts(folders: Sequence[str], spec: str) -> None:
    """Refuses `train/` and `test/` as classes: the classes are inside, the parts are not one.

    A class may be called like a part (a train is one), but not beside another kind of part.
    """
    found = {name: PART.fullmatch(name) for name in folders}
    parts = [name for name, part in found.items() if part]
    learn = [name for name, part in found.items() if part and part["learn"]]
    if parts and (parts == list(folders) or 0 < len(learn) < len(parts)):
        raise InputError(
            f"{spec}: expected folders of classes, found parts of a data set,"
            f" {' and '.join(parts)}: name one of them: {spec.rstrip('/')}/{(learn or parts)[0]}"
        )


def _check_distinct(numbers: dict[str, int], spec: str) -> None:
    """Refuses two names of one number."""
    names: dict[int, str] = {}
    for name, number in numbers.items():
        other = names.setdefault(number, name)
        if other != name:
            raise InputError(
                f"{spec}: expected a label for each folder, found {other} and {name}, which are"
                f" both label {number}: rename one of them, for example to x{name}"
            )


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) <= MAX_DIGITS
