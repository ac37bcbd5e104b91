"""Takes a config to the shapes of its first step, with sources whose weights nobody makes."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import oracles

from minegan_jax import sources
from minegan_jax.config import Config
from minegan_jax.experiment import build
from minegan_jax.mining.noise import zero_noise
from minegan_jax.nets import family
from minegan_jax.training import devices
from minegan_jax.types import Batch

Shapes = Mapping[str, Any]  # of the state that each phase starts with, and of its images
PROGAN = {"latent_size": 512, "width": 512, "channels": 3}
DCGAN = {"channels": 3, "width": 64, "latent_size": 100}
IMAGENET = {"channels": 3, "num_classes": 1000}
# Networks as published: family and arguments, which the conversions find in the files.
PUBLISHED = {
    "biggan": ("biggan", {**IMAGENET, "resolution": 128, "latent_size": 120, "width": 96}),
    "biggan_deep": (
        "biggan_deep",
        {**IMAGENET, "resolution": 128, "latent_size": 128, "width": 128},
    ),
    "dcgan": ("dcgan", {"resolution": 32, "channels": 3, "width": 64, "latent_size": 100}),
    "sngan": ("sngan", {**IMAGENET, "resolution": 128, "latent_size": 128, "width": 64}),
    "stylegan2": (
        "stylegan2",
        {**{"resolution": 256, "channels": 3, "width": 64, "latent_size": 512}, "clamp": 256.0},
    ),
    "mobilestylegan": (
        "mobilestylegan",
        {"resolution": 1024, "channels": 3, "width": 64, "latent_size": 512},
    ),
    "dcgan_64": ("dcgan_stack", {"resolution": 64, **DCGAN}),
    "dcgan_32": ("dcgan_stack", {"resolution": 32, **DCGAN}),
    "progan_256": ("progan", {**PROGAN, "resolution": 256}),
    "progan_1024": ("progan", {**PROGAN, "resolution": 1024}),
}


def of_config(config: Config) -> tuple[str, Mapping[str, Any]]:
    """The networks that a config trains from nothing, and leaves as a source."""
    return config.network.family, family.arguments_of(config.network)


@functools.cache
def _networks(name: str, arguments: str) -> tuple[family.Networks, Any]:
    networks = family.build(name, json.loads(arguments))
    return networks, jax.eval_shape(networks.init, jax.random.key(0))


def stand_in(location: str, networks: tuple[str, Mapping[str, Any]]) -> sources.Source:
    """A source of which only the shapes of the weights are known."""
    name, arguments = networks
    built, (generator, critic) = _networks(name, json.dumps(arguments))
    description = {"family": name, "arguments": arguments}
    return sources.Source(location, location, built, generator, critic, "", description)


def take(
    config: Config,
    stand_ins: Mapping[str, sources.Source],
    monkeypatch: Any,
    *,
    with_step: bool = True,
) -> tuple[build.Experiment, Shapes]:
    """Builds a config, and traces its first step with a batch of the config's size.

    Nothing is compiled and no weight of a stand-in is made, so that the largest networks cost what
    it takes to read their code.

    Args:
      config: of one run.
      stand_ins: the sources that it names, by location; others are loaded.
      monkeypatch: pytest's.
      with_step: whether to trace the step, which takes most of the time.

    Returns:
      What the config describes, and the shapes of each phase.
    """
    packaged = sources.packaged_sources()
    built: list[build.Experiment] = []
    run = config.run
    mesh = devices.make_mesh(run.batch_size, jax.devices()[:1], accumulation=run.accumulation_steps)

    def trace(weights: Mapping[str, Any]) -> Shapes:
        def load_traced(location: str) -> sources.Source:
            # Without weights of its own, nothing asks what images a source makes.
            if location not in stand_ins:
                return sources.load_source(location)._replace(has_weights=False)
            generator, critic = weights[location]
            stand_in = stand_ins[location]
            return stand_in._replace(generator=generator, critic=critic, has_weights=False)

        names = [*packaged, *stand_ins]
        monkeypatch.setattr(sources, "packaged_sources", lambda: names)
        built.append(build.build(config, load_traced))
        return _trace(built[-1], mesh if with_step else None)

    weights = {name: (each.generator, each.critic) for name, each in stand_ins.items()}
    with monkeypatch.context() as monkeypatch:
        shapes = jax.eval_shape(trace, weights)
    return built[-1], shapes


def _trace(experiment: build.Experiment, mesh: jax.sharding.Mesh | None) -> Shapes:
    """Starts each phase, takes the first step on a mesh, and draws two images of each phase."""
    state, shapes = None, {}
    for phase in experiment.phases:
        state = phase.learner.init(state, jax.random.key(0))
        if mesh and not shapes and phase.num_steps:
            step: Callable[..., Any] = devices.compile_step(phase.learner, mesh)
            state, metrics = step(state, _batch(experiment), jax.random.key(0))
            assert metrics
        method = experiment.methods.get(phase.name)
        noise = method and zero_noise(2, method.sources[0].noise)
        images = method and oracles.images_of(method, state, noise)
        shapes[phase.name] = state, images
    return shapes


def _batch(experiment: build.Experiment) -> Batch:
    """A batch of black images."""
    places = experiment.config.run.batch_size, build.turns(experiment.config)
    size = experiment.resolution, experiment.resolution, experiment.channels
    numbers = jnp.zeros(places, jnp.int32)
    return Batch(jnp.zeros((*places, *size), jnp.uint8), numbers, numbers)
