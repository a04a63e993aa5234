"""What operators see: the state, the figures, and what failed lately."""
