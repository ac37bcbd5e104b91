"""What two runs that should be one are compared by."""

from minegan_jax import experiment, trees
from minegan_jax.training import log


def outcome(workdir):
    """Returns everything that must not differ."""
    run = experiment.open_run(workdir)
    lines = log.read(workdir / "metrics.jsonl")
    for line in lines:
        del line["steps_per_second"]
    files = ("report.json", "adapter/adapter.json", "adapter/weights.safetensors")
    return {
        "states": {name: trees.digest(run.state(name)) for name in run.phases_done()},
        "metrics": lines,
        **{name: (workdir / name).read_bytes() for name in files},
    }
