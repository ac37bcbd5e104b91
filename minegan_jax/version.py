"""The version of this package, which pyproject.toml and the records of runs read."""

__version__ = "0.2.0"
