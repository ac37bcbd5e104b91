"""Frozen networks that look at images: their features, and what they recognise."""
