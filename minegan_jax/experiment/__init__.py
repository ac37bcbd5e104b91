"""A config becomes a run folder: sources and images in, a trained and measured generator out."""

from minegan_jax.experiment.manifold import project as project
from minegan_jax.experiment.run import Run as Run
from minegan_jax.experiment.run import mine as mine
from minegan_jax.experiment.run import open_run as open_run
from minegan_jax.experiment.run import train as train
from minegan_jax.experiment.samples import Request as Request
from minegan_jax.experiment.samples import parse_seeds as parse_seeds
from minegan_jax.experiment.samples import write_samples as write_samples
