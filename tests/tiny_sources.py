"""The smallest source of each family, and which of its leaves differ."""

import jax
import numpy as np

from minegan_jax import sources, trees
from minegan_jax.nets import family

CLASSES = {"channels": 3, "num_classes": 3, "embedding_size": 2}
ARGUMENTS = {
    "progan": {"resolution": 16, "channels": 1, "width": 2, "latent_size": 4},
    "sngan": {"resolution": 8, "channels": 3, "width": 2, "latent_size": 4, "num_classes": 3},
    "biggan": {
        **{"resolution": 8, "width": 2, "latent_size": 4, "attention": [0]},
        **{"critic_width": 2, "critic_attention": [0], **CLASSES},
    },
    "biggan_deep": {
        **{"resolution": 8, "width": 4, "latent_size": 4, "attention": 0},
        **{"blocks": [[1, 4, 2]], **CLASSES},
    },
    "dcgan_stack": {"resolution": 8, "channels": 3, "width": 4, "latent_size": 4},
    "stylegan2": {
        **{"resolution": 8, "channels": 1, "width": 4, "latent_size": 4, "mapping_layers": 2},
        "minibatch_stddev_group": 1,
    },
    "mobilestylegan": {"resolution": 16, "channels": 3, "width": 4, "latent_size": 4},
    "dcgan": {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4, "num_classes": 3},
}


def save_source(directory, name, **changes):
    """Writes a source of fresh weights; returns its directory."""
    arguments = {**ARGUMENTS.get(name, {}), **changes}
    generator, critic = family.build(name, arguments).init(jax.random.key(0))
    params = {"generator": generator, "critic": critic} if critic else {"generator": generator}
    description = {"name": directory.name, "family": name, "arguments": arguments}
    sources.save_source(directory, params, description)
    return directory


def moved(before, after):
    """The paths of the leaves that differ."""
    old, new = trees.named_leaves(before), trees.named_leaves(after)
    assert old.keys() == new.keys()
    return {path for path in old if not np.array_equal(old[path], new[path])}


def named(params, names):
    """The paths of the leaves of these names."""
    return {path for path in trees.named_leaves(params) if path.rpartition("/")[2] in names}
