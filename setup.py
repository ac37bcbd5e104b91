"""Installs `configs/` as `minegan_jax.configs`; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["minegan_jax", "minegan_jax.*"]), "minegan_jax.configs"],
    package_dir={"minegan_jax.configs": "configs"},
    package_data={"minegan_jax": ["assets/*/*", "py.typed"]},
)
