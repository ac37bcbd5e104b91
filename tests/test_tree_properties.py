"""Trees of any depth and names: their paths, digests and files."""

import functools
import operator

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minegan_jax import trees, weights
from minegan_jax.errors import InputError

NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1)
LEAVES = arrays.arrays(
    st.sampled_from([np.float32, np.float16, np.int32, np.uint64]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


def nested(branches):
    return st.dictionaries(NAMES, LEAVES | branches, min_size=1, max_size=4)


TREES = st.recursive(st.dictionaries(NAMES, LEAVES, min_size=1, max_size=4), nested, max_leaves=6)


def assert_same(found, expected):
    """Equal in structure, types and bits, NaN among them."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def reversed_order(tree):
    """The same tree, filled the other way round."""
    if not isinstance(tree, dict):
        return tree
    return {name: reversed_order(part) for name, part in reversed(tree.items())}


@settings(max_examples=30)
@given(TREES)
def test_a_tree_is_its_named_leaves(tree):
    assert_same(trees.from_named_leaves(trees.named_leaves(tree)), tree)


@settings(max_examples=30)
@given(TREES)
def test_a_label_lies_where_its_leaf_lies(tree):
    """What a path decides reaches the leaf of that path."""
    labels = trees.labelled(str.upper, tree)
    assert jax.tree.structure(labels) == jax.tree.structure(tree)
    assert trees.by_path(labels) == {path: path.upper() for path in trees.by_path(tree)}
    for path, leaf in trees.by_path(tree).items():
        assert functools.reduce(operator.getitem, path.split("/"), tree) is leaf


@settings(max_examples=10)
@given(TREES)
def test_a_file_gives_a_tree_back(tmp_path_factory, tree):
    file = tmp_path_factory.mktemp("tree") / "tree.safetensors"
    digest = weights.save_tree(file, tree)
    assert_same(weights.load_tree(file, digest), tree)
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    with pytest.raises(InputError, match="damaged"):
        weights.load_tree(file, digest)


@settings(max_examples=30)
@given(TREES)
def test_shapes_and_counts_are_those_of_the_leaves(tree):
    shapes = trees.named_shapes(tree)
    assert shapes == trees.named_shapes(jax.eval_shape(lambda: tree))
    assert sum(np.prod(shape, dtype=int) for shape in shapes.values()) == trees.count_parameters(
        tree
    )


@settings(max_examples=30)
@given(TREES)
def test_a_digest_is_of_the_content_alone(tree):
    assert trees.digest(tree) == trees.digest(reversed_order(tree))


@settings(max_examples=30)
@given(TREES, st.data())
def test_every_change_changes_the_digest(tree, data):
    named = trees.named_leaves(tree)
    path = data.draw(st.sampled_from(sorted(named)))
    leaf, change = named.pop(path), data.draw(st.sampled_from(["bit", "name", "shape", "type"]))
    changed = leaf
    if change == "bit":
        assume(leaf.size)
        raw = bytearray(leaf.tobytes())
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        changed = np.frombuffer(bytes(raw), leaf.dtype).reshape(leaf.shape)
    elif change == "shape":
        changed = leaf[None]
    elif change == "type":
        changed = leaf.view({2: np.int16, 4: np.uint32, 8: np.int64}[leaf.itemsize])
    name = f"{path}x" if change == "name" else path
    assume(name not in named)
    assert trees.digest({**named, name: changed}) != trees.digest(tree)
