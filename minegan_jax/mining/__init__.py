"""The paper's method (section 3): losses, miners, supersamples, the selector, and the game."""
