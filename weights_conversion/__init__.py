"""Published weight files as sources: one command for each format."""
