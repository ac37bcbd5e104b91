"""Supersamples: one image of every source, of which only the best counts (section 3.3).

With all images in the losses the critic could not assess how often each kind of image occurs, so
only the one that the critic values most gets there, eqs. 5 and 6. Two passes keep that cheap:
`select_fakes` makes and scores all K x N images without a gradient, `vjp_of_selected` gives the K
selected ones theirs. N sources cost N generator and critic passes and about three more, not 3 N.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from minegan_jax.mining.augment import Numbers, augment, draw_numbers
from minegan_jax.mining.noise import Noise, NoiseShape, sample_noise
from minegan_jax.mining.view import View
from minegan_jax.types import Images, Key, Params, Scores, SuperScores

Given = tuple[Noise, Numbers]  # what an image of one source is made of: u, and its augmentation
BLOCK = 8  # images of one source that go back through it together


def _as_they_are(source: int, weights: Params) -> Params:
    """Leaves a generator's weights alone, where devices do not share them."""
    del source
    return weights


class GameNetworks(NamedTuple):
    """The networks of a game, as functions.

    A miner, of (its params, its generator's, u), gives what the generator, of (params, that),
    takes: a latent, or one with what stands for its class, or a w that the generator made of these.
    """

    miners: tuple[Callable[[Params, Params, Noise], Any], ...]
    generators: tuple[Callable[[Params, Any], Images], ...]
    critic: Callable[..., Scores]  # of (params, images), and their labels where it is told them
    view: View  # how images get to the critic, to the measures and to a user
    noise: tuple[NoiseShape, ...]  # u of each source
    all_gather: Callable[[int, Params], Params] = (
        _as_they_are  # one generator, of which we have parts
    )
    num_classes: int = 0  # of labels that the critic is told; 0 for a label-free critic
    group: int = 1  # images that the critic compares
    policies: tuple[str, ...] = ()  # of DiffAugment, before the critic sees an image
    truncates: tuple[bool, ...] = ()  # whether each generator takes truncation=, for sampling


class SupersampleNoise(NamedTuple):
    """The random numbers of K supersamples."""

    u: tuple[Noise, ...]  # of each source
    augment: Float[Array, "*places 7"]  # how the critic sees its images, see `mining.augment`
    explores: Float[Array, "*places"]  # uniform in [0, 1]
    tie_breakers: Float[Array, "*places sources"]  # uniform in [0, 1]; the largest wins a tie


def sample_supersample_noise(
    key: Key, places: tuple[int, ...], shapes: tuple[NoiseShape, ...]
) -> SupersampleNoise:
    """Draws the random numbers of as many supersamples as there are places."""
    *keys, key_explores, key_ranks = jax.random.split(key, len(shapes) + 2)
    key_augment = jax.random.fold_in(key, 0)
    pairs = zip(keys, shapes, strict=True)
    return SupersampleNoise(
        u=tuple(sample_noise(key, places, shape) for key, shape in pairs),
        augment=draw_numbers(key_augment, places),
        explores=jax.random.uniform(key_explores, places),
        tie_breakers=jax.random.uniform(key_ranks, (*places, len(shapes))),
    )


def inputs_by_source(noise: SupersampleNoise) -> tuple[Given, ...]:
    """Returns the inputs of each source: its u, and the numbers of the supersamples."""
    return tuple((u, noise.augment) for u in noise.u)


def labels_of(networks: GameNetworks, noise: SupersampleNoise) -> tuple[Int[Array, "batch"], ...]:
    """Returns the class of each fake, or nothing where the critic is not told any."""
    if not networks.num_classes:
        return ()
    labels = noise.u[0].labels
    assert labels is not None
    return (labels,)


class SelectedFakes(NamedTuple):
    """The images of a minibatch that reach the losses."""

    images: Images
    sources: Int[Array, "supersamples"]  # where each comes from
    winners: Int[Array, "supersamples"]  # where the most valued of each supersample comes from


def select_fakes(
    networks: GameNetworks,
    critic: Params,
    players: Params,
    noise: SupersampleNoise,
    *,
    allowed: Bool[Array, "sources"] | None = None,
    exploration: Float[Array, ""] | float = 0.0,
) -> SelectedFakes:
    """Makes K supersamples and keeps of each the image that the critic values most.

    Sources that always lose would never learn, so that a share of the supersamples picks its image
    at random. That does not touch `winners`, from which the selector learns.

    Args:
      networks: the networks.
      critic: its weights.
      players: the weights of `miners` and `generators`, one tree per source.
      noise: the random numbers.
      allowed: sources that may win; the others make no image. None allows all.
      exploration: the share picked at random, in [0, 1].
    """
    if len(noise.u) == 1:  # nothing to choose, so nothing to score
        fake = _image_of(networks, 0, {}, _only(networks, players, 0), inputs_by_source(noise)[0])
        zeros = jnp.zeros(len(fake), jnp.int32)
        return SelectedFakes(fake, zeros, zeros)
    allowed = jnp.ones(len(noise.u), bool) if allowed is None else allowed
    fakes, scores = score_sources(networks, critic, players, inputs_by_source(noise), allowed)
    best = scores == scores.max(axis=1, keepdims=True)
    explores = (noise.explores < exploration)[:, None] & allowed[None]
    winners, sources = (
        jnp.where(eligible, noise.tie_breakers, -1.0).argmax(axis=1)
        for eligible in (best, best | explores)
    )
    selected = fakes[0]
    for i, fake in enumerate(fakes[1:], start=1):
        selected = jnp.where((sources == i)[:, None, None, None], fake, selected)
    return SelectedFakes(selected, sources, winners)


def score_sources(
    networks: GameNetworks,
    critic: Params,
    players: Params,
    given: tuple[Given, ...],
    allowed: Bool[Array, "sources"],
) -> tuple[list[Images], SuperScores]:
    """Returns the images of each source and what the critic says of them.

    A source that is not allowed costs nothing: its images are black, its scores minus infinity.
    """

    def score(source: int) -> tuple[Images, Scores]:
        fake = _image_of(networks, source, {}, _only(networks, players, source), given[source])
        return fake, networks.critic(critic, fake)

    def leave_out(source: int) -> tuple[Images, Scores]:
        fake, scores = jax.eval_shape(partial(score, source))
        return jnp.zeros(fake.shape, fake.dtype), jnp.full(scores.shape, -jnp.inf, scores.dtype)

    results = [
        jax.lax.cond(allowed[i], partial(score, i), partial(leave_out, i))
        for i in range(len(given))
    ]
    fakes, scores = zip(*results, strict=True)
    return list(fakes), jnp.stack(scores, axis=1)


def vjp_of_selected(
    networks: GameNetworks,
    trainable: Params,
    frozen: Params,
    given: tuple[Given, ...],
    selected: SelectedFakes,
) -> tuple[Images, Callable[[Images], Params]]:
    """Returns the chosen images, and what takes a change of them back to the weights that move.

    As `jax.vjp` would, but it goes back through each source in blocks of the images that were
    chosen from it, and through nothing else.
    """
    if len(given) == 1:
        make = partial(_image_of, networks, 0, _only(networks, frozen, 0))
        fake, back_through = jax.vjp(lambda w: make(w, given[0]), _only(networks, trainable, 0))
        return fake, lambda change: _by_player([back_through(change)[0]])

    def back(change: Images) -> Params:
        return _by_player(
            [
                _back_through_one(
                    partial(_image_of, networks, i, _only(networks, frozen, i)),
                    _only(networks, trainable, i),
                    each,
                    change,
                    selected.sources == i,
                )
                for i, each in enumerate(given)
            ]
        )

    return selected.images, back


def _image_of(
    networks: GameNetworks, source: int, frozen: Params, trainable: Params, given: Given
) -> Images:
    """Returns G_i(M_i(u)) as the critic sees it, from the weights of source i alone."""
    (noise, numbers), weights = given, {**frozen, **trainable}
    generator = weights["generators"]
    mined = networks.miners[source](weights["miners"], generator, noise)
    images = networks.view.critic[source](networks.generators[source](generator, mined))
    return augment(networks.policies, images, numbers)


def _back_through_one(
    make: Callable[[Params, Given], Images],
    trainable: Params,
    given: Given,
    change: Images,
    mine: Bool[Array, "supersamples"],
) -> Params:
    """Takes the change of one source's own images back, a block at a time, and skips the rest."""
    missing = -len(mine) % BLOCK
    order = jnp.argsort(~mine, stable=True)  # its own images first
    change = jnp.where(mine[:, None, None, None], change, 0.0)
    ordered = jax.tree.map(
        lambda x: jnp.pad(x[order], [(0, missing), *[(0, 0)] * (x.ndim - 1)]), (given, change)
    )

    def add_block(block: Int[Array, ""], total: Params) -> Params:
        some, some_change = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, block * BLOCK, BLOCK), ordered
        )
        _, back = jax.vjp(lambda weights: make(weights, some), trainable)
        return jax.tree.map(jnp.add, total, back(some_change)[0])

    num_blocks = -(-mine.sum() // BLOCK)
    return jax.lax.fori_loop(0, num_blocks, add_block, jax.tree.map(jnp.zeros_like, trainable))


def _only(networks: GameNetworks, players: Params, source: int) -> Params:
    """Returns one source's weights of each kind of player, whole."""
    weights = {name: trees[source] for name, trees in players.items()}
    if "generators" in weights:
        weights["generators"] = networks.all_gather(source, weights["generators"])
    return weights


def _by_player(sources: list[Params]) -> Params:
    """Turns what is sorted by source into what is sorted by kind of player."""
    return {name: tuple(source[name] for source in sources) for name in sources[0]}
