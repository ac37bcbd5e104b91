"""Loads target images whose config is written as keywords."""

from minegan_jax import data


def load_dataset(spec, *, resolution, channels, **fields):
    """Loads what a config of these fields names."""
    target = data.TargetConfig(images=spec, **fields)
    return data.load_dataset(target, resolution=resolution, channels=channels)
