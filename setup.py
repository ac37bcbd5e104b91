"""Installs `configs/` and `weights_conversion/` inside the package; see pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["minegan_jax", "minegan_jax.*"]),
        "minegan_jax.configs",
        "minegan_jax.weights_conversion",
    ],
    package_dir={
        "minegan_jax.configs": "configs",
        "minegan_jax.weights_conversion": "weights_conversion",
    },
    include_package_data=False,  # but what is named here, not all that the sdist holds
    package_data={"minegan_jax": ["assets/*/*", "report/page.*", "py.typed"]},
)
