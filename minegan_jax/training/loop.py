"""The only training loop. It knows no method, no data and no file."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax
from jax.sharding import Mesh

from minegan_jax.training import devices, hosts
from minegan_jax.training.learner import Phase, State
from minegan_jax.types import Batch, Metrics


class Progress(NamedTuple):
    """What a hook sees after a step."""

    phase: Phase
    step: int  # steps done in this phase, from 1; 0 in one that has none
    state: State
    metrics: Metrics
    stopped: bool = False  # whether the phase ends early, here

    @property
    def done(self) -> bool:
        """Whether this was the phase's last step."""
        return self.stopped or self.step == self.phase.num_steps


NONE = -1  # in the place of a step where none was kept
Hook = Callable[[Progress], None]
StopFn = Callable[[Progress], bool]  # whether a phase ends early; asked again where a run resumes


def never_stop(progress: Progress) -> bool:
    """Ends no phase early."""
    del progress
    return False


@runtime_checkable
class Store(Protocol):
    """Where the states of one phase are kept."""

    def newest(self, like: State) -> tuple[int, State] | None:
        """Returns the last step kept and its state."""


def run(
    phases: Sequence[Phase],
    batch_at: Callable[[int], Batch],
    *,
    mesh: Mesh,
    seed: int,
    stores: Sequence[Store],
    hooks: Sequence[Hook],
    should_stop: StopFn = never_stop,
) -> list[State]:
    """Trains phase after phase, each from where its store left it.

    Step i of phase p gets batch number (steps of the phases before) + i and a key folded from
    the seed, p and i: a run that was cut and resumed equals one that was not, bit for bit.

    A phase without steps is kept as it starts. One that ends early, where `should_stop` says so, is
    kept as it is then; a resumed run asks again, of the state that was kept.

    Returns:
      The last state of each phase.
    """
    states: list[State] = []
    first_batch = 0
    for number, (phase, store) in enumerate(zip(phases, stores, strict=True)):
        key = jax.random.fold_in(jax.random.key(seed), number)
        state = phase.learner.init(states[-1] if states else None, jax.random.fold_in(key, 0))
        kept, state = hosts.from_primary(partial(_newest, store, state), (NONE, state))
        state = devices.place(phase.learner, state, mesh)
        step = devices.compile_step(phase.learner, mesh)
        start = max(int(kept), 0)
        if kept == NONE and not phase.num_steps:
            _tell(hooks, Progress(phase, 0, state, {}))
        now = Progress(phase, start, state, {})
        now = now._replace(stopped=start > 0 and not now.done and should_stop(now))
        while not now.done:
            batch, drawn = batch_at(first_batch + now.step), jax.random.fold_in(key, now.step + 1)
            now = Progress(phase, now.step + 1, *step(now.state, batch, drawn))
            now = now._replace(stopped=should_stop(now))
            _tell(hooks, now)
        states.append(hosts.gathered(now.state))
        first_batch += phase.num_steps
    return states


def _tell(hooks: Sequence[Hook], progress: Progress) -> None:
    """Calls the hooks."""
    for hook in hooks:
        hook(progress)


def _newest(store: Store, start: State) -> tuple[int, State]:
    """Returns the last step kept and its state; `NONE` and the state it starts in if none was."""
    return store.newest(start) or (NONE, start)
