"""The first part of `accelerator.py`: does an accelerator compute what the host does?

Each family's images, scores and one mining step are compared with float64 on the host's CPU, from
the same weights and draws; what samples and measures, with float32 there. Then a step is taken
twice, and once more from its checkpoint, and must be the same bit for bit.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from accelerator_settings import CHECKED
from timing import fresh_batch, fresh_source

from minegan_jax import trees
from minegan_jax.mining.game import GameState
from minegan_jax.mining.method import TransferMethod
from minegan_jax.mining.minegan import Critic, MinerShape, critic_of, mine
from minegan_jax.mining.settings import GameConfig, GameSettings, MinerConfig
from minegan_jax.sources import Source
from minegan_jax.training import devices
from minegan_jax.training.checkpoints import Checkpoints
from minegan_jax.training.settings import RunConfig
from minegan_jax.types import Images, Params, Scores

Figures = dict[str, Any]  # what a row found, ready for JSON
PRECISIONS = {"highest": "highest", "default": None}  # of matrix products and convolutions
CLOSE = 1e-5  # that "highest" must be from float64
BATCH = 4  # images, as many as a ProGAN's critic compares
SMALLEST = 1e-3  # of the largest number of a tree: below it, an array's errors weigh less
SHAPE = MinerShape(depth=2, width=128)


def relative_error(found: Any, expected: Any) -> float:
    """Returns the largest difference, over the largest number of its array.

    Gradients that cancel out, such as that of a last bias, would make any rounding infinite: an
    array counts as having at least a thousandth of the tree's largest number.
    """
    leaves = [
        [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]
        for tree in (found, expected)
    ]
    floor = SMALLEST * max(np.abs(leaf).max() for leaf in leaves[1])
    return max(
        float(np.abs(one - other).max() / max(np.abs(other).max(), floor))
        for one, other in zip(*leaves, strict=True)
    )


def in_precision(tree: Any, dtype: str) -> Any:
    """Returns the tree on the host with its floats, and nothing else, in a precision."""
    return jax.tree.map(
        lambda leaf: np.asarray(leaf, dtype if np.asarray(leaf).dtype.kind == "f" else None), tree
    )


def checked_source(family: str, *, tiny: bool) -> tuple[Source, Critic]:
    """Returns a family's source, and the critic that judges it."""
    row = CHECKED[family]
    source = fresh_source(family, **(row.tiny if tiny else row.arguments))
    if not row.critics_family:
        return source, critic_of(source)
    return source, checked_source(row.critics_family, tiny=tiny)[1]


STILL = GameSettings(  # whose players and critic do not move
    game=GameConfig(critic_steps=1, learning_rate=0.0, critic_learning_rate=0.0, beta1=0.0),
    miner=MinerConfig(learning_rate=0.0),
    run=RunConfig(batch_size=BATCH),
)
MOVING = GameSettings(game=GameConfig(critic_steps=1), run=RunConfig(batch_size=BATCH))


def mining_of(source: Source, critic: Critic, settings: GameSettings) -> TransferMethod:
    """Returns the mining of a source, with images in whatever precision the critic has."""

    def criticise(params: Params, images: Images) -> Scores:
        return critic.criticise(params, images.astype(jax.tree.leaves(params)[0].dtype))

    return mine([source], settings, SHAPE, critic._replace(criticise=criticise))


def alone(tree: Any, parts: Any | None = None) -> Any:
    """Averages over a single device."""
    del parts
    return tree


def compared(source: Source, method: TransferMethod) -> Callable[..., dict[str, Any]]:
    """Returns the function whose values are compared: of (state, batch, draws).

    Where Adam forgets at once, its first moment is the gradient.
    """

    def everything(state: GameState, batch: Any, draws: Any) -> dict[str, Any]:
        (noise,) = draws.players.u
        images = source.networks.generate(state.params["generators"][0], noise.latents)
        after, metrics = method.learner.step(state, batch, draws, alone)
        miners = after.players_optimizer.inner_states["miners"]
        return {
            "images": images,
            "scores": method.score(state, images, len(images)),
            "losses": [metrics["critic_loss"], metrics["players_loss"]],
            "critic_gradient": optax.tree_utils.tree_get(after.critic_optimizer, "mu"),
            "players_gradient": optax.tree_utils.tree_get(miners, "mu"),
        }

    return jax.jit(everything)


def on_host(function: Callable[..., Any], *given: Any, dtype: str) -> Any:
    """Calls a function on the host's CPU in a precision; returns what it gives, there."""
    with jax.enable_x64(dtype == "float64"), jax.default_device(jax.devices("cpu")[0]):
        return jax.device_get(function(*in_precision(given, dtype)))


def check_family(family: str, *, tiny: bool) -> Figures:
    """Compares a family's images, scores, losses and gradients with float64 on the host."""
    source, critic = checked_source(family, tiny=tiny)
    # The critic does not move: its first step goes by the sign of each number of its gradient,
    # and the players would be asked about another critic where one is about 0.
    method = mining_of(source, critic, STILL)
    batch = fresh_batch(BATCH, 1, critic.resolution, critic.channels)
    state = method.learner.init(None, jax.random.key(1))
    given = in_precision((state, batch, method.learner.draw(jax.random.key(2))), "float32")
    function = compared(source, method)
    expected = on_host(function, *given, dtype="float64")
    figures: Figures = {}
    for name, precision in PRECISIONS.items():
        with jax.default_matmul_precision(precision):
            found, again = (jax.device_get(function(*given)) for _ in range(2))
        figures[name] = {part: relative_error(found[part], expected[part]) for part in expected}
        figures[name]["twice_equal"] = trees.digest(found) == trees.digest(again)
    errors = [figures["highest"][part] for part in expected]
    return {**figures, "limit": CLOSE, "within": max(errors) <= CLOSE}


def check_repeats(family: str, *, tiny: bool) -> Figures:
    """Takes a step twice, then goes on from memory and from a checkpoint: the same bits or not."""
    source, critic = checked_source(family, tiny=tiny)
    method = mining_of(source, critic, MOVING)
    learner, mesh = method.learner, devices.make_mesh(BATCH, jax.devices()[:1])
    batch = fresh_batch(BATCH, 1, critic.resolution, critic.channels)
    first = jax.device_get(learner.init(None, jax.random.key(1)))
    put = partial(devices.place, learner, mesh=mesh)
    compiled = devices.compile_step(learner, mesh)
    step = compiled.lower(put(first), batch, jax.random.key(2)).compile()

    def go_on(state: GameState, seed: int) -> GameState:
        return jax.device_get(step(put(state), batch, jax.random.key(seed))[0])

    one, other = go_on(first, 2), go_on(first, 2)
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoints(Path(folder) / "kept")
        kept.save(1, one)
        stored = kept.newest(one)
    assert stored is not None
    resumed = trees.digest(go_on(stored[1], 3)) == trees.digest(go_on(one, 3))
    start = time.perf_counter()
    state = put(first)
    for seed in range(10):
        state, _ = step(state, batch, jax.random.key(seed))
    jax.block_until_ready(state)
    return {
        "twice_equal": trees.digest(one) == trees.digest(other),
        "resumed_equal": resumed,
        "step_seconds": (time.perf_counter() - start) / 10,
    }
