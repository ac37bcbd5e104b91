"""The second part of `accelerator.py`: how long our steps take, and what they take up.

A step is timed as training runs it, the players' turn also by itself; the rest of a step is the
critic's turns. Rows of one process share their untrained sources.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from accelerator_right import Figures, alone
from accelerator_settings import TIMED
from cases import Case, flops_by_hand, miner_shape, planned_bytes, state_of
from timing import fresh_batch, fresh_source, medians

from minegan_jax import trees
from minegan_jax.config import from_values
from minegan_jax.mining import turns
from minegan_jax.mining.game import GameState
from minegan_jax.mining.method import TransferMethod
from minegan_jax.mining.minegan import critic_of, mine
from minegan_jax.mining.settings import GameSettings
from minegan_jax.nets import convolution, family
from minegan_jax.sources import Source
from minegan_jax.training import devices

# Of matrix products and convolutions; then of the networks' numbers. "tf32" is JAX's default, which
# an accelerator without that reads in its own way.
PRECISIONS = {
    "tf32": (None, "float32"),
    "bfloat16": (None, "bfloat16"),
    "float32": ("highest", "float32"),
}
ROUNDS = 5
ROUND_SECONDS = 0.3  # steps of one round take about as long
MATRIX = 8192


def case_of(name: str, *, tiny: bool) -> Case:
    """Returns the step that is timed under a name."""
    return TIMED[name].tiny if tiny else TIMED[name].case


def settings_of(case: Case, precision: str, *, penalty: bool = True) -> GameSettings:
    """Returns a game's settings; without a penalty the loss is the hinge, which can do without."""
    without = {"game.loss": "hinge", "game.penalty_weight": 0.0}
    values = {
        "run.batch_size": case.part,
        "game.critic_steps": case.turns,
        "run.precision": PRECISIONS[precision][1],
        **({} if penalty else without),
    }
    return from_values(values).game_settings()


@functools.cache
def source_of(name: str, tiny: bool) -> Source:
    """Returns the source of which a step mines one or more, untrained."""
    case = case_of(name, tiny=tiny)
    return fresh_source(case.family, **case.arguments)


def method_of(name: str, precision: str, *, penalty: bool = True, tiny: bool) -> TransferMethod:
    """Returns the mining that a step is of."""
    case, source = case_of(name, tiny=tiny), source_of(name, tiny)
    critic = critic_of(source, alone=case.num_sources > 1)
    shape = miner_shape(case, source.networks)
    settings = settings_of(case, precision, penalty=penalty)
    return mine([source] * case.num_sources, settings, shape, critic)


def prepared(name: str, *, penalty: bool = True, tiny: bool) -> Figures:
    """Returns what is known of a step before it runs: its flops by hand, its state's bytes."""
    case = case_of(name, tiny=tiny)
    networks = family.build(case.family, {"resolution": 28, "channels": 1, **case.arguments})
    state = state_of(case, "mine", settings_of(case, "float32"), networks)
    leaves = jax.tree.leaves(state)
    return {
        "batch_size": case.part,
        "critic_turns": case.turns,
        "sources": case.num_sources,
        "flops_by_hand": flops_by_hand(case, "mine", networks, penalty=penalty),
        "parameters": trees.count_parameters(state.params),
        "state_bytes": sum(leaf.size * leaf.dtype.itemsize for leaf in leaves),
    }


def median_seconds(run: Callable[[], Any]) -> float:
    """Returns the median time of a call, of which several wait for their last result together."""
    start = time.perf_counter()
    jax.block_until_ready(run())
    count = max(1, int(ROUND_SECONDS / (time.perf_counter() - start)))

    def several() -> None:
        for _ in range(count - 1):
            run()
        jax.block_until_ready(run())

    return medians({"run": several}, ROUNDS)["run"] / count


def peak(*, tiny: bool) -> Figures:
    """Returns the flops a second of a large matrix product in each precision."""
    size = 256 if tiny else MATRIX
    numbers = jax.random.normal(jax.random.key(0), (2, size, size))
    figures = {}
    for name, (matmul, dtype) in PRECISIONS.items():
        left, right = numbers.astype(dtype)
        with jax.default_matmul_precision(matmul):
            product = jax.jit(jnp.matmul).lower(left, right).compile()
        taken = median_seconds(functools.partial(product, left, right))
        figures[name] = 2.0 * size**3 / taken
    return {"matrix": size, "flops_per_second": figures}


@contextlib.contextmanager
def own_derivatives(kept: bool) -> Iterator[None]:
    """Lets convolutions have our derivatives, or XLA's own."""
    if kept:
        yield
        return
    with mock.patch.object(convolution, "_convolve", convolution._one_by_one):
        yield


class Step:
    """A compiled step, its first state on the host, and the state that it moves on."""

    def __init__(self, method: TransferMethod, batch: Any) -> None:
        """Compiles it for one device; every step trains on `batch`."""
        self.learner, self.batch = method.learner, batch
        self.mesh = devices.make_mesh(len(batch.images), jax.devices()[:1])
        self.first = jax.device_get(self.learner.init(None, jax.random.key(1)))
        self.state = self.placed()
        program = devices.compile_step(self.learner, self.mesh)
        start = time.perf_counter()
        self.compiled = program.lower(self.state, batch, jax.random.key(2)).compile()
        self.compile_seconds = time.perf_counter() - start

    def placed(self) -> GameState:
        """Copies the first state to the device."""
        return devices.place(self.learner, self.first, self.mesh)

    def __call__(self, key: jax.Array) -> Any:
        """Takes one; returns its metrics."""
        self.state, metrics = self.compiled(self.state, self.batch, key)
        return metrics

    def again(self, key: jax.Array) -> tuple[Any, GameState]:
        """Takes the first step from the start; returns metrics and state on the host."""
        self.state = self.placed()
        return jax.device_get((self(key), self.state))


def players_seconds(method: TransferMethod, state: GameState) -> float:
    """Times the players' turn by itself."""
    game = method.learner.step.args[0]  # what `adversarial.step` plays
    noise = method.learner.draw(jax.random.key(3)).players
    turn = jax.jit(lambda state, noise: turns.players_turn(game, state, alone, noise=noise))
    return median_seconds(functools.partial(turn.lower(state, noise).compile(), state, noise))


def equal_bits(one: GameState, other: GameState) -> bool:
    """Says whether two states on the host are the same."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(left, right) for left, right in pairs)


def time_step(
    peaks: Mapping[str, Any] | None,
    name: str,
    precision: str,
    *,
    penalty: bool = True,
    own: bool = True,
    tiny: bool,
) -> Figures:
    """Compiles a step and times it.

    Args:
      peaks: the figures of `peak`, if there are any.
      name: a key of `TIMED`.
      precision: a key of `PRECISIONS`.
      penalty: whether the critic's slope counts.
      own: whether convolutions have the derivatives of `nets/convolution.py`, or XLA's.
      tiny: for a rehearsal.
    """
    case, matmul = case_of(name, tiny=tiny), PRECISIONS[precision][0]
    method = method_of(name, precision, penalty=penalty, tiny=tiny)
    networks = source_of(name, tiny).networks
    batch = fresh_batch(case.part, case.turns, networks.resolution, networks.channels)
    with own_derivatives(own), jax.default_matmul_precision(matmul):
        step = Step(method, batch)
        (metrics, one), (_, other) = step.again(jax.random.key(3)), step.again(jax.random.key(3))
        taken = median_seconds(lambda: step(jax.random.key(4)))
        players = players_seconds(method, step.state)
    known = prepared(name, penalty=penalty, tiny=tiny)
    memory, flops = jax.devices()[0].memory_stats() or {}, known["flops_by_hand"] / taken
    return {
        "step_seconds": taken,
        "players_turn_seconds": players,
        "critic_turn_seconds": (taken - players) / case.turns,
        "real_images_per_second": case.part * case.turns / taken,
        "share_of_peak": flops / peaks["flops_per_second"][precision] if peaks else None,
        "compile_seconds": step.compile_seconds,
        "planned_bytes": planned_bytes(step.compiled),
        "peak_bytes_of_process": memory.get("peak_bytes_in_use"),
        "twice_equal": equal_bits(one, other),
        "first_losses": [float(metrics[loss]) for loss in ("critic_loss", "players_loss")],
        **known,
    }
