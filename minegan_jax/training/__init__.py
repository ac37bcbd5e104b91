"""The one training loop, its hooks, checkpoints, devices and hosts; it knows no method."""
