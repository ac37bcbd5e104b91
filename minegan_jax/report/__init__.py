"""What a run shows: measured, drawn and written."""
