"""Pretrained GANs on disk: loaded, checked, described and saved."""

from minegan_jax.sources.source import JSON_NAME as JSON_NAME
from minegan_jax.sources.source import NETWORKS as NETWORKS
from minegan_jax.sources.source import PACKAGED as PACKAGED
from minegan_jax.sources.source import SEEN as SEEN
from minegan_jax.sources.source import Source as Source
from minegan_jax.sources.source import in_memory as in_memory
from minegan_jax.sources.source import load_source as load_source
from minegan_jax.sources.source import makes_images as makes_images
from minegan_jax.sources.source import packaged_sources as packaged_sources
from minegan_jax.sources.source import save_source as save_source
