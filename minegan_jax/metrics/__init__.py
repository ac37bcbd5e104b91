"""Arrays to numbers: distances, diversity, copies. No model, no file."""
