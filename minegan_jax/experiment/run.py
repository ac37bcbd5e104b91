"""The composition root: a config becomes a run folder, and a run folder images and reports.

Reading guide: `train` starts a run or resumes it and returns the `Run` that a user holds.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from minegan_jax import run_folder
from minegan_jax.config import FIELDS, Config, flat, from_values, replaced
from minegan_jax.data import Dataset, TargetConfig, make_batch_at
from minegan_jax.data.identity import identity
from minegan_jax.errors import InputError
from minegan_jax.experiment import (
    build,
    early_stopping,
    export,
    load_sources,
    target_images,
    used_fields,
)
from minegan_jax.experiment import hooks as run_hooks
from minegan_jax.files import as_path
from minegan_jax.mining.view import in_words
from minegan_jax.report import evaluator, image_grids, report, source_usage
from minegan_jax.report.record import Report
from minegan_jax.sampling import generator as generators
from minegan_jax.sampling.generator import Generator
from minegan_jax.sources import Source, load_source
from minegan_jax.training import checkpoints, devices, hooks, hosts, log, loop, tensorboard
from minegan_jax.training.checkpoints import Checkpoints
from minegan_jax.training.learner import State
from minegan_jax.types import Pixels

LOG = logging.getLogger(__name__)
GRID, FEW = 8, 4  # rows and columns of a grid of samples, and of a grid of large ones


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder and what its config describes."""

    workdir: Path
    experiment: build.Experiment

    def generator(self, phase: str | None = None, weights: str | None = None) -> Generator:
        """Returns the generator that a phase left; the last phase by default.

        Args:
          phase: its name; or "source", or "source NAME" of several, for a source as it came.
          weights: "ema" or "raw"; None takes the EMA where there is one.

        Raises:
          InputError: there is no such phase, it has no checkpoint, or there are no such weights.
        """
        methods = self.experiment.methods
        name = phase or self.phases_done()[-1]
        if name in methods:
            return self._trained(name, weights)[1]
        unmined = self._unmined_names()
        if name not in unmined:
            known = ", ".join([*methods, *unmined])
            raise InputError(f"no phase {name!r} in {self.workdir}: expected {known}")
        if weights == "ema":
            raise InputError("weights 'ema': a source as it came has none: expected raw")
        return self._as_it_came(unmined[name])

    def state(self, phase: str | None = None) -> State:
        """Returns everything that training kept of a phase; of the last one by default."""
        return self._read(phase or self.phases_done()[-1], lambda state: state)[1]

    def of_state(self, phase: str, state: State) -> Generator:
        """Returns the generator of a phase's state, by its EMA where there is one."""
        return generators.of_state(self.experiment.methods[phase], state, self.source_names)

    def unmined(self) -> dict[str, Generator]:
        """Returns the sources as they came, drawn from their prior; none if there are none."""
        return {name: self._as_it_came(source) for name, source in self._unmined_names().items()}

    def _unmined_names(self) -> dict[str, Source]:
        """Returns the sources by what they are called in the place of a phase."""
        loaded = self.experiment.sources
        return {"source" if len(loaded) == 1 else f"source {s.name}": s for s in loaded}

    def _as_it_came(self, source: Source) -> Generator:
        """Returns a source whose images come out and are measured like those of the run."""
        view, names = self.experiment.view, self.source_names
        return generators.of_source(
            source.with_weights(),
            self.experiment.config.classes,
            **self.experiment.handed_out._asdict(),
            to_measured=view and view.measured[names.index(source.name)],
        )

    @property
    def source_names(self) -> tuple[str, ...]:
        """The names of the sources, in the config's order; without any a run is its own."""
        names = tuple(source.name for source in self.experiment.sources)
        return names or (self.experiment.config.method,)

    def sample(
        self,
        num_images: int,
        seed: int = 0,
        phase: str | None = None,
        weights: str | None = None,
    ) -> Pixels:
        """Draws (num_images, height, width, channels) in [0, 255]; one seed, one set of images."""
        return self.generator(phase, weights).sample(num_images, seed)

    def evaluate(
        self,
        num_images: int | None = None,
        seed: int = 0,
        weights: str | None = None,
        **networks: str | None,
    ) -> Report:
        """Measures every finished phase; writes the report, returns what `report.json` holds.

        Args:
          num_images: generated images to measure; None takes the config's.
          seed: of the generated images and of the measures' subsets.
          weights: of the phases, as for `generator`.
          **networks: `features`, `classifier` or `diversity`, in the place of the config's.

        Raises:
          InputError: the target's images have changed since the run was trained.
        """
        config = self.experiment.config
        dataset = target_images.load(self.experiment)
        target_images.check_unchanged(dataset, run_folder.read_identity(self.workdir)["target"])
        asked = {"num_images": num_images, **networks}
        given = {name: value for name, value in asked.items() if value is not None}
        how = evaluator.Recipe(replaced(config, {"report": given}).report, seed, weights)
        subject = self.subject(how, dataset)
        return report.write_report(self.workdir, subject)

    def subject(self, how: evaluator.Recipe, dataset: Dataset) -> report.Subject:
        """Returns the subject of a report: the sources, and every phase with a checkpoint."""
        names = self.phases_done()
        planned = {phase.name: phase.num_steps for phase in self.experiment.phases}
        trained, steps = {}, {}
        for name in names:
            done, trained[name] = self._trained(name, how.weights)
            steps[name] = report.Steps(done, planned[name])
        return report.Subject(
            recipe=how,
            dataset=dataset,
            phases={**self.unmined(), **trained},
            steps=steps,
            sources=[source.with_weights() for source in self.experiment.sources],
            selection=self._selection(names[-1]),
            flip=self.experiment.config.target.flip,
            remarks=target_images.remarks(dataset, _started_from(self.experiment)),
            view=_view_in_words(self.experiment),
        )

    def _selection(self, phase: str) -> source_usage.Selection | None:
        """Returns how several sources compete after a phase; None where there are not several."""
        method = self.experiment.methods[phase]
        if len(self.experiment.sources) < 2 or method.score_sources is None:
            return None
        state = self.state(phase)
        return source_usage.Selection(method.selector(state), partial(method.score_sources, state))

    def phases_done(self) -> list[str]:
        """Returns the phases that have a checkpoint, in the order in which they run."""
        names = [p.name for p in self.experiment.phases]
        done = [n for n in names if checkpoints.any_in(self.workdir / run_folder.CHECKPOINTS / n)]
        if not done:
            raise InputError(f"{self.workdir}: expected a trained phase, found no checkpoint yet")
        return done

    def _trained(self, name: str, weights: str | None) -> tuple[int, Generator]:
        """Reads what draws images as a phase left it, and after how many steps it was kept."""
        method = self.experiment.methods[name]
        kind = generators.chosen_kind(method, weights)
        done, parts = self._read(name, generators.select_parts(method, kind))
        return done, generators.of_parts(method, parts, self.source_names, kind)

    def _read(self, name: str, select: Callable[[State], Any]) -> tuple[int, Any]:
        """Reads a part of a phase's newest state, and after how many of its steps it was kept."""
        shapes = None
        for phase in self.experiment.phases:
            shapes = jax.eval_shape(phase.learner.init, shapes, jax.random.key(0))
            if phase.name == name:
                break
        store = Checkpoints(self.workdir / run_folder.CHECKPOINTS / name)
        stored = store.newest_part(shapes, select)
        if stored is None:
            raise InputError(f"{self.workdir}: phase {name!r} has no checkpoint yet")
        return stored[0], jax.device_put(stored[1])


def open_run(workdir: str | Path, sources: Sequence[str | Source] = ()) -> Run:
    """Opens a run folder.

    Args:
      workdir: the folder.
      sources: the run's, or where they lie now, in its order; empty: where they were.

    Raises:
      InputError: it is none, or its sources are gone or have changed.
    """
    folder = as_path(workdir)
    stored = run_folder.read_identity(folder)
    locations = [each.location if isinstance(each, Source) else each for each in sources]
    config = from_values(stored["config"])
    if sources:
        config = replaced(config, {"sources": tuple(locations)})
    given = [each for each in sources if isinstance(each, Source)]
    # Their weights lie in the checkpoints; which are broken, only the sources' own tell.
    load = _loader(given, weights_too=config.exclude_broken)
    run = Run(folder, build.build(config, load))
    digests = _source_digests(run.experiment)
    if list(digests.values()) != list(stored["sources"].values()):
        raise InputError(f"{workdir}: trained with sources {stored['sources']}, found {digests}")
    return run


def mine(
    from_sources: Sequence[Source],
    target: TargetConfig,
    *,
    workdir: str | Path,
    **fields: Any,
) -> Run:
    """Mines sources for a target, then finetunes them: `train` for use from Python.

    Args:
      from_sources: as they are, loaded by `load_source` or made by `sources.in_memory`; the critic
        starts from the first one's.
      target: from `open_images`.
      workdir: the run folder; an unfinished run in it is resumed.
      **fields: any other of `Config`, or fields of its sections: run={"mine_steps": 300}.
    """
    locations = tuple(source.location for source in from_sources)
    config = from_values({"sources": locations, "target": target, **fields})
    used_fields.check(config, flat(fields))
    return train(config, workdir, _loader(from_sources))


def _loader(given: Sequence[Source], *, weights_too: bool = True) -> load_sources.Load:
    """Returns a loader that finds a source among the given ones, and reads any other."""
    by_location = {source.location: source for source in given}

    def load(name: str) -> Source:
        if name not in by_location:
            return load_source(name, weights_too=weights_too)
        return by_location[name].with_weights() if weights_too else by_location[name]

    return load


def train(config: Config, workdir: str | Path, load: load_sources.Load = load_source) -> Run:
    """Runs an experiment in its folder, from the start or from where it was cut.

    Args:
      config: of the run.
      workdir: its folder.
      load: loads a source by what the config calls it.

    Raises:
      InputError: the config, the images or the folder do not allow it.
    """
    devices.use_compilation_cache()
    target_shape = partial(target_images.first_shape, config.target)
    run = Run(as_path(workdir), build.build(config, load, target_shape))
    config = run.experiment.config
    mesh = devices.make_mesh(config.run.batch_size, accumulation=config.run.accumulation_steps)
    networks = evaluator.load_evaluator(config.report)  # what does not exist is better found now
    # Layers that do not fit are found before the folder is made.
    shapes = jax.eval_shape(run.experiment.phases[0].learner.init, None, jax.random.key(0))
    dataset = target_images.load(run.experiment)
    target_images.check(run.experiment, dataset)
    for caution in filter(None, _cautions(run, shapes, networks, dataset)):
        LOG.warning("%s", caution)
    write = log.writer(run.workdir / run_folder.METRICS)
    if config.run.tensorboard:
        write = tensorboard.mirror(write, run.workdir / run_folder.TENSORBOARD)
    should_stop = early_stopping.make_stop_fn(
        config, dataset, run.experiment.methods, run.of_state, write
    )
    _claim_folder(run, dataset)
    directory = run.workdir / run_folder.CHECKPOINTS
    stores = {phase.name: Checkpoints(directory / phase.name) for phase in run.experiment.phases}
    batch_at = make_batch_at(
        dataset.train,
        dataset.train_labels,
        batch_size=config.run.batch_size,
        turns=build.turns(config),
        seed=config.run.seed,
        flip=config.target.flip,
        sharding=devices.split(mesh),
    )
    with (
        hooks.progress_bars(shown=hosts.is_primary()) as show_progress,
        hosts.watched(config.run.stuck_seconds) as is_alive,
    ):
        states = loop.run(
            run.experiment.phases,
            batch_at,
            mesh=mesh,
            seed=config.run.seed,
            stores=list(stores.values()),
            hooks=[show_progress, *_hooks(run, dataset, stores, write), is_alive],
            should_stop=should_stop,
        )
    if hosts.is_primary():
        _finish(run, dict(zip(stores, states, strict=True)), dataset)
    return run


def _cautions(
    run: Run, shapes: State, networks: evaluator.Evaluator, dataset: Dataset
) -> Iterator[str]:
    """Yields what a user should know before a run trains; `shapes` are of its first state."""
    yield devices.unused_accelerator(shapes)
    if run.experiment.methods:
        yield evaluator.caution(networks.features, dataset)
    yield from build.lagging_emas(run.experiment)
    yield from target_images.remarks(dataset, _started_from(run.experiment))


def _claim_folder(run: Run, dataset: Dataset) -> None:
    """Makes the run folder, or makes sure that the one that is there is of this run.

    Raises:
      InputError: it is of another, or processes do not agree on what they run.
    """
    described = _identity(run.experiment, dataset)
    hosts.assert_equal("config, sources or images", described)
    if hosts.is_primary():
        defaults = {path: field.default for path, field in FIELDS.items()}
        may_grow = _last_steps(run.experiment.config)
        run_folder.create_or_check(run.workdir, described, may_grow=may_grow, defaults=defaults)


def _view_in_words(experiment: build.Experiment) -> str:
    """Says how images are measured where that is not how they are handed out; else nothing."""
    if experiment.view is None or not any(experiment.view.measured):
        return ""
    names = [source.name for source in experiment.sources]
    return in_words(experiment.view, names)


def _finish(run: Run, states: dict[str, State], dataset: Dataset) -> None:
    """Writes what a trained run leaves, unless it lies there; `states` are by phase."""
    export.export(run.experiment, run.workdir, states, dataset)
    if not run.experiment.methods:
        return
    subject = run.subject(evaluator.Recipe(run.experiment.config.report), dataset)
    if not report.is_current(run.workdir, subject):
        report.write_report(run.workdir, subject)


def _last_steps(config: Config) -> str:
    """The field with the last phase's steps, which may become more in the same folder."""
    only_mines = config.method == "minegan" and not config.run.finetune_steps
    finetunes = config.method in ("minegan", "transfergan", "bsa")
    name = "mine_steps" if only_mines else "finetune_steps" if finetunes else "train_steps"
    return f"run.{name}"


def _identity(experiment: build.Experiment, dataset: Dataset) -> dict[str, Any]:
    """Returns the run's identity: config, sources and images, which decide its every bit."""
    return {
        "config": used_fields.record(experiment.config),
        "sources": _source_digests(experiment),
        "target": identity(dataset),
    }


def _started_from(experiment: build.Experiment) -> list[Source]:
    """Returns the sources whose generators or critic a run starts from, each once."""
    used = *experiment.sources, experiment.critics_source
    return list({source.location: source for source in used if source}.values())


def _source_digests(experiment: build.Experiment) -> dict[str, str]:
    """Returns the digests of what a run starts from, by where it was loaded from."""
    digests = {source.location: source.sha256 for source in _started_from(experiment)}
    if experiment.guide:
        named = experiment.config.baseline
        digests[str(named.classifier or named.perceptual)] = experiment.guide.sha256
    return digests


def _hooks(
    run: Run, dataset: Dataset, stores: dict[str, Checkpoints], write: log.Write
) -> list[loop.Hook]:
    """Lines up what happens beside training; the checkpoint comes last, when all is written."""
    experiment = run.experiment
    config, methods = experiment.config, experiment.methods

    def sample(phase: str, state: State) -> Pixels:
        count = GRID if experiment.handed_out.resolution <= image_grids.LARGEST else FEW
        return run.of_state(phase, state).sample(count**2, config.run.seed)

    save_samples = run_hooks.save_samples(run.workdir / run_folder.SAMPLES, sample)
    looking = [hooks.led_every(config.run.sample_every_steps, save_samples)]
    if config.run.evaluate_every_steps:
        quick = evaluator.quick_measure(evaluator.Recipe(config.report), dataset, run.of_state)
        looking.append(
            hooks.led_every(config.run.evaluate_every_steps, run_hooks.evaluate(write, quick))
        )
    if len(run.source_names) > 1:
        table = partial(source_usage.selector_table, run.source_names)
        write_selector = run_hooks.write_selector(write, table, methods)
        looking.append(hooks.led_every(config.run.log_every_steps, write_selector))
    return [
        *([hooks.wait_for_step] if hosts.is_multihost() and jax.default_backend() == "cpu" else []),
        *([hooks.write_metrics(write, config.run.log_every_steps)] if hosts.is_primary() else []),
        *(looking if methods else []),
        hooks.led_every(config.run.checkpoint_every_steps, hooks.save_checkpoints(stores)),
    ]
