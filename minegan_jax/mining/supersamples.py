"""Supersamples: one image of every source, of which only the best counts (section 3.3).

With all images in the losses the critic could not assess how often each kind of image occurs, so
only the one that the critic values most gets there, eqs. 5 and 6. Two passes keep that cheap:
`choose` makes and scores all K x N images without a gradient, `remake` gives the K chosen ones
their gradient. N sources cost N generator and critic passes and about three more, not 3 N.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from minegan_jax.mining.miner import class_drawn
from minegan_jax.types import Images, Key, Latents, Params, Scores, SuperScores

AllLatents = tuple[Float[Array, "batch _"], ...]  # u of each source, of its own length
BLOCK = 8  # images of one source that go back through it together


def _as_they_are(source: int, weights: Params) -> Params:
    """Leaves a generator's weights alone, where devices do not share them."""
    del source
    return weights


class Cast(NamedTuple):
    """The functions of (params, input) that take part in a game.

    A generator takes what its miner gives: a latent, or one with what stands for its class.
    """

    miners: tuple[Callable[[Params, Latents], Any], ...]
    generators: tuple[Callable[[Params, Any], Images], ...]
    critic: Callable[..., Scores]  # of (params, images), and their labels where it is told them
    view: Callable[[Images], Images]  # how the critic sees images of any source
    output: Callable[[Images], Images]  # how they are handed out
    latent_sizes: tuple[int, ...]  # length of each source's u
    classed: tuple[int, ...] = ()  # sources whose u ends in the number that names a class
    whole: Callable[[int, Params], Params] = _as_they_are  # one generator, of which we have parts
    num_classes: int = 0  # of labels that the critic is told; 0 for a label-free critic
    group: int = 1  # images that the critic compares


class Lots(NamedTuple):
    """The random numbers of K supersamples."""

    latents: tuple[Float[Array, "*places _"], ...]  # u of each source, from N(0, I)
    explores: Float[Array, "*places"]  # uniform in [0, 1]
    ranks: Float[Array, "*places sources"]  # uniform in [0, 1]; the largest wins among equals


def draw_lots(key: Key, shape: tuple[int, ...], latent_sizes: tuple[int, ...]) -> Lots:
    """Draws the random numbers of as many supersamples as `shape` has places."""
    *keys, key_explores, key_ranks = jax.random.split(key, len(latent_sizes) + 2)
    pairs = zip(keys, latent_sizes, strict=True)
    return Lots(
        latents=tuple(jax.random.normal(key, (*shape, size)) for key, size in pairs),
        explores=jax.random.uniform(key_explores, shape),
        ranks=jax.random.uniform(key_ranks, (*shape, len(latent_sizes))),
    )


def asked_for(cast: Cast, lots: Lots) -> tuple[Int[Array, "batch"], ...]:
    """Returns the class of each fake, or nothing where the critic is not told any."""
    if not cast.num_classes:
        return ()
    return (class_drawn(lots.latents[0][:, -1], cast.num_classes),)


class Chosen(NamedTuple):
    """The images of a minibatch that reach the losses."""

    images: Images
    sources: Int[Array, "supersamples"]  # where each comes from
    winners: Int[Array, "supersamples"]  # where the most valued of each supersample comes from


def choose(
    cast: Cast,
    critic: Params,
    players: Params,
    lots: Lots,
    *,
    allowed: Bool[Array, "sources"] | None = None,
    exploration: Float[Array, ""] | float = 0.0,
) -> Chosen:
    """Makes K supersamples and keeps of each the image that the critic values most.

    Sources that always lose would never learn, so that a share of the supersamples picks its image
    by lot. That does not touch `winners`, from which the selector learns.

    Args:
      cast: the networks.
      critic: its weights.
      players: the weights of `miners` and `generators`, one tree per source.
      lots: the random numbers.
      allowed: sources that may win; the others make no image. None allows all.
      exploration: the share picked by lot, in [0, 1].
    """
    if len(lots.latents) == 1:  # nothing to choose, so nothing to score
        fake = _image_of(cast, 0, {}, _only(cast, players, 0), lots.latents[0])
        zeros = jnp.zeros(len(fake), jnp.int32)
        return Chosen(fake, zeros, zeros)
    allowed = jnp.ones(len(lots.latents), bool) if allowed is None else allowed
    fakes, scores = contest(cast, critic, players, lots.latents, allowed)
    best = scores == scores.max(axis=1, keepdims=True)
    explores = (lots.explores < exploration)[:, None] & allowed[None]
    winners, sources = (
        jnp.where(eligible, lots.ranks, -1.0).argmax(axis=1) for eligible in (best, best | explores)
    )
    chosen = fakes[0]
    for i, fake in enumerate(fakes[1:], start=1):
        chosen = jnp.where((sources == i)[:, None, None, None], fake, chosen)
    return Chosen(chosen, sources, winners)


def contest(
    cast: Cast,
    critic: Params,
    players: Params,
    latents: AllLatents,
    allowed: Bool[Array, "sources"],
) -> tuple[list[Images], SuperScores]:
    """Returns the images of each source and what the critic says of them.

    A source that is not allowed costs nothing: its images are black, its scores minus infinity.
    """

    def play(source: int) -> tuple[Images, Scores]:
        u = latents[source]
        fake = _image_of(cast, source, {}, _only(cast, players, source), u)
        return fake, cast.critic(critic, fake)

    def sit_out(source: int) -> tuple[Images, Scores]:
        fake, scores = jax.eval_shape(partial(play, source))
        return jnp.zeros(fake.shape, fake.dtype), jnp.full(scores.shape, -jnp.inf, scores.dtype)

    results = [
        jax.lax.cond(allowed[i], partial(play, i), partial(sit_out, i)) for i in range(len(latents))
    ]
    fakes, scores = zip(*results, strict=True)
    return list(fakes), jnp.stack(scores, axis=1)


def remake(
    cast: Cast, moving: Params, frozen: Params, latents: AllLatents, chosen: Chosen
) -> tuple[Images, Callable[[Images], Params]]:
    """Returns the chosen images, and what takes a change of them back to the weights that move.

    As `jax.vjp` would, but it goes back through each source in blocks of the images that were
    chosen from it, and through nothing else.
    """
    if len(latents) == 1:
        make = partial(_image_of, cast, 0, _only(cast, frozen, 0))
        fake, back_through = jax.vjp(lambda w: make(w, latents[0]), _only(cast, moving, 0))
        return fake, lambda change: _by_player([back_through(change)[0]])

    def back(change: Images) -> Params:
        return _by_player(
            [
                _back_through_one(
                    partial(_image_of, cast, i, _only(cast, frozen, i)),
                    _only(cast, moving, i),
                    u,
                    change,
                    chosen.sources == i,
                )
                for i, u in enumerate(latents)
            ]
        )

    return chosen.images, back


def _image_of(cast: Cast, source: int, frozen: Params, moving: Params, latents: Latents) -> Images:
    """Returns G_i(M_i(u)) from the weights of source i alone."""
    weights = {**frozen, **moving}
    mined = cast.miners[source](weights["miners"], latents)
    return cast.view(cast.generators[source](weights["generators"], mined))


def _back_through_one(
    make: Callable[[Params, Latents], Images],
    moving: Params,
    latents: Latents,
    change: Images,
    mine: Bool[Array, "supersamples"],
) -> Params:
    """Takes the change of one source's own images back, a block at a time, and skips the rest."""
    missing = -len(latents) % BLOCK
    order = jnp.argsort(~mine, stable=True)  # its own images first
    latents = jnp.pad(latents[order], ((0, missing), (0, 0)))
    change = jnp.where(mine[:, None, None, None], change, 0.0)[order]
    change = jnp.pad(change, ((0, missing), (0, 0), (0, 0), (0, 0)))

    def add_block(block: Int[Array, ""], total: Params) -> Params:
        u, du = (jax.lax.dynamic_slice_in_dim(x, block * BLOCK, BLOCK) for x in (latents, change))
        _, back = jax.vjp(lambda weights: make(weights, u), moving)
        return jax.tree.map(jnp.add, total, back(du)[0])

    num_blocks = -(-mine.sum() // BLOCK)
    return jax.lax.fori_loop(0, num_blocks, add_block, jax.tree.map(jnp.zeros_like, moving))


def _only(cast: Cast, players: Params, source: int) -> Params:
    """Returns one source's weights of each kind of player, whole."""
    weights = {name: trees[source] for name, trees in players.items()}
    if "generators" in weights:
        weights["generators"] = cast.whole(source, weights["generators"])
    return weights


def _by_player(sources: list[Params]) -> Params:
    """Turns what is sorted by source into what is sorted by kind of player."""
    return {name: tuple(source[name] for source in sources) for name in sources[0]}
