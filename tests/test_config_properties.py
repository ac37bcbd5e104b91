"""Configs of any values: they come back from JSON as they were, and wrong names are put right."""

import dataclasses
import difflib
import json
import typing
from types import NoneType

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minegan_jax import setting
from minegan_jax.config import (
    FIELDS,
    default_config,
    from_config_dict,
    from_values,
    nested,
    value_of,
)
from minegan_jax.errors import InputError

WORDS = st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=1, max_size=8)
NUMBERS_OR_NAMES = st.integers(0, 999) | WORDS.filter(lambda word: not word.isdecimal())
BIGGEST = 2**40  # of whole numbers without an end of their own


def numbers(kind, limits):
    """Numbers of a field's range."""
    if kind is int:
        return st.integers(int(limits.low), int(min(limits.high, BIGGEST)))
    return st.floats(
        limits.low,
        min(limits.high, 1e300),
        exclude_min=limits.without_low,
        exclude_max=limits.without_high,
    )


def of_kind(name, kind):
    """Values of one type that a field may have."""
    if kind in (int, float):
        return numbers(kind, FIELDS[name].metadata["allowed"] or setting.Range(-BIGGEST))
    others = {bool: st.booleans(), str: WORDS, NoneType: st.none(), int | str: NUMBERS_OR_NAMES}
    return others[kind]


def values_of(name):
    """Values that a field may have."""
    kind, allowed = FIELDS[name].kind, FIELDS[name].metadata["allowed"]
    if isinstance(allowed, setting.OneOf):
        one = st.sampled_from(allowed.values)
        return st.lists(one, max_size=3).map(tuple) if kind == tuple[str, ...] else one
    if typing.get_origin(kind) is tuple:
        return st.lists(of_kind(name, typing.get_args(kind)[0]), max_size=3).map(tuple)
    return st.one_of([of_kind(name, each) for each in typing.get_args(kind) or (kind,)])


SOME = st.sets(st.sampled_from(sorted(FIELDS)), max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: values_of(name) for name in sorted(names)})
)


def refusal(values):
    """The one line with which values are refused."""
    with pytest.raises(InputError) as caught:
        from_values(values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=5)
@given(data=st.data())
def test_every_field_keeps_what_it_is_given(name, data):
    value = data.draw(values_of(name))
    found = value_of(from_values({name: value}), name)
    assert (found, type(found)) == (value, type(value))


@given(SOME)
def test_json_gives_a_config_back(values):
    config = from_values(values)
    written = json.dumps(dataclasses.asdict(config))
    assert from_values(json.loads(written)) == config
    assert json.dumps(dataclasses.asdict(from_values(json.loads(written)))) == written


@given(SOME)
def test_a_config_dict_gives_a_config_back(values):
    overridden = default_config()
    overridden.update(nested(values))
    assert from_config_dict(overridden) == from_values(values)


def slipped(name, place, slip, letter):
    """A name as fingers slip: a letter too few, too many, another, or two turned round."""
    place %= len(name)
    before, at, after = name[:place], name[place], name[place + 1 :]
    return {
        "missing": before + after,
        "twice": before + at + at + after,
        "another": before + letter + after,
        "turned": before + after[:1] + at + after[1:],
    }[slip]


@given(
    st.sampled_from(sorted(FIELDS)),
    st.integers(0, 40),
    st.sampled_from(["missing", "twice", "another", "turned"]),
    st.sampled_from("abcdefghijklmnopqrstuvwxyz_"),
)
def test_a_slip_is_put_right(name, place, slip, letter):
    section, dot, last = name.rpartition(".")
    wrong = f"{section}{dot}{slipped(last, place, slip, letter)}"
    assume(wrong not in FIELDS)
    said = refusal({wrong: FIELDS[name].default})
    meant = said.rpartition("did you mean ")[2].partition(" or ")[0].strip("'?")
    assert meant in FIELDS, said

    def alike(field):
        return difflib.SequenceMatcher(None, field, wrong).ratio()

    assert alike(meant) >= alike(name)  # mostly it is the name itself


@given(st.text(max_size=30), st.none() | st.integers() | st.text())
def test_other_names_are_refused_in_one_line(name, value):
    assume(name not in FIELDS)
    assert "unknown config field" in refusal({name: value})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(
    SCALARS, lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts), max_leaves=4
)


@given(st.sampled_from(sorted(FIELDS)), ANYTHING)
def test_any_value_is_taken_or_refused_in_one_line(name, value):
    said = ""
    try:
        config = from_values({name: value})
        assert from_values(dataclasses.asdict(config)) == config
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    assert not said or name in said
