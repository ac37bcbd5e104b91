"""Drawing images: from seeds, along walks, from adapters."""
