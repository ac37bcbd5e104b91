"""Mine pretrained GANs for a handful of target images (MineGAN, CVPR 2020), in JAX and Flax."""

from minegan_jax.errors import InputError as InputError
from minegan_jax.experiment import Run as Run
from minegan_jax.experiment import mine as mine
from minegan_jax.experiment import open_run as open_run
from minegan_jax.experiment import train as train
from minegan_jax.experiment.target_images import open_images as open_images
from minegan_jax.sampling.adapter import load_adapter as load_adapter
from minegan_jax.sources import load_source as load_source
from minegan_jax.version import __version__ as __version__
