"""Families of networks and their layers; no losses, files or configs."""
