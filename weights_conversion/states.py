"""Finds one network's arrays in what a file holds: below keys, and behind what all names share.

A network is known by its sign, the name of an array that no other network of its format has. What
stands before the sign is a prefix, such as DataParallel's `module.`; the dictionaries around it are
its place, such as `state_dict` or `model.G_ema`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minegan_jax.errors import InputError

DEPTH = 3  # of dictionaries around a network's arrays
WRAPPERS = ("module", "_orig_mod")  # parts of names by which wrapped networks say so
SEPARATORS = "./"  # of PyTorch's names, and of Chainer's
OURS = "/kernel"  # the end of a name in this project's own files
KEY = "where the network is in a file that holds several, such as G_ema"

Arrays = dict[str, np.ndarray]
Sign = Sequence[str]  # names, one of which a network has


class State(NamedTuple):
    """Arrays that belong together."""

    place: str  # the keys and the prefix that lead to them, joined by dots
    arrays: Arrays


def find(saved: Any, sign: Sign, *, file: str, key: str | None = None, usual: str = "") -> Arrays:
    """Returns the arrays of one network by name, without their prefix.

    Args:
      saved: what a file holds: arrays by name, or dictionaries of such.
      sign: of the network.
      file: for messages.
      key: the place that a user asks for, or its last parts; None takes the only network.
      usual: the place in files of this format, if they have several networks.

    Raises:
      InputError: there is no such network, or more than one.
    """
    states = list(_states(saved))
    networks = [network for state in states for network in _signed(state, sign)]
    asked = key or usual
    # A damaged network may lack its sign: what is wrong with it is said when it is converted.
    found = _within(networks, asked) or _within(states, asked)
    if not found and key is None:  # a file of this network alone
        found = _exactly(networks, "")
    if len(found) == 1 and not _is_ours(found[0]):
        return found[0].arrays
    raise InputError(f"{file}: {_complaint(found or networks or states, sign, key, usual)}")


def find_unsigned(saved: Any, *, file: str, key: str | None = None) -> Arrays:
    """Returns the arrays of a network whose format gives its arrays no names of their own.

    Args:
      saved: what a file holds: arrays by name, or dictionaries of such.
      file: for messages.
      key: the place that a user asks for, or its last parts; None takes the only dictionary.

    Raises:
      InputError: there is none, or more than one.
    """
    states = list(_states(saved))
    found = _within(states, key or "")
    if len(found) == 1 and not _is_ours(found[0]):
        return found[0].arrays
    raise InputError(f"{file}: {_complaint(found or states, ('0.weight',), key, 'one network')}")


def holds(saved: Any, sign: Sign) -> bool:
    """Says whether a file holds a network of this sign."""
    return any(True for state in _states(saved) for _ in _signed(state, sign))


def _states(saved: Any, place: str = "", depth: int = 0) -> Iterator[State]:
    """Yields the dictionaries that hold arrays; those of optimizers have numbers as keys."""
    if not isinstance(saved, dict) or depth > DEPTH:
        return
    named = {name: value for name, value in saved.items() if isinstance(name, str)}
    arrays = {name: value for name, value in named.items() if isinstance(value, np.ndarray)}
    if arrays:
        yield State(place, arrays)
    for name, value in named.items():
        yield from _states(value, _joined(place, name), depth + 1)


def _signed(state: State, sign: Sign) -> Iterator[State]:
    """Yields the networks of this sign in a dictionary; each has the names of one prefix."""
    for prefix in prefixes(state.arrays, sign):
        inside = {
            name.removeprefix(prefix): array
            for name, array in state.arrays.items()
            if name.startswith(prefix)
        }
        yield State(_joined(state.place, prefix), inside)


def prefixes(names: Iterable[str], sign: Sign) -> list[str]:
    """Returns the prefixes that stand before a sign among names."""
    before = (name.removesuffix(end) for name in names for end in sign if name.endswith(end))
    return list(dict.fromkeys(p for p in before if not p or p[-1] in SEPARATORS))


def _joined(place: str, more: str) -> str:
    """Returns the place of something inside a place, without the names of wrappers."""
    parts = [*place.split("."), *more.rstrip(SEPARATORS).split(".")]
    return ".".join(part for part in parts if part and part not in WRAPPERS)


def _within(states: list[State], key: str) -> list[State]:
    """Returns the state dict at a place, or else those below it or ending with it."""
    if not key:
        return states
    return _exactly(states, key) or [s for s in states if f".{key}." in f".{s.place}."]


def _exactly(states: list[State], place: str) -> list[State]:
    """Returns the state dict at a place."""
    return [state for state in states if state.place == place]


def _is_ours(state: State) -> bool:
    """Says whether arrays have the names of this project."""
    return any(name.endswith(OURS) for name in state.arrays)


def _complaint(states: list[State], sign: Sign, key: str | None, usual: str) -> str:
    """Says why none of these is the network."""
    if any(map(_is_ours, states)):
        return "already converted: expected published weights; --config.sources takes its folder"
    places = ", ".join(state.place or "arrays without a key" for state in states[:8])
    if not states:
        return f"expected arrays by name, such as {sign[0]}, found none"
    if key is not None:
        return f"--key={key}: expected one of {places}"
    known = any(prefixes(state.arrays, sign) for state in states)
    hint = ": --key= chooses" if known else f", none of them with {sign[0]}"
    return f"expected {usual or 'one network'}, found {places}{hint}"
