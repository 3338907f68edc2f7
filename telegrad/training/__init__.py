"""Training: the loop, evaluation, and what a run leaves on disk."""
